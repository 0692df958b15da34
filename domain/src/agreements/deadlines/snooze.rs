//! Acknowledges a deadline: hides it from the list of deadlines until a day.

use ::entity::{
    acknowledgement::Model,
    agreement,
    id::{AcknowledgementId, AgreementId},
};
use chrono::NaiveDate;

use super::{acknowledgements::delete_current, rules};
use crate::{
    agreements::loading,
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    term_sql,
};

/// Input for acknowledging a deadline.
#[derive(Clone, Debug, Default)]
pub struct NewAcknowledgement {
    /// The agreement.
    pub agreement: AgreementId,
    /// Last day on which the deadline is hidden.
    pub until: NaiveDate,
    /// Note.
    pub note: Option<String>,
}

/// Returns `true` if the viewer may snooze the deadline of the agreement, which has one.
#[must_use]
pub fn can_snooze(ctx: Context<'_>, row: &agreement::Model) -> bool {
    ctx.viewer.has(Permission::ManageAgreements)
        && term_sql::of(row).next_deadline(ctx.clock.today()).is_some()
}

/// Snoozes an agreement's deadline until a day, and replaces an earlier acknowledgement. The day is
/// at most the deadline, so that the next one is reported. `errors` are those already found in the
/// input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NO_DEADLINE`.
pub async fn snooze(
    ctx: Context<'_>,
    new: NewAcknowledgement,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    let today = ctx.clock.today();
    errors.expect(
        new.until >= today,
        "snoozed_until",
        FieldErrorCode::too_early(today, "must not be in the past"),
    );
    let note = errors.optional_text("note", new.note.as_deref(), LINE);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::DeadlineSnooze).await?;
    let row = loading::find(change.tx(), new.agreement).await?;
    rules::check_snooze(&row, new.until, today)?;
    let before = delete_current(&mut change, row.id, today).await?;
    let after = Model {
        id: AcknowledgementId::new(),
        agreement_id: row.id,
        acknowledged_by: ctx.viewer.subject.clone(),
        acknowledged_at: change.at(),
        until: new.until,
        note,
    };
    audit::insert(&change, after.clone()).await?;
    if let Some(before) = before {
        change.record(Some(&before), None)?;
    }
    change.record(None, Some(&after))?;
    change.commit_with(Outcome::of(row.id).with(after.id)).await
}
