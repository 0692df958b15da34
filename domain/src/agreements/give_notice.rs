//! Gives notice (uppsägning): ends an agreement by its months of notice, or sooner where the
//! contract provides for it.

use ::entity::id::AgreementId;
use chrono::NaiveDate;

use super::{
    deadlines::acknowledgements::delete_current,
    lifecycle::{self, Transition},
    loading::{self, snapshot},
    notice, overlap_constraint,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
    members::ended_agreements,
};

/// Input for giving notice.
#[derive(Clone, Debug, Default)]
pub struct NewNotice {
    /// The agreement.
    pub agreement: AgreementId,
    /// The day on which notice was given.
    pub given_on: NaiveDate,
    /// Last day in force, where the contract lets it end sooner than by its months of notice
    /// (förtida upphörande), for example after a violation of the contract or when a grant ceases;
    /// null: by the months of notice.
    pub ends_on: Option<NaiveDate>,
    /// Reason; needed with `ends_on`.
    pub reason: Option<String>,
}

/// Gives notice.
///
/// An agreement that renews ends with the first term whose last day for notice has not passed. One
/// that runs until further notice ends when the months of notice have passed, or, without months of
/// notice, on the day of the notice. One for a fixed term ends in the same manner if that is before
/// its end.
///
/// With an explicit `ends_on`, the agreement ends on that day. If that is before its first day, it
/// never comes into force: it is withdrawn, and the agreement that it was to replace continues.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NOT_SIGNED`, `NOT_STARTED`, `NOTICE_GIVEN`, `ENDED`, `WITHDRAWN`, `REPLACED`,
/// `FIXED_TERM`, or `OVERLAPS` when the continuing agreement would be in force at the same time as
/// another.
pub async fn give_notice(
    ctx: Context<'_>,
    new: NewNotice,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    let reason = errors.optional_text("reason", new.reason.as_deref(), LINE);
    let says_why = new.ends_on.is_none() || reason.is_some();
    errors.expect(
        says_why,
        "reason",
        FieldErrorCode::Required.problem("is needed with a last day: state why the agreement ends sooner than by its months of notice"),
    );
    errors.expect(
        new.given_on <= ctx.clock.today(),
        "given_on",
        FieldErrorCode::too_late(ctx.clock.today(), "must not be after today"),
    );
    errors.expect(
        new.ends_on.is_none_or(|last| last >= new.given_on),
        "ends_on",
        FieldErrorCode::too_early(new.given_on, "must not be before the day of the notice"),
    );
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::AgreementGiveNotice).await?;
    let row = loading::find(change.tx(), new.agreement).await?;
    let transition =
        if new.ends_on.is_some() { Transition::EndEarly } else { Transition::GiveNotice };
    lifecycle::allow(transition, &row, day_of(change.at()))?;
    let ends_on = notice::last_day(&row, new.given_on, new.ends_on)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let (id, replaced, begins) = (row.id, row.replaces_id, ends_on >= row.starts_on);
    let row = notice::with_notice(row, new.given_on, ends_on, reason);
    audit::replace(&change, row.clone()).await?;
    if let Some(replaced) = replaced.filter(|_| !begins) {
        ended_agreements::release(&mut change, replaced)
            .await
            .map_err(overlap_constraint::describe)?;
    }
    // The acknowledgement was about the old deadline; the new one must be reported.
    if let Some(acknowledged) = delete_current(&mut change, id, ctx.clock.today()).await? {
        change.record(Some(&acknowledged), None)?;
    }
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await.map_err(overlap_constraint::describe)
}
