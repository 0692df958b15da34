//! Members: types, filters and queries.

pub mod admit;
mod agreement_end;
pub mod allocations;
pub mod billing;
pub mod changes;
mod departure;
mod details;
pub(crate) mod ended_agreements;
mod last_day;
pub mod leave;
pub mod merge;
pub(crate) mod municipalities;
pub mod reinstate;
pub mod remove;
pub mod status;
pub(crate) mod succession;
pub mod update;

use std::collections::HashMap;

use ::entity::{
    id::{ContactAreaId, MemberId},
    member::{Column, Entity, Model},
    member_billing, member_former_name, member_municipality,
    number::OrgNumber,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use self::{municipalities::in_order, status::Status};
use crate::{
    activity_slugs::ListFilter,
    auth::viewer::{Resource, Visibility},
    context::Context,
    database::among,
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column, day_or_never},
    search::{self, EntityType, condition::Search},
    term_sql,
};

/// SQL predicate for [`status::status`]; must agree with it.
fn has_status(status: Status, on: NaiveDate) -> Condition {
    match status {
        Status::Upcoming => Condition::all().add(Column::JoinedOn.gt(on)),
        Status::Active => Condition::all()
            .add(Column::JoinedOn.lte(on))
            .add(Column::LeftOn.is_null().or(Column::LeftOn.gte(on))),
        Status::Left => Condition::all().add(Column::JoinedOn.lte(on)).add(Column::LeftOn.lt(on)),
    }
}

/// Filter of members; a member must match every part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Statuses, one of which it has on `as_of`; empty: any.
    pub statuses: Vec<Status>,
    /// The day on which status and participation are evaluated; null for today.
    pub as_of: Option<NaiveDate>,
    /// The contact area.
    pub contact_area: Option<ContactAreaId>,
    /// County (län).
    pub county: Option<String>,
    /// Words, or beginnings of words, that must all occur in the names, the organisation number or
    /// the municipalities: see [`search`].
    pub search: Option<String>,
    /// The member that it was merged into; matches nothing if the viewer cannot read that one.
    pub successor: Option<MemberId>,
    /// Slugs of activities in all of which the member has a participation agreement in force.
    pub in_activity: Vec<String>,
    /// Slugs of activities in none of which the member has one.
    pub not_in_activity: Vec<String>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![
            ("in_activity_slugs", &self.in_activity),
            ("not_in_activity_slugs", &self.not_in_activity),
        ]
    }
}

/// A field that members can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name, in Swedish order.
    Name,
    /// First day of membership.
    JoinedOn,
    /// Last day of membership; present members last.
    LeftOn,
    /// Organisation number; those without one first.
    OrgNumber,
    /// County (län); those without one first.
    County,
}

/// Returns an order of members. The expressions are the same as in the indexes.
#[must_use]
pub fn order(backend: DbBackend, field: Field, descending: bool) -> Order {
    let is_postgres = backend == DbBackend::Postgres;
    let (name, key, key_type) = match field {
        Field::Name => ("NAME", column(Column::NameKey), KeyType::Text),
        Field::JoinedOn => ("JOINED_ON", column(Column::JoinedOn), KeyType::Day),
        Field::LeftOn => ("LEFT_ON", day_or_never(backend, Column::LeftOn), KeyType::Day),
        Field::OrgNumber => {
            let key = Expr::cust("COALESCE(\"member\".\"org_number\", '')");
            ("ORG_NUMBER", key, KeyType::Text)
        }
        // Byte by byte, as SQLite sorts.
        Field::County => {
            let collation = if is_postgres { " COLLATE \"C\"" } else { "" };
            let key = format!("(COALESCE(\"member\".\"county\", ''){collation})");
            ("COUNTY", Expr::cust(key), KeyType::Text)
        }
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Selects the visible rows of a table whose rows belong to a member.
pub(crate) fn of_visible_member(
    visibility: &Visibility,
    member: impl Into<SimpleExpr>,
) -> Condition {
    match (visibility.all, visibility.member) {
        (true, _) => Condition::all(),
        (false, Some(own)) => Condition::all().add(succession::is_own(visibility, own, member)),
        (false, None) => Condition::all().add(query::nothing()),
    }
}

/// Selects the members that the viewer can read.
#[must_use]
pub fn visible(ctx: Context<'_>) -> Condition {
    of_visible_member(&ctx.viewer.visibility(Resource::Members), column(Column::Id))
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(ctx)).take()
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let on = filter.as_of.unwrap_or_else(|| ctx.clock.today());
    let mut select = select(ctx);
    if !filter.statuses.is_empty() {
        let statuses = filter.statuses.iter().map(|status| has_status(*status, on));
        select.cond_where(statuses.fold(Condition::any(), Condition::add));
    }
    if let Some(area) = filter.contact_area {
        select.and_where(Column::ContactAreaId.eq(area));
    }
    if let Some(county) = &filter.county {
        select.and_where(Column::County.eq(county.as_str()));
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::Member,
        column(Column::Id),
        text,
    ));
    if let Some(successor) = filter.successor {
        select.and_where(merged_into(ctx, successor));
    }
    for slug in &filter.in_activity {
        select.and_where(takes_part(ctx, slug, on));
    }
    for slug in &filter.not_in_activity {
        select.and_where(takes_part(ctx, slug, on).not());
    }
    select
}

/// Selects members that were merged into this one, if the viewer can read it: the filter must not
/// reveal a successor that the rows do not show.
fn merged_into(ctx: Context<'_>, successor: MemberId) -> SimpleExpr {
    let other =
        select(ctx).expr(column(Column::Id)).and_where(column(Column::Id).eq(successor)).take();
    column(Column::SuccessorId).in_subquery(other)
}

