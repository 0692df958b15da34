//! Organisations: counterparties that are not members.

pub mod add;
pub mod billing;
pub mod remove;
pub mod update;

use ::entity::{
    agreement,
    id::OrganisationId,
    number::OrgNumber,
    organisation::{Column, Entity, Model},
};
use sea_orm::{
    ColumnTrait, Condition, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};

use crate::{
    activity_slugs::ListFilter,
    auth::viewer::Resource,
    context::Context,
    database::{Database, among_words},
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// Filter of organisations; an organisation must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `true` for those with agreements that the viewer can read, `false` for the others.
    pub has_agreements: Option<bool>,
    /// Words, or beginnings of words, that must all occur in the name and the organisation number:
    /// see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {}

/// A field that organisations can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name, in Swedish order.
    Name,
    /// Organisation number; those without one first.
    OrgNumber,
}

/// Returns an order of organisations.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key) = match field {
        Field::Name => ("NAME", column(Column::NameKey)),
        // As in the index.
        Field::OrgNumber => {
            ("ORG_NUMBER", Expr::cust("COALESCE(\"organisation\".\"org_number\", '')"))
        }
    };
    Order { name, key, key_type: KeyType::Text, id: column(Column::Id), descending }
}

/// Selects the organisations that the viewer can read: all of them, or, for an activity lead, those
/// that have agreements about its activities.
pub(crate) fn visible(ctx: Context<'_>) -> Condition {
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    // Members read their own agreements, and the counterparty in those is the network.
    if visibility.all
        || (ctx.viewer.visibility(Resource::Members).all && visibility.activities.is_empty())
    {
        return Condition::all();
    }
    let activities = activities_of(ctx.db, &visibility.activities);
    let counterparties = Query::select()
        .column(agreement::Column::OrganisationId)
        .from(agreement::Entity)
        .and_where(agreement::Column::OrganisationId.is_not_null())
        .and_where(Expr::col(agreement::Column::ActivityId).in_subquery(activities))
        .take();
    Condition::all().add(column(Column::Id).in_subquery(counterparties))
}

/// Selects the ids of the activities with these slugs.
fn activities_of(db: &Database, slugs: &[String]) -> SelectStatement {
    use ::entity::activity;
    let slug = Expr::col((activity::Entity, activity::Column::Slug));
    Query::select()
        .column(activity::Column::Id)
        .from(activity::Entity)
        .and_where(among_words(db.backend(), slug, slugs))
        .take()
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(ctx)).take()
}

/// Returns those of these organisations that the viewer can read.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[OrganisationId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx), Column::Id, ids, &[], columns).await
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx);
    if let Some(has_agreements) = filter.has_agreements {
        let own = Expr::col((agreement::Entity, agreement::Column::OrganisationId));
        let theirs = Query::select()
            .expr(Expr::cust("1"))
            .from(agreement::Entity)
            .and_where(own.eq(column(Column::Id)))
            .cond_where(readable_agreements(ctx))
            .take();
        let found = Expr::exists(theirs);
        select.and_where(if has_agreements { found } else { found.not() });
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::Organisation,
        column(Column::Id),
        text,
    ));
    select
}

/// Selects the agreements with organisations that the viewer can read.
fn readable_agreements(ctx: Context<'_>) -> Condition {
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    if visibility.all {
        return Condition::all();
    }
    Condition::all().add(
        Expr::col((agreement::Entity, agreement::Column::ActivityId))
            .in_subquery(activities_of(ctx.db, &visibility.activities)),
    )
}

/// Returns a page of the organisations that the viewer can read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the organisations that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns the organisation with this organisation number, if the viewer can read it.
pub async fn by_org_number(
    ctx: Context<'_>,
    number: &OrgNumber,
    columns: &[Column],
) -> Result<Option<Model>> {
    query::row(ctx.db, select(ctx), column(Column::OrgNumber).eq(number.clone()), columns).await
}
