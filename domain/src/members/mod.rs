//! Members: types, filters and queries.

pub mod admit;
pub mod allocations;
pub mod contact_areas;
pub mod contact_list;
pub mod contacts;
pub mod leave;
pub(crate) mod ended_agreements;
pub mod subject_access;
pub mod reinstate;
pub mod remove;
pub(crate) mod succession;

use std::collections::HashMap;

use ::entity::{
    contact_area,
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

use crate::{
    auth::viewer::{Resource, Viewer, Visibility},
    context::Context,
    database::{Database, among, rows},
    error::{Result, ValidationErrors},
    page::{self, KeyType, Order, Slice},
    search::{self, EntityType},
    swedish, term_sql,
};

/// The status of a membership as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Decided, but not yet begun.
    Upcoming,
    /// A member.
    Active,
    /// No longer a member.
    Left,
}

/// Returns the status on a day, from the first and last day of membership.
#[must_use]
pub fn status(joined_on: NaiveDate, left_on: Option<NaiveDate>, on: NaiveDate) -> Status {
    if on < joined_on {
        Status::Upcoming
    } else if left_on.is_some_and(|last| last < on) {
        Status::Left
    } else {
        Status::Active
    }
}

/// SQL predicate for [`status`]; must agree with it.
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
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Status on `as_of`.
    pub status: Option<Status>,
    /// The day on which status and participation are evaluated; null for today.
    pub as_of: Option<NaiveDate>,
    /// Name of the contact area.
    pub contact_area: Option<String>,
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

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Returns an order of members. The expressions are the same as in the indexes.
#[must_use]
pub fn order(backend: DbBackend, field: Field, descending: bool) -> Order {
    let is_postgres = backend == DbBackend::Postgres;
    let (name, key, key_type) = match field {
        Field::Name => ("NAME", column(Column::NameKey), KeyType::Text),
        Field::JoinedOn => ("JOINED_ON", column(Column::JoinedOn), KeyType::Day),
        Field::LeftOn => {
            let never = if is_postgres { "DATE '9999-12-31'" } else { "'9999-12-31'" };
            let key = Expr::cust(format!("COALESCE(\"member\".\"left_on\", {never})"));
            ("LEFT_ON", key, KeyType::Day)
        }
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
        (false, None) => Condition::all().add(Expr::cust("1 = 0")),
    }
}

/// Selects the members that the viewer can read.
#[must_use]
pub fn visible(viewer: &Viewer) -> Condition {
    of_visible_member(&viewer.visibility(Resource::Members), column(Column::Id))
}

fn select(viewer: &Viewer) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(viewer)).take()
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let on = filter.as_of.unwrap_or_else(|| ctx.clock.today());
    let mut select = select(ctx.viewer);
    if let Some(status) = filter.status {
        select.cond_where(has_status(status, on));
    }
    if let Some(area) = &filter.contact_area {
        let areas = Query::select()
            .column(contact_area::Column::Id)
            .from(contact_area::Entity)
            .and_where(contact_area::Column::NameKey.eq(swedish::key(area)))
            .take();
        select.and_where(Column::ContactAreaId.in_subquery(areas));
    }
    if let Some(county) = &filter.county {
        select.and_where(Column::County.eq(county.as_str()));
    }
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        select.and_where(search::found(
            ctx.db.backend(),
            EntityType::Member,
            column(Column::Id),
            text,
        ));
    }
    if let Some(successor) = filter.successor {
        select.and_where(merged_into(ctx.viewer, successor));
    }
    for slug in &filter.in_activity {
        select.and_where(takes_part(ctx.viewer, slug, on));
    }
    for slug in &filter.not_in_activity {
        select.and_where(takes_part(ctx.viewer, slug, on).not());
    }
    select
}

