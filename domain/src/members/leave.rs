//! Ends a membership: the member leaves.

use ::entity::{id::MemberId, member};
use chrono::NaiveDate;

use super::{
    departure::{depart, find},
    last_day::require_no_last_day,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{FieldErrorCode, LINE, Result, ValidationErrors},
};

/// Input for ending a membership.
#[derive(Clone, Debug, Default)]
pub struct Departure {
    /// The member that leaves.
    pub member: MemberId,
    /// Last day of membership.
    pub left_on: NaiveDate,
    /// Reason.
    pub reason: Option<String>,
    /// `true` if its agreements end with the membership.
    pub end_agreements: bool,
}

/// Ends a membership.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad field, CONFLICT
/// `ALREADY_LEFT`, `LEAVING` when its last day is in the future, `HAS_PREDECESSORS` when members
/// are merged into it on that day or later, or `AGREEMENTS_IN_FORCE` with the agreements' numbers
/// unless `end_agreements` is set.
pub async fn leave(
    ctx: Context<'_>,
    departure: Departure,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let reason = errors.optional_text("reason", departure.reason.as_deref(), LINE);
    let mut change = audit::begin(ctx, Action::MemberLeave).await?;
    let row = find(&change, departure.member, &mut errors).await?;
    errors.expect(
        departure.left_on >= row.joined_on,
        "left_on",
        FieldErrorCode::too_early(row.joined_on, "must not be before the first day of membership"),
    );
    errors.finish()?;
    depart(&mut change, row, departure.left_on, reason, None, departure.end_agreements).await?;
    change.commit_with(departure.member).await
}

/// Returns `true` if the viewer may end the membership and the member has no last day yet. Other
/// facts, as agreements in force, may still prevent it.
#[must_use]
pub fn can_leave(ctx: Context<'_>, row: &member::Model) -> bool {
    ctx.viewer.has(Permission::ManageRegister)
        && require_no_last_day(row, ctx.clock.today()).is_ok()
}
