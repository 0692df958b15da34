//! Agreements (avtal): which the viewer sees, and how they are found.

pub mod integrity;
pub mod template_drift;
pub mod documents;
pub mod date_order;
pub mod deadlines;
mod draft_text;
pub mod draft;
mod eligibility;
pub mod lifecycle;
pub mod matrix;
pub mod give_notice;
pub mod notice_ends;
mod numbers;
pub mod offer;
pub mod overlaps;
pub mod payment_terms;
pub mod replace;
pub mod sign;
pub mod document_source;
pub mod withdraw_notice;
pub mod withdraw;

use std::collections::HashMap;

use ::entity::{
    agreement::{Column, Entity, Model},
    contact_area,
    id::{AgreementId, MemberId, OrganisationId, TemplateVersionId},
    kind::{AgreementKind, Direction},
    member,
    term::Status,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, ExprTrait,
    sea_query::{CaseStatement, Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use crate::{
    activities,
    auth::viewer::{Resource, Viewer},
    database::{Database, among, among_words, rows},
    error::{Result, ValidationErrors},
    members::succession,
    page::{self, KeyType, Order, Slice},
    search::{self, Noun},
    swedish, term_sql,
};

/// The other side of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counterparty {
    /// A member.
    Member(MemberId),
    /// Somebody else.
    Organisation(OrganisationId),
}

/// Which agreements; every part narrows the others, and an empty list narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// With one of these statuses on `as_of`.
    pub statuses: Vec<Status>,
    /// The day that the status is reckoned on; null: today, or the first day of a window.
    pub as_of: Option<NaiveDate>,
    /// Of one of these kinds.
    pub kinds: Vec<AgreementKind>,
    /// With the money going this way.
    pub direction: Option<Direction>,
    /// About one of these activities, by slug.
    pub activities: Vec<String>,
    /// With this counterparty.
    pub counterparty: Option<Counterparty>,
    /// With a member in the contact area of this name.
    pub contact_area: Option<String>,
    /// With a member in this county (län).
    pub county: Option<String>,
    /// With a last day of the agreed term on this day or later.
    pub ends_from: Option<NaiveDate>,
    /// With a last day of the agreed term on this day or earlier.
    pub ends_to: Option<NaiveDate>,
    /// Made from this version of a template.
    pub template_version: Option<TemplateVersionId>,
    /// With all of these words, or their beginnings, in its number, its counterparty's names, its
    /// activity and its parameters: see [`search`].
    pub search: Option<String>,
    /// `false` leaves out those that are acknowledged until `as_of` or later, as far as the viewer
    /// may know it. `None`: `false` among those that expire, else `true`.
    pub include_acknowledged: Option<bool>,
}

/// What agreements can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Number, as people count; drafts before all.
    Number,
    /// First day in force.
    StartsOn,
    /// Last day of the agreed term; those that run until further notice after all.
    EndsOn,
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// The last day of the agreed term, or a day after all of them: the same expression as in the
/// index.
fn ends_on(backend: DbBackend) -> SimpleExpr {
    let never = if backend == DbBackend::Postgres { "DATE '9999-12-31'" } else { "'9999-12-31'" };
    Expr::cust(format!("COALESCE(\"agreement\".\"ends_on\", {never})"))
}

/// An order of agreements.
#[must_use]
pub fn order(db: &Database, field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::Number => ("NUMBER", column(Column::NumberKey), KeyType::Text),
        Field::StartsOn => ("STARTS_ON", column(Column::StartsOn), KeyType::Day),
        Field::EndsOn => ("ENDS_ON", ends_on(db.backend()), KeyType::Day),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// The agreements that the viewer sees: all, or those of its own member from the day that they are
/// offered, and those about its own activities.
#[must_use]
pub fn visible(backend: DbBackend, viewer: &Viewer) -> Condition {
    let visibility = viewer.visibility(Resource::Agreements);
    if visibility.all {
        return Condition::all();
    }
    let mut seen = Condition::any();
    if let Some(own) = visibility.member {
        seen = seen.add(
            Condition::all()
                .add(succession::is_own(&visibility, own, column(Column::MemberId)))
                .add(column(Column::OfferedAt).is_not_null()),
        );
    }
    if !visibility.activities.is_empty() {
        seen = seen.add(about(backend, &visibility.activities));
    }
    if seen.is_empty() { seen.add(Expr::cust("1 = 0")) } else { seen }
}

/// About one of these activities, by slug.
fn about(backend: DbBackend, slugs: &[String]) -> SimpleExpr {
    match slugs {
        [slug] => column(Column::ActivityId).eq(term_sql::activity_named(slug)),
        _ => column(Column::ActivityId).in_subquery(activities::with_slugs(backend, slugs)),
    }
}

fn select(db: &Database, viewer: &Viewer) -> SelectStatement {
    Query::select().from(Entity).cond_where(visible(db.backend(), viewer)).take()
}

fn narrow(
    db: &Database,
    viewer: &Viewer,
    mut select: SelectStatement,
    filter: &Filter,
) -> SelectStatement {
    let (backend, on) = (db.backend(), filter.as_of.unwrap_or_else(|| db.clock.today()));
    let statuses: Vec<_> =
        Status::ALL.into_iter().filter(|status| filter.statuses.contains(status)).collect();
    if !statuses.is_empty() {
        select
            .cond_where(term_sql::has_status(&statuses, on))
            .and_where_option(term_sql::is_rare(backend, &statuses, on));
    }
    match filter.kinds.as_slice() {
        [] => {}
        [kind] => _ = select.and_where(column(Column::Kind).eq(*kind)),
        kinds => {
            _ = select.and_where(among_words(
                backend,
                column(Column::Kind),
                kinds.iter().map(|kind| kind.word()),
            ))
        }
    }
    if let Some(direction) = filter.direction {
        select.and_where(column(Column::Direction).eq(direction));
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
        select.and_where(ends_on(backend).gte(day)).and_where(column(Column::EndsOn).is_not_null());
    }
    if let Some(day) = filter.ends_to {
        select.and_where(ends_on(backend).lte(day));
    }
    if let Some(version) = filter.template_version {
        select.and_where(column(Column::TemplateVersionId).eq(version));
    }
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        select.and_where(search::found(backend, Noun::Agreement, column(Column::Id), text));
    }
    if filter.include_acknowledged == Some(false) {
        select.cond_where(deadlines::acknowledged(db, viewer, on).not());
    }
    select
}

