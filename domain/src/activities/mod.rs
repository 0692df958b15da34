//! Activities (verksamheter) of the network: types, filters and queries.

mod agreements_in_force;
pub mod close;
pub mod coverage;
pub mod fields;
mod lifecycle;
pub mod loading;
mod parts;
pub mod start;
pub mod status;
pub mod update;

use std::collections::HashMap;

use ::entity::{
    activity::{Column, Entity, Model},
    activity_funding, activity_text, contact, decision,
    id::{ActivityId, ContactId},
    kind::{DecisionBody, FundingKind},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};

use self::status::Status;
use crate::{
    activity_slugs::ListFilter,
    auth::viewer::{Resource, Viewer, Visibility},
    context::Context,
    database::{among, among_words},
    error::Result,
    members::of_visible_member,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column, day_or_never},
    search::{self, EntityType},
};

/// Filter of activities; an activity must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Kinds of funding, one of which the activity must have; empty: any funding.
    pub funding: Vec<FundingKind>,
    /// Statuses, one of which it has on `as_of`; empty: any.
    pub statuses: Vec<Status>,
    /// The day on which the status is evaluated; null for today.
    pub as_of: Option<NaiveDate>,
    /// A day on which the activity runs.
    pub active_on: Option<NaiveDate>,
    /// The contact who leads it; matches nothing if the viewer cannot read the contact.
    pub lead: Option<ContactId>,
    /// The contact on the board; matches nothing if the viewer cannot read the contact.
    pub board_contact: Option<ContactId>,
    /// Bodies, one of which decided to start it; empty: any.
    pub decision_bodies: Vec<DecisionBody>,
    /// Words, or beginnings of words, that must all occur in the name and slug: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {}

/// A field that activities can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name, in Swedish order.
    Name,
    /// First day.
    StartsOn,
    /// Last day; activities until further notice last.
    EndsOn,
}

/// Returns an order of activities. The expressions are the same as in the indexes.
#[must_use]
pub fn order(backend: DbBackend, field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::Name => ("NAME", column(Column::NameKey), KeyType::Text),
        Field::StartsOn => ("STARTS_ON", column(Column::StartsOn), KeyType::Day),
        Field::EndsOn => ("ENDS_ON", day_or_never(backend, Column::EndsOn), KeyType::Day),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Selects the activities that the viewer can read: all of them, since activities are public to
/// everyone with a token.
fn visible(_: &Viewer) -> Condition {
    Condition::all()
}

/// Selects the ids of the activities with these slugs.
pub(crate) fn with_slugs(backend: DbBackend, slugs: &[String]) -> SelectStatement {
    Query::select()
        .expr(column(Column::Id))
        .from(Entity)
        .and_where(among_words(backend, column(Column::Slug), slugs))
        .take()
}

/// Selects the visible rows of a table whose rows belong to an activity and to no member.
pub(crate) fn of_visible_activity(
    backend: DbBackend,
    visibility: &Visibility,
    activity: SimpleExpr,
) -> Condition {
    if visibility.all {
        Condition::all()
    } else if visibility.activities.is_empty() {
        Condition::all().add(query::nothing())
    } else {
        Condition::all().add(activity.in_subquery(with_slugs(backend, &visibility.activities)))
    }
}

/// SQL predicate for [`status::status`]; must agree with it.
fn has_status(status: Status, on: NaiveDate) -> Condition {
    match status {
        Status::Upcoming => Condition::all().add(Column::StartsOn.gt(on)),
        Status::Active => Condition::all()
            .add(Column::StartsOn.lte(on))
            .add(Column::EndsOn.is_null().or(Column::EndsOn.gte(on))),
        Status::Closed => Condition::all().add(Column::StartsOn.lte(on)).add(Column::EndsOn.lt(on)),
    }
}

fn select(viewer: &Viewer) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(viewer)).take()
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx.viewer);
    if !filter.funding.is_empty() {
        let words: Vec<_> = filter.funding.iter().map(|kind| kind.word()).collect();
        let funded = Query::select()
            .column(activity_funding::Column::ActivityId)
            .from(activity_funding::Entity)
            .and_where(among_words(
                ctx.db.backend(),
                Expr::col(activity_funding::Column::Kind),
                words,
            ))
            .take();
        select.and_where(column(Column::Id).in_subquery(funded));
    }
    if !filter.statuses.is_empty() {
        let on = filter.as_of.unwrap_or_else(|| ctx.clock.today());
        let statuses = filter.statuses.iter().map(|status| has_status(*status, on));
        select.cond_where(statuses.fold(Condition::any(), Condition::add));
    }
    if let Some(on) = filter.active_on {
        select.cond_where(has_status(Status::Active, on));
    }
    if let Some(lead) = filter.lead {
        select.and_where(has_contact(ctx.viewer, Column::LeadContactId, lead));
    }
    if let Some(contact) = filter.board_contact {
        select.and_where(has_contact(ctx.viewer, Column::BoardContactId, contact));
    }
    if !filter.decision_bodies.is_empty() {
        let bodies = filter.decision_bodies.iter().map(|body| body.word());
        let decisions = Query::select()
            .column(decision::Column::Id)
            .from(decision::Entity)
            .and_where(among_words(ctx.db.backend(), Expr::col(decision::Column::Body), bodies))
            .take();
        select.and_where(column(Column::DecisionId).in_subquery(decisions));
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::Activity,
        column(Column::Id),
        text,
    ));
    select
}

