//! Status reports: the progress of an activity, reported to the board in a fixed form.

pub mod file;
pub mod period;

use std::collections::HashMap;

use ::entity::{
    id::{ActivityId, StatusReportId},
    kind::Health,
    status_report::{Column, Entity, Model},
    status_report_text,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement},
};
use uuid::Uuid;

use crate::{
    activities::{self, of_visible_activity},
    activity_slugs::ListFilter,
    auth::viewer::{Resource, Viewer},
    clock,
    context::Context,
    database::{among, among_words},
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// A field that reports can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Time of the report.
    ReportedAt,
    /// First day of the reported period, then the last one.
    Period,
}

/// Returns an order of reports.
#[must_use]
pub fn order(backend: DbBackend, field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        // Microseconds, as in the index.
        Field::ReportedAt if backend == DbBackend::Postgres => {
            let time = "EXTRACT(EPOCH FROM \"status_report\".\"reported_at\" AT TIME ZONE 'UTC')";
            let key = Expr::cust(format!("CAST({time} * 1000000 AS bigint)"));
            ("REPORTED_AT", key, KeyType::Number)
        }
        // SQLite stores timestamps as text whose order is chronological.
        Field::ReportedAt => ("REPORTED_AT", column(Column::ReportedAt), KeyType::Text),
        Field::Period => ("PERIOD_DAYS", Expr::cust(period::months()), KeyType::Text),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Filter of reports; a report must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Slugs of activities, one of which it is about; empty: any.
    pub activities: Vec<String>,
    /// Healths, one of which it reports; empty: any.
    pub healths: Vec<Health>,
    /// A year that has a day of its period.
    pub year: Option<i32>,
    /// Its period begins on this day or later.
    pub period_from: Option<NaiveDate>,
    /// Its period ends on this day or earlier.
    pub period_to: Option<NaiveDate>,
    /// Reported on this day or later.
    pub reported_from: Option<NaiveDate>,
    /// Reported on this day or earlier.
    pub reported_to: Option<NaiveDate>,
    /// Words, or beginnings of words, that must all occur in the texts: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {
    fn slugs(&self) -> Vec<(&'static str, &[String])> {
        vec![("activity_slugs", &self.activities)]
    }
}

/// Sorts after every text that begins with the prefix.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Returns the condition that the period has a day in the year. A label of another form, which
/// only an imported report can have, must begin with the year.
fn is_in_year(year: i32) -> Condition {
    let year = format!("{year:04}");
    let months = || Expr::cust(period::months());
    let dated = Condition::all()
        .add(months().gt(""))
        .add(months().lte(end_of(&format!("{year}-12"))))
        .add(Expr::cust(period::last_month()).gte(format!("{year}-01")));
    let other = Condition::all()
        .add(months().eq(""))
        .add(column(Column::Period).gte(year.as_str()))
        .add(column(Column::Period).lte(end_of(&year)));
    Condition::any().add(dated).add(other)
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx.viewer);
    if !filter.activities.is_empty() {
        let theirs = activities::with_slugs(ctx.db.backend(), &filter.activities);
        select.and_where(column(Column::ActivityId).in_subquery(theirs));
    }
    if !filter.healths.is_empty() {
        let healths = filter.healths.iter().map(|health| health.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Health), healths));
    }
    if let Some(year) = filter.year {
        select.cond_where(is_in_year(year));
    }
    if let Some(day) = filter.period_from {
        select.and_where(Expr::cust(period::first_month()).gte(period::month_from(day)));
    }
    if let Some(day) = filter.period_to {
        select.and_where(Expr::cust(period::last_month()).lte(period::month_to(day)));
    }
    if let Some(day) = filter.reported_from {
        select.and_where(column(Column::ReportedAt).gte(clock::start_of(day)));
    }
    if let Some(day) = filter.reported_to {
        let next = day.succ_opt().unwrap_or(day);
        select.and_where(column(Column::ReportedAt).lt(clock::start_of(next)));
    }
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::StatusReport,
        column(Column::Id),
        text,
    ));
    select
}

/// Returns a page of the reports that the viewer can read and that match the filter.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the reports that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Selects the reports that the viewer can read: all of them, since reports are public to everyone
/// with a token. Their authors are not: see [`authors_of`].
fn select(_: &Viewer) -> SelectStatement {
    Query::select().from(Entity).take()
}

fn of(ctx: Context<'_>, activities: &[ActivityId]) -> SelectStatement {
    let mut select = select(ctx.viewer);
    select.and_where(among(
        ctx.db.backend(),
        column(Column::ActivityId),
        activities.iter().copied(),
    ));
    select
}

/// Returns the same page of the reports on each of these activities.
pub async fn of_each(
    ctx: Context<'_>,
    activities: &[ActivityId],
    page: &PageRequest<Model>,
) -> Result<HashMap<Uuid, Slice<Model>>> {
    let parents: Vec<Uuid> = activities.iter().copied().map(Uuid::from).collect();
    page::fetch_each(ctx.db.read(), select(ctx.viewer), page, &parents, |activity| {
        column(Column::ActivityId).eq(activity)
    })
    .await
}

/// Counts the reports on each of these activities. An activity without reports has no entry.
pub async fn count_each(ctx: Context<'_>, activities: &[ActivityId]) -> Result<HashMap<Uuid, i64>> {
    page::count_each(ctx.db.read(), of(ctx, activities), column(Column::ActivityId)).await
}

/// Returns the authors of those of these reports whose author the viewer may know: of the
/// activities whose revenue it can read, and its own. The rows must include the id and the author.
pub async fn authors_of(
    ctx: Context<'_>,
    reports: &[Model],
) -> Result<HashMap<StatusReportId, String>> {
    let revenue = ctx.viewer.visibility(Resource::Revenue);
    if revenue.all {
        return Ok(reports.iter().map(|row| (row.id, row.reported_by.clone())).collect());
    }
    let visible = Condition::any()
        .add(of_visible_activity(ctx.db.backend(), &revenue, column(Column::ActivityId)))
        .add(column(Column::ReportedBy).eq(ctx.viewer.subject.as_str()));
    let columns = [Column::Id, Column::ReportedBy];
    let mut select = select(ctx.viewer);
    select.and_where(among(ctx.db.backend(), column(Column::Id), reports.iter().map(|row| row.id)));
    select.cond_where(visible);
    let found: Vec<Model> = query::rows(ctx.db.read(), select, &columns).await?;
    Ok(found.into_iter().map(|row| (row.id, row.reported_by)).collect())
}

/// Returns those of these reports that the viewer can read, in no particular order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[StatusReportId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    query::rows_among(ctx.db, select(ctx.viewer), Column::Id, ids, &[], columns).await
}

/// Returns the texts of these reports.
pub async fn texts_of(
    db: &impl ConnectionTrait,
    reports: &[StatusReportId],
) -> Result<HashMap<StatusReportId, status_report_text::Model>> {
    let report = Expr::col(status_report_text::Column::StatusReportId);
    let theirs = among(db.get_database_backend(), report, reports.iter().copied());
    let found = status_report_text::Entity::find().filter(theirs).all(db).await?;
    Ok(found.into_iter().map(|row| (row.status_report_id, row)).collect())
}
