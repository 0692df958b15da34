//! Agreements (avtal): types, filters and queries.

mod acknowledged;
pub mod date_order;
pub mod deadlines;
pub mod decide_notice_end;
mod document_loading;
mod document_source;
pub mod documents;
pub mod draft;
pub mod draft_input;
mod draft_plan;
mod draft_row;
mod draft_template;
mod draft_terms;
mod draft_text;
mod eligibility;
pub mod fee;
pub mod former_notice_ends;
pub mod give_notice;
mod has_document;
pub mod integrity;
mod integrity_rules;
pub mod lifecycle;
pub mod loading;
pub mod matrix;
pub mod matrix_columns;
pub mod notice;
pub mod notice_ends;
mod numbers;
pub mod offer;
pub mod overlap_constraint;
mod overlaps;
pub mod parameters;
pub mod payment_terms;
pub mod replace;
pub mod sign;
mod signature_rules;
pub mod template_deviation;
pub mod template_drift;
pub mod update_draft;
mod visibility;
pub mod withdraw;
pub mod withdraw_notice;

use std::collections::HashMap;

use ::entity::{
    agreement::{Column, Entity, Model},
    id::{AgreementId, ContactAreaId, MemberId, OrganisationId, TemplateVersionId},
    kind::{AgreementKind, Direction},
    member,
    term::Status,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{CaseStatement, Expr, Query, SelectStatement, SimpleExpr},
};
use strum::IntoEnumIterator;
use uuid::Uuid;

use self::visibility::about;
pub use self::visibility::visible;
use crate::{
    activity_slugs::ListFilter,
    auth::viewer::Resource,
    context::Context,
    database::{among, fixed_day, fixed_word},
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column, day_or_never},
    search::{self, EntityType, condition::Search},
    term_sql,
};

/// The other party to an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counterparty {
    /// A member.
    Member(MemberId),
    /// An organisation that is not a member.
    Organisation(OrganisationId),
}

/// Filter of agreements; an agreement must match every part, and an empty list matches all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Statuses, one of which it must have on `as_of`.
    pub statuses: Vec<Status>,
    /// The day on which the status is evaluated; null: today, or the first day of a window.
    pub as_of: Option<NaiveDate>,
    /// Kinds, one of which it must have.
    pub kinds: Vec<AgreementKind>,
    /// Direction of payment.
    pub direction: Option<Direction>,
    /// Slugs of activities, one of which it must be about.
    pub activities: Vec<String>,
    /// The counterparty.
    pub counterparty: Option<Counterparty>,
    /// The contact area of the member.
    pub contact_area: Option<ContactAreaId>,
    /// County (län) of the member.
    pub county: Option<String>,
    /// The last day of the agreed term is this day or later.
    pub ends_from: Option<NaiveDate>,
    /// The last day of the agreed term is this day or earlier.
    pub ends_to: Option<NaiveDate>,
    /// The version of the template.
    pub template_version: Option<TemplateVersionId>,
    /// `true`: is about an activity. `false`: is about none.
    pub has_activity: Option<bool>,
    /// `true`: replaces an agreement that the viewer can read. `false`: replaces none.
    pub has_predecessor: Option<bool>,
    /// `true`: it has a document: that of the offer, a scanned signed copy or an archived one;
    /// `false`: it has none.
    pub has_document: Option<bool>,
    /// Words, or beginnings of words, that must all occur in the number, the counterparty's names,
    /// the activity or the parameters: see [`search`].
    pub search: Option<String>,
    /// `false` omits agreements whose deadline is acknowledged until `as_of` or later, as far as
    /// the viewer may know it. `None` is `false` for lists of deadlines, otherwise `true`.
    pub include_snoozed: Option<bool>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![("activity_slugs", &self.activities)]
    }
}

/// A field that agreements can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Number, in numeric order; drafts first.
    Number,
    /// First day in force.
    StartsOn,
    /// Last day of the agreed term; agreements until further notice last.
    EndsOn,
    /// Day on which both parties had signed; unsigned agreements last.
    SignedOn,
}

/// Returns the last day of the agreed term, or a day after all others.
fn ends_on(backend: DbBackend) -> SimpleExpr {
    day_or_never(backend, Column::EndsOn)
}

