//! Status reports: the progress of an activity, reported to the board in a fixed form.

use std::collections::HashMap;

use ::entity::{
    id::{ActivityId, StatusReportId},
    kind::Health,
    status_report::{Column, Entity, Model},
    status_report_text,
};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::{of_visible_activity, start::find};
use crate::{
    audit::{self, Action},
    auth::viewer::{Permission, Resource, Role, Viewer},
    database::{Database, among, rows},
    error::{Error, LINE, Result, TEXT, ValidationErrors},
    idempotency::Outcome,
    page::{self, KeyType, Order, Slice},
};

/// A report with its texts, in the form of its audit entries.
pub use crate::audit::forms::StatusReport as StatusReportSnapshot;

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Returns the order of reports: the latest first.
fn latest_first(backend: DbBackend) -> Order {
    // SQLite stores timestamps as text whose order is chronological.
    let key = if backend == DbBackend::Postgres {
        Expr::cust(
            "to_char(\"status_report\".\"reported_at\" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')",
        )
    } else {
        column(Column::ReportedAt)
    };
    Order {
        name: "REPORTED_AT",
        key,
        key_type: KeyType::Text,
        id: column(Column::Id),
        descending: true,
    }
}

fn select(db: &Database, viewer: &Viewer) -> SelectStatement {
    let visible = of_visible_activity(
        db.backend(),
        &viewer.visibility(Resource::Revenue),
        column(Column::ActivityId),
    );
    Query::select().from(Entity).cond_where(visible).take()
}

fn of(db: &Database, viewer: &Viewer, activities: &[ActivityId]) -> SelectStatement {
    let mut select = select(db, viewer);
    select.and_where(among(db.backend(), column(Column::ActivityId), activities.iter().copied()));
    select
}

/// Returns the same page of the reports on each of these activities, the latest first, as far as
/// the viewer can read them.
///
/// # Errors
/// INVALID for a bad page.
pub async fn of_each(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
    args: &page::Args,
    columns: &[Column],
) -> Result<HashMap<Uuid, Slice<Model>>> {
    let order = latest_first(db.backend());
    let mut errors = ValidationErrors::default();
    let page = page::Page::check(args, &order, &mut errors);
    errors.finish()?;
    page::fetch_each(
        db.read(),
        of(db, viewer, activities),
        columns,
        &order,
        &page,
        column(Column::ActivityId),
    )
    .await
}

/// Counts the reports on each of these activities that the viewer can read. An activity without
/// reports has no entry.
pub async fn count_each(
    db: &Database,
    viewer: &Viewer,
    activities: &[ActivityId],
) -> Result<HashMap<Uuid, i64>> {
    page::count_each(db.read(), of(db, viewer, activities), column(Column::ActivityId)).await
}

/// Returns those of these reports that the viewer can read, in no particular order.
pub async fn by_ids(
    db: &Database,
    viewer: &Viewer,
    ids: &[StatusReportId],
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

/// Returns the texts of these reports. The caller has checked that the viewer can read them.
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

/// Files a report under the viewer's subject. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN unless the viewer is the office or leads the activity, NOT_FOUND for the activity,
/// INVALID naming every bad field.
pub async fn file(
    db: &Database,
    viewer: &Viewer,
    new: NewReport,
    mut errors: ValidationErrors,
) -> Result<StatusReportId> {
    viewer.require(Permission::Report)?;
    let period = errors.text("period", &new.period, LINE);
    let summary = errors.text("summary", &new.summary, TEXT);
    let deviations = errors.optional_text("deviations", new.deviations.as_deref(), TEXT);
    let next_steps = errors.optional_text("next_steps", new.next_steps.as_deref(), TEXT);
    errors.finish()?;

    let mut change = audit::begin(db, viewer, Action::StatusReportFile).await?;
    let activity = find(change.tx(), new.activity).await?;
    if !viewer.is(Role::Office) && !viewer.activities.contains(&activity.slug) {
        return Err(Error::Forbidden(format!(
            "only the lead of {} or the office can report on it",
            activity.slug
        )));
    }
    let row = Model {
        id: StatusReportId::new(),
        activity_id: activity.id,
        period,
        health: new.health,
        reported_by: viewer.subject.clone(),
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
