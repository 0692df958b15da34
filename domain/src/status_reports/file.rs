//! Files status reports.

use ::entity::{
    activity,
    id::{ActivityId, StatusReportId},
    kind::Health,
    status_report::Model,
    status_report_text,
};
use chrono::NaiveDate;

use super::period;
use crate::{
    activities::loading::find,
    audit::{self, Action, forms::StatusReport},
    auth::viewer::{Permission, Role},
    context::Context,
    error::{Error, Result, TEXT, ValidationErrors},
    idempotency::Outcome,
};

/// Input for filing a report.
#[derive(Clone, Debug, Default)]
pub struct NewReport {
    /// The activity.
    pub activity: ActivityId,
    /// The reported period, in a form of [`period`](super::period), as `2026-T2`.
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
pub fn can_report(ctx: Context<'_>, activity: &activity::Model) -> bool {
    ctx.viewer.has(Permission::Report) && require_lead(ctx, activity).is_ok()
}

/// Fails unless the viewer is the office or leads the activity.
fn require_lead(ctx: Context<'_>, activity: &activity::Model) -> Result<()> {
    if ctx.viewer.is(Role::Office) || ctx.viewer.activities.contains(&activity.slug) {
        return Ok(());
    }
    let words = format!("only the lead of {} or the office can report on it", activity.slug);
    Err(Error::Forbidden(words))
}

/// Returns the label of a period, and adds an error unless it has one of the forms and has begun.
fn read_period(text: &str, today: NaiveDate, errors: &mut ValidationErrors) -> String {
    let label = text.trim();
    if let Some(problem) = period::problem(label, today) {
        errors.add("period", problem);
    }
    label.to_owned()
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
    let period = read_period(&new.period, ctx.clock.today(), &mut errors);
    let summary = errors.text("summary", &new.summary, TEXT);
    let deviations = errors.optional_text("deviations", new.deviations.as_deref(), TEXT);
    let next_steps = errors.optional_text("next_steps", new.next_steps.as_deref(), TEXT);

    if !errors.is_empty() {
        // The right comes before the form of the input, and neither waits for other writers.
        match find(ctx.db.read(), new.activity).await {
            // The id itself was bad: it is returned with all other errors of the input.
            Err(Error::NotFound(_)) => {}
            found => require_lead(ctx, &found?)?,
        }
    }
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::StatusReportFile).await?;
    let activity = find(change.tx(), new.activity).await?;
    require_lead(ctx, &activity)?;
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
    let snapshot = StatusReport { row, texts };
    change.record(None, Some(&snapshot))?;
    change.commit_with(Outcome::of(snapshot.row.id).with(snapshot.row.activity_id)).await?;
    Ok(snapshot.row.id)
}
