//! Status reports: the progress of an activity, reported to the board in a fixed form.

use std::collections::HashMap;

use ::entity::{
    activity,
    id::{ActivityId, StatusReportId},
    kind::Health,
    status_report::{Column, Entity, Model},
    status_report_text,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{of_visible_activity, start::find};
use crate::{
    audit::{self, Action},
    auth::viewer::{Permission, Resource, Role, Viewer},
    clock,
    context::Context,
    database::{among, among_words, rows},
    error::{Error, LINE, Result, TEXT, ValidationErrors},
    idempotency::Outcome,
    page::{self, KeyType, Order, Slice},
};

/// A report with its texts, in the form of its audit entries.
pub use crate::audit::forms::StatusReport as StatusReportSnapshot;

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// A field that reports can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Time of the report.
    ReportedAt,
    /// Reported period.
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
        Field::Period => ("PERIOD", column(Column::Period), KeyType::Text),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Filter of reports; a report must match every part.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Activities, one of which it is about; empty: any.
    pub activities: Vec<ActivityId>,
    /// Healths, one of which it reports; empty: any.
    pub healths: Vec<Health>,
    /// The year that its period begins with.
    pub year: Option<i32>,
    /// Its period is this one or sorts after it, as `2026-T2` after `2026-T1`.
    pub period_from: Option<String>,
    /// Its period is this one, begins with it, or sorts before it.
    pub period_to: Option<String>,
    /// Reported on this day or later.
    pub reported_from: Option<NaiveDate>,
    /// Reported on this day or earlier.
    pub reported_to: Option<NaiveDate>,
}

/// Sorts after every text that begins with the prefix.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select(ctx.viewer);
    if !filter.activities.is_empty() {
        let activities = filter.activities.iter().copied();
        select.and_where(among(ctx.db.backend(), column(Column::ActivityId), activities));
    }
    if !filter.healths.is_empty() {
        let healths = filter.healths.iter().map(|health| health.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Health), healths));
    }
    if let Some(year) = filter.year {
        let year = format!("{year:04}");
        select
            .and_where(column(Column::Period).gte(year.as_str()))
            .and_where(column(Column::Period).lte(end_of(&year)));
    }
    if let Some(period) = &filter.period_from {
        select.and_where(column(Column::Period).gte(period.as_str()));
    }
    if let Some(period) = &filter.period_to {
        select.and_where(column(Column::Period).lte(end_of(period)));
    }
    if let Some(day) = filter.reported_from {
        select.and_where(column(Column::ReportedAt).gte(clock::start_of(day)));
    }
    if let Some(day) = filter.reported_to {
        let next = day.succ_opt().unwrap_or(day);
        select.and_where(column(Column::ReportedAt).lt(clock::start_of(next)));
    }
    select
}

/// Returns a page of the reports that the viewer can read and that match the filter. `errors` are
/// those already found in the arguments; errors of the page are added.
///
/// # Errors
/// INVALID naming every bad argument.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    order: &Order,
    args: &page::Args,
    columns: &[Column],
    errors: ValidationErrors,
) -> Result<Slice<Model>> {
    page::select_rows(ctx.db.read(), matching(ctx, filter), columns, order, args, errors).await
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

/// Returns the same page of the reports on each of these activities, the latest first.
///
/// # Errors
/// INVALID for a bad page.
pub async fn of_each(
    ctx: Context<'_>,
    activities: &[ActivityId],
    args: &page::Args,
    columns: &[Column],
) -> Result<HashMap<Uuid, Slice<Model>>> {
    let order = order(ctx.db.backend(), Field::ReportedAt, true);
    let mut errors = ValidationErrors::default();
    let page = page::Page::check(args, &order, &mut errors);
    errors.finish()?;
    page::fetch_each(
        ctx.db.read(),
        of(ctx, activities),
        columns,
        &order,
        &page,
        column(Column::ActivityId),
    )
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
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        ctx.db.backend(),
        column(Column::Id),
        reports.iter().map(|row| row.id),
    ));
    select.cond_where(visible);
    let found: Vec<Model> = rows(ctx.db.read(), &select, &columns).await?;
    Ok(found.into_iter().map(|row| (row.id, row.reported_by)).collect())
}

/// Returns those of these reports that the viewer can read, in no particular order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[StatusReportId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select(ctx.viewer);
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        ctx.db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(ctx.db.read(), &select, columns).await
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

/// Input for filing a report.
#[derive(Clone, Debug, Default)]
pub struct NewReport {
    /// The activity.
    pub activity: ActivityId,
    /// The reported period, for example `2026-T2`.
    pub period: String,
    /// Overall health.
    pub health: Health,
    /// Summary.
    pub summary: String,
    /// Deviations from the plan.
    pub deviations: Option<String>,
    /// Next steps.
    pub next_steps: Option<String>,
}

/// Returns `true` if the viewer may report on the activity.
#[must_use]
pub fn can_report(viewer: &Viewer, activity: &activity::Model) -> bool {
    viewer.has(Permission::Report) && require_lead(viewer, activity).is_ok()
}

/// Fails unless the viewer is the office or leads the activity.
fn require_lead(viewer: &Viewer, activity: &activity::Model) -> Result<()> {
    if viewer.is(Role::Office) || viewer.activities.contains(&activity.slug) {
        return Ok(());
    }
    let words = format!("only the lead of {} or the office can report on it", activity.slug);
    Err(Error::Forbidden(words))
}

/// Files a report under the viewer's subject. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN unless the viewer is the office or leads the activity, NOT_FOUND for the activity,
/// INVALID naming every bad field.
pub async fn file(
    ctx: Context<'_>,
    new: NewReport,
    mut errors: ValidationErrors,
) -> Result<StatusReportId> {
    ctx.require(Permission::Report)?;
    let period = errors.text("period", &new.period, LINE);
    let summary = errors.text("summary", &new.summary, TEXT);
    let deviations = errors.optional_text("deviations", new.deviations.as_deref(), TEXT);
    let next_steps = errors.optional_text("next_steps", new.next_steps.as_deref(), TEXT);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::StatusReportFile).await?;
    let activity = find(change.tx(), new.activity).await?;
    require_lead(ctx.viewer, &activity)?;
    let row = Model {
        id: StatusReportId::new(),
        activity_id: activity.id,
        period,
        health: new.health,
        reported_by: ctx.viewer.subject.clone(),
        reported_at: change.at(),
    };
    let texts =
        status_report_text::Model { status_report_id: row.id, summary, deviations, next_steps };
    audit::insert(&change, row.clone()).await?;
    audit::insert(&change, texts.clone()).await?;
    let snapshot = StatusReportSnapshot { row, texts };
    change.record(None, Some(&snapshot))?;
    change.commit_with(Outcome::of(snapshot.row.id).with(snapshot.row.activity_id)).await?;
    Ok(snapshot.row.id)
}
