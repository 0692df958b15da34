//! Contacts: people who work for a member, an organisation or a contact area. Their data is
//! personal data, so that reads are logged.

pub mod add;
pub mod areas;
pub mod changes;
mod details;
pub(crate) mod email_addresses;
pub mod erase;
pub mod subject_access;
pub(crate) mod token_revocation;
pub mod update;

use std::collections::HashMap;

use ::entity::{
    contact::{Column, Entity, Model},
    id::{ContactAreaId, ContactId, MemberId, OrganisationId},
    kind::ContactRole,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, DbBackend, ExprTrait,
    sea_query::{Expr, Query, SelectStatement},
};

use crate::{
    activity_slugs::ListFilter,
    audit::reads,
    auth::viewer::Resource,
    context::Context,
    database::{among, among_words},
    error::Result,
    members::of_visible_member,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// Filter of contacts; a contact must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Roles, one of which the contact must have; empty: any.
    pub roles: Vec<ContactRole>,
    /// The member that the contact works for.
    pub member: Option<MemberId>,
    /// The organisation that the contact works for.
    pub organisation: Option<OrganisationId>,
    /// The contact area that the contact represents on the board.
    pub contact_area: Option<ContactAreaId>,
    /// A day on which the contact is in its role, as far as is known.
    pub valid_on: Option<NaiveDate>,
    /// Words, or beginnings of words, that must all occur in the name and the e-mail address: see
    /// [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {}

/// A field that contacts can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name, in Swedish order.
    Name,
    /// The word of the role, then the name.
    Role,
    /// First day in the role; contacts without a known one first.
    ValidFrom,
}

/// Returns an order of contacts. Its cursors may contain names. The expressions are the same as in
/// the indexes.
#[must_use]
pub fn order(backend: DbBackend, field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::Name => ("NAME", column(Column::NameKey), KeyType::Text),
        Field::Role => {
            let key = "(\"contact\".\"role\" || ' ' || \"contact\".\"name_key\")";
            ("ROLE", Expr::cust(key), KeyType::Text)
        }
        Field::ValidFrom => {
            let is_postgres = backend == DbBackend::Postgres;
            let first = if is_postgres { "DATE '1900-01-01'" } else { "'1900-01-01'" };
            let key = format!("COALESCE(\"contact\".\"valid_from\", {first})");
            ("VALID_FROM", Expr::cust(key), KeyType::Day)
        }
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Selects contacts who are in their role on the day, or whose role has no known dates.
fn current(on: NaiveDate) -> Condition {
    Condition::all()
        .add(
            Condition::any()
                .add(column(Column::ValidFrom).is_null())
                .add(column(Column::ValidFrom).lte(on)),
        )
        .add(
            Condition::any()
                .add(column(Column::ValidTo).is_null())
                .add(column(Column::ValidTo).gte(on)),
        )
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select()
        .from(Entity)
        .cond_where(of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            column(Column::MemberId),
        ))
        .order_by_expr(column(Column::NameKey), sea_orm::Order::Asc)
        .order_by_expr(column(Column::Id), sea_orm::Order::Asc)
        .take()
}

/// Returns `true` if the columns identify a person.
fn identifies(columns: &[Column]) -> bool {
    columns.iter().any(|column| matches!(column, Column::Name | Column::Email | Column::Phone))
}

/// Runs a statement of [`select`]. Records in the read log that the viewer read the contacts if the
/// columns identify a person.
async fn read(ctx: Context<'_>, select: SelectStatement, columns: &[Column]) -> Result<Vec<Model>> {
    let found: Vec<Model> = query::rows(ctx.db.read(), select, columns).await?;
    if identifies(columns) {
        reads::note(ctx, found.iter().map(|row| row.id))?;
    }
    Ok(found)
}

/// Returns those of these contacts that the viewer can read.
pub async fn by_ids(ctx: Context<'_>, ids: &[ContactId], columns: &[Column]) -> Result<Vec<Model>> {
    let mut select = select(ctx);
    select.and_where(among(ctx.db.backend(), column(Column::Id), ids.iter().copied()));
    read(ctx, select, columns).await
}

/// Returns the current contacts of these members, as far as the viewer can read them.
pub async fn of_members(
    ctx: Context<'_>,
    members: &[MemberId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx);
    select
        .and_where(among(ctx.db.backend(), column(Column::MemberId), members.iter().copied()))
        .cond_where(current(ctx.clock.today()));
    read(ctx, select, columns).await
}

/// Returns the current board contacts of these contact areas, as far as the viewer can read them.
pub async fn of_areas(
    ctx: Context<'_>,
    areas: &[ContactAreaId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx);
    select
        .and_where(among(ctx.db.backend(), column(Column::ContactAreaId), areas.iter().copied()))
        .cond_where(current(ctx.clock.today()));
    read(ctx, select, columns).await
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select()
        .from(Entity)
        .cond_where(of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            column(Column::MemberId),
        ))
        .take();
    if !filter.roles.is_empty() {
        let roles = filter.roles.iter().map(|role| role.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Role), roles));
    }
    if let Some(member) = filter.member {
        select.and_where(column(Column::MemberId).eq(member));
    }
    if let Some(organisation) = filter.organisation {
        select.and_where(column(Column::OrganisationId).eq(organisation));
    }
    if let Some(area) = filter.contact_area {
        select.and_where(column(Column::ContactAreaId).eq(area));
    }
    if let Some(day) = filter.valid_on {
        select.cond_where(current(day));
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::Contact,
        column(Column::Id),
        text,
    ));
    select
}

/// Returns a page of the contacts that the viewer can read and that match the filter. Records in
/// the read log that the viewer read them if the columns identify a person; a caller that shows
/// cursors must select the name too.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    let found = page::fetch(ctx.db.read(), matching(ctx, filter), page).await?;
    if identifies(&page.columns) {
        reads::note(ctx, found.rows.iter().map(|(_, row)| row.id))?;
    }
    Ok(found)
}

/// Counts the contacts that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// A contact as everyone with a token may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedContact {
    /// Role of the contact.
    pub role: ContactRole,
    /// Name, if the person agreed to be named.
    pub name: Option<String>,
}

/// Returns these contacts as everyone with a token may see them. Such a read of a name is not
/// logged: the person agreed to it.
pub async fn published(
    ctx: Context<'_>,
    ids: &[ContactId],
) -> Result<HashMap<ContactId, PublishedContact>> {
    let columns = [Column::Id, Column::Role, Column::Name, Column::NamePublishedOn];
    let select = Query::select().from(Entity).take();
    let found: Vec<Model> =
        query::rows_among(ctx.db, select, Column::Id, ids, &[], &columns).await?;
    let published = |row: Model| {
        let name = row.name_published_on.map(|_| row.name);
        (row.id, PublishedContact { role: row.role, name })
    };
    Ok(found.into_iter().map(published).collect())
}