/// The members of a contact area, of a county, or of both.
fn members_there(filter: &Filter) -> SelectStatement {
    let areas = filter.contact_area.as_deref().map(|area| {
        Query::select()
            .column(contact_area::Column::Id)
            .from(contact_area::Entity)
            .and_where(contact_area::Column::NameKey.eq(swedish::key(area)))
            .take()
    });
    Query::select()
        .column((member::Entity, member::Column::Id))
        .from(member::Entity)
        .and_where_option(areas.map(|areas| member::Column::ContactAreaId.in_subquery(areas)))
        .and_where_option(filter.county.as_deref().map(|county| member::Column::County.eq(county)))
        .take()
}

fn matching(db: &Database, viewer: &Viewer, filter: &Filter) -> SelectStatement {
    narrow(db, viewer, select(db, viewer), filter)
}

/// A page of the agreements that the viewer sees and the filter lets through. `errors` are those
/// that reading the arguments has found; the page's own come to them.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    filter: &Filter,
    order: &Order,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    page::select_rows(db.read(), matching(db, viewer, filter), columns, order, args, errors).await
}

/// How many there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(db, viewer, filter)).await
}

/// Those of these agreements that the viewer sees, in no order.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_ids(
    db: &Database,
    viewer: &Viewer,
    ids: &[AgreementId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(db, viewer);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(db.read(), &select, columns).await
}

/// The agreement with this number, if the viewer sees it.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_number(
    db: &Database,
    viewer: &Viewer,
    number: &str,
    columns: &[Column],
) -> Result<Option<Model>> {
    let mut select = select(db, viewer);
    select
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(column(Column::Number).eq(number));
    Ok(rows(db.read(), &select, columns).await?.pop())
}

/// The agreements that replace these, as far as the viewer sees them; `columns` must have
/// `replaces_id`.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn successors_of(
    db: &Database,
    viewer: &Viewer,
    agreements: &[AgreementId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(db, viewer);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        db.backend(),
        column(Column::ReplacesId),
        agreements.iter().copied(),
    ));
    // What was withdrawn replaces nothing.
    select.and_where(column(Column::WithdrawnOn).is_null());
    rows(db.read(), &select, columns).await
}

/// What nested agreements belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Their counterparty, a member.
    Member,
    /// Their counterparty, when none.
    Organisation,
    /// The activity that they are about.
    Activity,
}

impl Of {
    fn column(self) -> Column {
        match self {
            Self::Member => Column::MemberId,
            Self::Organisation => Column::OrganisationId,
            Self::Activity => Column::ActivityId,
        }
    }

    fn select(
        self,
        db: &Database,
        viewer: &Viewer,
        parents: &[Uuid],
        filter: &Filter,
    ) -> SelectStatement {
        let mut select = select(db, viewer);
        select.and_where(among(db.backend(), column(self.column()), parents.iter().copied()));
        narrow(db, viewer, select, filter)
    }
}

/// The same page of the agreements of each of these parents; `errors` as for [`list`].
///
/// # Errors
/// INVALID naming every bad argument.
#[expect(clippy::too_many_arguments, reason = "a page's, and whose")]
pub async fn of_each(
    db: &Database,
    viewer: &Viewer,
    of: Of,
    parents: &[Uuid],
    filter: &Filter,
    order: &Order,
    args: &page::Args,
    columns: &[Column],
    mut errors: ValidationErrors,
) -> Result<HashMap<Uuid, Slice<Model>>> {
    let page = page::Page::check(args, order, &mut errors);
    errors.finish()?;
    page::fetch_each(
        db.read(),
        of.select(db, viewer, parents, filter),
        columns,
        order,
        &page,
        of.column(),
    )
    .await
}

/// How many each of these parents has; those that have none are left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count_each(
    db: &Database,
    viewer: &Viewer,
    of: Of,
    parents: &[Uuid],
    filter: &Filter,
) -> Result<HashMap<Uuid, i64>> {
    page::count_each(db.read(), of.select(db, viewer, parents, filter), column(of.column())).await
}

/// How many agreements a version of a template has, of those that the viewer sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Made from it, whatever became of them.
    pub agreements: i64,
    /// In force today.
    pub active: i64,
}

/// How many agreements each of these versions of templates has; those that have none are left out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn usage_of(
    db: &Database,
    viewer: &Viewer,
    versions: &[TemplateVersionId],
) -> Result<HashMap<TemplateVersionId, Usage>> {
    let in_force: SimpleExpr =
        CaseStatement::new().case(term_sql::in_force(db.clock.today()), 1).into();
    let version = column(Column::TemplateVersionId);
    let mut select = select(db, viewer);
    select
        .expr(version.clone())
        .expr(Expr::cust("COUNT(*)"))
        .expr(in_force.count())
        .and_where(among(db.backend(), version.clone(), versions.iter().copied()))
        .add_group_by([version]);
    let found = db.read().query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((
                row.try_get_by_index(0)?,
                Usage { agreements: row.try_get_by_index(1)?, active: row.try_get_by_index(2)? },
            ))
        })
        .collect()
}
