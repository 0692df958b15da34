//! Closes activities.

use ::entity::{activity, id::ActivityId};
use chrono::NaiveDate;

use super::{
    agreements_in_force::expect_no_agreements_after,
    lifecycle::{check_days, require_not_ended},
    loading::{snapshot, snapshot_or_errors},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{Result, ValidationErrors},
};

/// Closes an activity: `ends_on` is its last day. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad field, CONFLICT
/// `ALREADY_CLOSED` when it ended on another day before today, CONFLICT `AGREEMENTS_IN_FORCE` with
/// the numbers of the participation agreements that would outlive it.
pub async fn close(
    ctx: Context<'_>,
    id: ActivityId,
    ends_on: NaiveDate,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::ActivityClose).await?;
    let before = snapshot_or_errors(&change, id, &mut errors).await?;
    check_days(before.row.starts_on, Some(ends_on), &mut errors);
    errors.finish()?;
    if before.row.ends_on == Some(ends_on) {
        return change.commit_with(id).await;
    }
    require_not_ended(&before.row, ctx.clock.today())?;
    expect_no_agreements_after(&change, &before.row, ends_on).await?;
    audit::replace(&change, activity::Model { ends_on: Some(ends_on), ..before.row.clone() })
        .await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await
}

/// Returns `true` if the viewer may close the activity and it has not ended yet. Other facts, as
/// agreements in force, may still prevent it.
#[must_use]
pub fn can_close(ctx: Context<'_>, row: &activity::Model) -> bool {
    ctx.viewer.has(Permission::ManageRegister) && require_not_ended(row, ctx.clock.today()).is_ok()
}