/// Selects members that were merged into this one, if the viewer can read it: the filter must not
/// reveal a successor that the rows do not show.
fn merged_into(viewer: &Viewer, successor: MemberId) -> SimpleExpr {
    let other =
        select(viewer).expr(column(Column::Id)).and_where(column(Column::Id).eq(successor)).take();
    column(Column::SuccessorId).in_subquery(other)
}

/// Selects members that participate in the activity by an agreement that the viewer can read, so
/// that the filter reveals no more than the agreements do.
fn takes_part(viewer: &Viewer, slug: &str, on: NaiveDate) -> SimpleExpr {
    let visibility = viewer.visibility(Resource::Agreements);
    let found = term_sql::takes_part(slug, on);
    match visibility.member {
        _ if visibility.all || visibility.activities.iter().any(|own| own == slug) => found,
        Some(own) => found.and(succession::is_own(&visibility, own, column(Column::Id))),
        None => Expr::cust("1 = 0"),
    }
}

/// Returns a page of the members that the viewer can read and that match the filter.
///
/// # Errors
/// INVALID for a bad page.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    order: &Order,
    args: &page::Args,
    columns: &[Column],
) -> Result<Slice<Model>> {
    let mut errors = ValidationErrors::default();
    let page = page::Page::check(args, order, &mut errors);
    errors.finish()?;
    page::fetch(ctx.db.read(), matching(ctx, filter), columns, order, &page).await
}

/// Counts the members that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns all members that match the filter, ordered by name; for reports.
pub async fn all(ctx: Context<'_>, filter: &Filter, columns: &[Column]) -> Result<Vec<Model>> {
    let mut select = matching(ctx, filter);
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .order_by_expr(column(Column::NameKey), sea_orm::Order::Asc);
    rows(ctx.db.read(), &select, columns).await
}

/// Returns those of these members that the viewer can read, in no particular order.
pub async fn by_ids(ctx: Context<'_>, ids: &[MemberId], columns: &[Column]) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        ctx.db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(ctx.db.read(), &select, columns).await
}

/// Returns the member with this organisation number, if the viewer can read it.
pub async fn by_org_number(
    ctx: Context<'_>,
    number: &OrgNumber,
    columns: &[Column],
) -> Result<Option<Model>> {
    let mut select = select(ctx.viewer);
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(Column::OrgNumber.eq(number.clone()));
    Ok(rows(ctx.db.read(), &select, columns).await?.pop())
}

/// Returns the members of these contact areas, ordered by name.
pub async fn of_areas(
    ctx: Context<'_>,
    areas: &[ContactAreaId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer);
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(among(ctx.db.backend(), column(Column::ContactAreaId), areas.iter().copied()))
        .order_by_expr(column(Column::NameKey), sea_orm::Order::Asc);
    rows(ctx.db.read(), &select, columns).await
}

/// Returns the members that were merged into these, ordered by name.
pub async fn predecessors_of(
    ctx: Context<'_>,
    members: &[MemberId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer);
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(among(ctx.db.backend(), column(Column::SuccessorId), members.iter().copied()))
        .order_by_expr(column(Column::NameKey), sea_orm::Order::Asc);
    rows(ctx.db.read(), &select, columns).await
}

/// Returns contact areas. Every viewer can read them, since they reveal nothing about a member.
pub async fn areas_by_ids(
    db: &Database,
    ids: &[ContactAreaId],
) -> Result<HashMap<ContactAreaId, contact_area::Model>> {
    let found = contact_area::Entity::find()
        .filter(among(db.backend(), Expr::col(contact_area::Column::Id), ids.iter().copied()))
        .all(db.read())
        .await?;
    Ok(found.into_iter().map(|area| (area.id, area)).collect())
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

/// Sorts municipalities in Swedish order and removes duplicates. Names that differ only in case or
/// accents have a stable order too.
pub(crate) fn in_order(mut municipalities: Vec<String>) -> Vec<String> {
    municipalities.sort_by_cached_key(|name| (swedish::key(name), name.clone()));
    municipalities.dedup();
    municipalities
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