/// Selects activities with this contact in a column, if the viewer can read the contact: the filter
/// must not reveal a contact that the rows do not show.
fn has_contact(viewer: &Viewer, role: Column, id: ContactId) -> SimpleExpr {
    let visibility = viewer.visibility(Resource::MemberAffairs);
    let member = Expr::col((contact::Entity, contact::Column::MemberId));
    let readable = Query::select()
        .expr(Expr::col((contact::Entity, contact::Column::Id)))
        .from(contact::Entity)
        .and_where(Expr::col((contact::Entity, contact::Column::Id)).eq(id))
        .cond_where(of_visible_member(&visibility, member))
        .take();
    column(role).in_subquery(readable)
}

/// Returns a page of the activities that the viewer can read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the activities that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns all activities that match the filter, ordered by name; for reports.
pub async fn all(ctx: Context<'_>, filter: &Filter, columns: &[Column]) -> Result<Vec<Model>> {
    query::rows_in_order(ctx.db.read(), matching(ctx, filter), &[Column::NameKey], columns).await
}

/// Returns those of these activities that the viewer can read, in no particular order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[ActivityId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx.viewer), Column::Id, ids, &[], columns).await
}

/// Returns the activities with these slugs that the viewer can read, ordered by name.
pub async fn by_slugs(
    ctx: Context<'_>,
    slugs: &[String],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer);
    select
        .and_where(among_words(ctx.db.backend(), column(Column::Slug), slugs))
        .order_by_expr(column(Column::NameKey), sea_orm::Order::Asc);
    query::rows(ctx.db.read(), select, columns).await
}

/// Returns the funding of these activities, in the order of the kinds. The caller has checked that
/// the viewer can read them.
pub async fn funding_of(
    db: &impl ConnectionTrait,
    activities: &[ActivityId],
) -> Result<HashMap<ActivityId, Vec<FundingKind>>> {
    let found = activity_funding::Entity::find()
        .filter(among(
            db.get_database_backend(),
            Expr::col(activity_funding::Column::ActivityId),
            activities.iter().copied(),
        ))
        .order_by_asc(activity_funding::Column::ActivityId)
        .all(db)
        .await?;
    let mut of: HashMap<ActivityId, Vec<FundingKind>> = HashMap::new();
    for row in found {
        of.entry(row.activity_id).or_default().push(row.kind);
    }
    for kinds in of.values_mut() {
        kinds.sort();
    }
    Ok(of)
}

/// Returns the purpose and goal of these activities. The caller has checked that the viewer can
/// read them.
pub async fn texts_of(
    db: &impl ConnectionTrait,
    activities: &[ActivityId],
) -> Result<HashMap<ActivityId, activity_text::Model>> {
    let activity = Expr::col(activity_text::Column::ActivityId);
    let theirs = among(db.get_database_backend(), activity, activities.iter().copied());
    let found = activity_text::Entity::find().filter(theirs).all(db).await?;
    Ok(found.into_iter().map(|row| (row.activity_id, row)).collect())
}