/// Returns an order of agreements.
#[must_use]
pub fn order(backend: DbBackend, field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::Number => ("NUMBER", column(Column::NumberKey), KeyType::Text),
        Field::StartsOn => ("STARTS_ON", column(Column::StartsOn), KeyType::Day),
        Field::EndsOn => ("ENDS_ON", ends_on(backend), KeyType::Day),
        Field::SignedOn => ("SIGNED_ON", day_or_never(backend, Column::SignedOn), KeyType::Day),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

fn select(ctx: Context<'_>) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(ctx)).take()
}

fn narrow(ctx: Context<'_>, mut select: SelectStatement, filter: &Filter) -> SelectStatement {
    let (backend, on) = (ctx.db.backend(), filter.as_of.unwrap_or_else(|| ctx.clock.today()));
    let statuses: Vec<_> =
        Status::ALL.iter().copied().filter(|status| filter.statuses.contains(status)).collect();
    if !statuses.is_empty() {
        select
            .cond_where(term_sql::has_status(&statuses, on))
            .and_where_option(term_sql::is_rare(backend, &statuses, on));
    }
    let kinds = AgreementKind::iter().filter(|kind| filter.kinds.contains(kind));
    let mut kinds: Vec<_> = kinds.map(|kind| fixed_word(kind.word())).collect();
    if kinds.len() > 1 {
        select.and_where(column(Column::Kind).is_in(kinds));
    } else if let Some(kind) = kinds.pop() {
        select.and_where(column(Column::Kind).eq(kind));
    }
    if let Some(direction) = filter.direction {
        select.and_where(column(Column::Direction).eq(fixed_word(direction.word())));
    }
    if !filter.activities.is_empty() {
        select.and_where(about(backend, &filter.activities));
    }
    match filter.counterparty {
        Some(Counterparty::Member(member)) => {
            _ = select.and_where(column(Column::MemberId).eq(member))
        }
        Some(Counterparty::Organisation(organisation)) => {
            _ = select.and_where(column(Column::OrganisationId).eq(organisation))
        }
        None => {}
    }
    if filter.contact_area.is_some() || filter.county.is_some() {
        select.and_where(column(Column::MemberId).in_subquery(members_there(filter)));
    }
    if let Some(day) = filter.ends_from {
        select
            .and_where(ends_on(backend).gte(fixed_day(day)))
            .and_where(column(Column::EndsOn).is_not_null());
    }
    if let Some(day) = filter.ends_to {
        select.and_where(ends_on(backend).lte(fixed_day(day)));
    }
    if let Some(version) = filter.template_version {
        select.and_where(column(Column::TemplateVersionId).eq(version));
    }
    if let Some(has_activity) = filter.has_activity {
        let activity = column(Column::ActivityId);
        select.and_where(if has_activity { activity.is_not_null() } else { activity.is_null() });
    }
    if let Some(has_predecessor) = filter.has_predecessor {
        select.cond_where(replaces(ctx, has_predecessor));
    }
    if let Some(has_document) = filter.has_document {
        let found = has_document::has_document();
        select.cond_where(if has_document { found } else { found.not() });
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        backend,
        EntityType::Agreement,
        column(Column::Id),
        text,
    ));
    if filter.include_snoozed == Some(false) {
        select.cond_where(acknowledged::acknowledged(ctx, on).not());
    }
    select
}

/// Returns the condition that an agreement replaces one that the viewer can read, or that it
/// replaces none: the filter must not reveal a predecessor that the rows do not show.
fn replaces(ctx: Context<'_>, has_predecessor: bool) -> Condition {
    let (predecessor, visible) = (column(Column::ReplacesId), visible(ctx));
    let readable = (!visible.is_empty())
        .then(|| Query::select().expr(column(Column::Id)).from(Entity).cond_where(visible).take());
    if has_predecessor {
        Condition::all()
            .add(predecessor.clone().is_not_null())
            .add_option(readable.map(|ids| predecessor.in_subquery(ids)))
    } else {
        Condition::any()
            .add(predecessor.clone().is_null())
            .add_option(readable.map(|ids| predecessor.not_in_subquery(ids)))
    }
}

/// Selects the members of a contact area, of a county, or of both.
fn members_there(filter: &Filter) -> SelectStatement {
    Query::select()
        .column((member::Entity, member::Column::Id))
        .from(member::Entity)
        .and_where_option(filter.contact_area.map(|area| member::Column::ContactAreaId.eq(area)))
        .and_where_option(filter.county.as_deref().map(|county| member::Column::County.eq(county)))
        .take()
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    narrow(ctx, select(ctx), filter)
}

/// Returns the search of a filter that has no other condition, if the viewer can read all rows.
fn searched(ctx: Context<'_>, filter: &Filter) -> Option<Search> {
    let is_alone = *filter == Filter { search: filter.search.clone(), ..Filter::default() };
    let text = filter.search.as_deref().filter(|_| is_alone);
    let search = Search::of(ctx.db.backend(), EntityType::Agreement, text)?;
    ctx.viewer.visibility(Resource::Agreements).all.then_some(search)
}