/// Selects members that participate in the activity by an agreement that the viewer can read, so
/// that the filter reveals no more than the agreements do.
fn takes_part(ctx: Context<'_>, slug: &str, on: NaiveDate) -> SimpleExpr {
    let visibility = ctx.viewer.visibility(Resource::Agreements);
    let found = term_sql::takes_part(slug, on);
    match visibility.member {
        _ if visibility.all || visibility.activities.iter().any(|own| own == slug) => found,
        Some(own) => found.and(succession::is_own(&visibility, own, column(Column::Id))),
        None => query::nothing(),
    }
}

/// Returns the search of a filter that has no other condition, if the viewer can read all rows.
fn searched(ctx: Context<'_>, filter: &Filter) -> Option<Search> {
    let is_alone = *filter == Filter { search: filter.search.clone(), ..Filter::default() };
    let text = filter.search.as_deref().filter(|_| is_alone);
    let search = Search::of(ctx.db.backend(), EntityType::Member, text)?;
    ctx.viewer.visibility(Resource::Members).all.then_some(search)
}

/// Returns a page of the members that the viewer can read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    match searched(ctx, filter) {
        Some(search) => page::fetch_searched(ctx.db.read(), select(ctx), &search, page).await,
        None => page::fetch(ctx.db.read(), matching(ctx, filter), page).await,
    }
}

/// Counts the members that [`list`] pages through. May stop above `at_most`, as
/// [`page::count_at_most`] does.
pub async fn count(ctx: Context<'_>, filter: &Filter, at_most: Option<u64>) -> Result<i64> {
    let found = searched(ctx, filter).map(|search| search.select());
    let select = found.unwrap_or_else(|| matching(ctx, filter));
    page::count_at_most(ctx.db.read(), select, at_most).await
}

/// Returns all members that match the filter, ordered by name; for reports.
pub async fn all(ctx: Context<'_>, filter: &Filter, columns: &[Column]) -> Result<Vec<Model>> {
    query::rows_in_order(ctx.db.read(), matching(ctx, filter), &[Column::NameKey], columns).await
}

/// Returns those of these members that the viewer can read, in no particular order.
pub async fn by_ids(ctx: Context<'_>, ids: &[MemberId], columns: &[Column]) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx), Column::Id, ids, &[], columns).await
}

/// Returns the member with this organisation number, if the viewer can read it.
pub async fn by_org_number(
    ctx: Context<'_>,
    number: &OrgNumber,
    columns: &[Column],
) -> Result<Option<Model>> {
    query::row(ctx.db, select(ctx), Column::OrgNumber.eq(number.clone()), columns).await
}

/// Returns the same page of the members of each of these contact areas.
pub async fn of_each_area(
    ctx: Context<'_>,
    areas: &[ContactAreaId],
    page: &PageRequest<Model>,
) -> Result<HashMap<Uuid, Slice<Model>>> {
    let parents: Vec<Uuid> = areas.iter().copied().map(Uuid::from).collect();
    let own = column(Column::ContactAreaId);
    page::fetch_each(ctx.db.read(), select(ctx), page, &parents, |area| own.eq(area)).await
}

/// Counts the members of each of these contact areas. An area without members has no entry.
pub async fn count_each_area(
    ctx: Context<'_>,
    areas: &[ContactAreaId],
) -> Result<HashMap<Uuid, i64>> {
    let own = column(Column::ContactAreaId);
    let mut select = select(ctx);
    select.and_where(among(ctx.db.backend(), own.clone(), areas.iter().copied()));
    page::count_each(ctx.db.read(), select, own).await
}

/// Returns the members that were merged into these, ordered by name.
pub async fn predecessors_of(
    ctx: Context<'_>,
    members: &[MemberId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(
        ctx.db,
        select(ctx),
        Column::SuccessorId,
        members,
        &[Column::NameKey],
        columns,
    )
    .await
}

/// Returns the municipalities (kommuner) of these members. The caller has checked that the viewer
/// can read them.
pub async fn municipalities_of(
    db: &impl ConnectionTrait,
    members: &[MemberId],
) -> Result<HashMap<MemberId, Vec<String>>> {
    let found = member_municipality::Entity::find()
        .filter(among(
            db.get_database_backend(),
            Expr::col(member_municipality::Column::MemberId),
            members.iter().copied(),
        ))
        .all(db)
        .await?;
    let mut of: HashMap<MemberId, Vec<String>> = HashMap::new();
    for row in found {
        of.entry(row.member_id).or_default().push(row.municipality);
    }
    Ok(of.into_iter().map(|(member, names)| (member, in_order(names))).collect())
}

/// Returns the former names of these members, the latest first. The caller has checked that the
/// viewer can read them.
pub async fn former_names_of(
    db: &impl ConnectionTrait,
    members: &[MemberId],
) -> Result<Vec<member_former_name::Model>> {
    Ok(member_former_name::Entity::find()
        .filter(among(
            db.get_database_backend(),
            Expr::col(member_former_name::Column::MemberId),
            members.iter().copied(),
        ))
        .order_by_desc(member_former_name::Column::Until)
        .all(db)
        .await?)
}

/// Returns the billing details of those of these members whose affairs the viewer can read.
pub async fn billing_of(
    ctx: Context<'_>,
    members: &[MemberId],
) -> Result<HashMap<MemberId, member_billing::Model>> {
    let found = member_billing::Entity::find()
        .filter(of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            Expr::col(member_billing::Column::MemberId),
        ))
        .filter(among(
            ctx.db.backend(),
            Expr::col(member_billing::Column::MemberId),
            members.iter().copied(),
        ))
        .all(ctx.db.read())
        .await?;
    Ok(found.into_iter().map(|row| (row.member_id, row)).collect())
}