/// Returns a page of the agreements that the viewer can read and that match the filter.
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

/// Counts the agreements that [`list`] pages through. May stop above `at_most`, as
/// [`page::count_at_most`] does.
pub async fn count(ctx: Context<'_>, filter: &Filter, at_most: Option<u64>) -> Result<i64> {
    let found = searched(ctx, filter).map(|search| search.select());
    let select = found.unwrap_or_else(|| matching(ctx, filter));
    page::count_at_most(ctx.db.read(), select, at_most).await
}

/// Returns those of these agreements that the viewer can read, in no particular order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[AgreementId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx), Column::Id, ids, &[], columns).await
}

/// Returns the agreement with this number, if the viewer can read it.
pub async fn by_number(
    ctx: Context<'_>,
    number: &str,
    columns: &[Column],
) -> Result<Option<Model>> {
    query::row(ctx.db, select(ctx), column(Column::Number).eq(number), columns).await
}

/// Returns the successors of these agreements, as far as the viewer can read them. `columns` must
/// include `replaces_id`.
pub async fn successors_of(
    ctx: Context<'_>,
    agreements: &[AgreementId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx);
    let replaced = agreements.iter().copied();
    select.and_where(among(ctx.db.backend(), column(Column::ReplacesId), replaced));
    // A withdrawn agreement replaces nothing.
    select.and_where(column(Column::WithdrawnOn).is_null());
    query::rows(ctx.db.read(), select, columns).await
}

/// The parent of nested agreements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The counterparty, a member.
    Member,
    /// The counterparty, an organisation.
    Organisation,
    /// The activity.
    Activity,
}

impl Parent {
    fn column(self) -> Column {
        match self {
            Self::Member => Column::MemberId,
            Self::Organisation => Column::OrganisationId,
            Self::Activity => Column::ActivityId,
        }
    }

    fn select(self, ctx: Context<'_>, parents: &[Uuid], filter: &Filter) -> SelectStatement {
        let mut select = select(ctx);
        select.and_where(among(ctx.db.backend(), column(self.column()), parents.iter().copied()));
        narrow(ctx, select, filter)
    }
}

/// Returns the same page of the agreements of each of these parents.
pub async fn of_each(
    ctx: Context<'_>,
    parent: Parent,
    parents: &[Uuid],
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<HashMap<Uuid, Slice<Model>>> {
    let (select, own) = (narrow(ctx, select(ctx), filter), column(parent.column()));
    page::fetch_each(ctx.db.read(), select, page, parents, |parent| own.eq(parent)).await
}

/// Counts the agreements of each of these parents. A parent without agreements has no entry.
pub async fn count_each(
    ctx: Context<'_>,
    parent: Parent,
    parents: &[Uuid],
    filter: &Filter,
) -> Result<HashMap<Uuid, i64>> {
    page::count_each(ctx.db.read(), parent.select(ctx, parents, filter), column(parent.column()))
        .await
}

/// The number of agreements made from a version of a template, among those that the viewer can
/// read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All agreements, in any status.
    pub agreements: i64,
    /// Agreements in force today.
    pub active: i64,
}

/// Counts the agreements made from each of these versions of templates. A version without
/// agreements has no entry. `None` if the viewer cannot read all agreements: a count of some would
/// be false.
pub async fn usage_of(
    ctx: Context<'_>,
    versions: &[TemplateVersionId],
) -> Result<Option<HashMap<TemplateVersionId, Usage>>> {
    if !ctx.viewer.visibility(Resource::Agreements).all {
        return Ok(None);
    }
    let in_force: SimpleExpr =
        CaseStatement::new().case(term_sql::in_force(ctx.clock.today()), 1).into();
    let version = column(Column::TemplateVersionId);
    let mut select = select(ctx);
    select
        .expr(version.clone())
        .expr(Expr::cust("COUNT(*)"))
        .expr(in_force.count())
        .and_where(among(ctx.db.backend(), version.clone(), versions.iter().copied()))
        .add_group_by([version]);
    let mut usage = HashMap::new();
    for row in &ctx.db.read().query_all(&select).await? {
        let of = Usage { agreements: row.try_get_by_index(1)?, active: row.try_get_by_index(2)? };
        usage.insert(row.try_get_by_index(0)?, of);
    }
    Ok(Some(usage))
}
