//! Withdrawal of a requisition.

use ::entity::{
    id::RequisitionId,
    requisition::{Entity, Model},
};
use sea_orm::EntityTrait;

use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{ConflictReason, Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Returns `true` if the viewer may withdraw the requisition, which is not withdrawn yet.
#[must_use]
pub fn can_withdraw(ctx: Context<'_>, row: &Model) -> bool {
    ctx.viewer.has(Permission::ManageAccounts) && row.withdrawn_on.is_none()
}

/// Withdraws a requisition that was issued by mistake. Its document and number stay, and its period
/// can be requisitioned again.
///
/// # Errors
/// FORBIDDEN unless the viewer is the office or finance, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `WITHDRAWN`.
pub async fn withdraw(
    ctx: Context<'_>,
    id: RequisitionId,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<RequisitionId> {
    ctx.require(Permission::ManageAccounts)?;
    let reason = errors.text("reason", reason, LINE);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::RequisitionWithdraw).await?;
    let before = Entity::find_by_id(id).one(change.tx()).await?;
    let before =
        before.ok_or_else(|| Error::missing("requisition_id", "there is no such requisition"))?;
    if let Some(day) = before.withdrawn_on {
        return Err(Error::conflict(
            ConflictReason::Withdrawn,
            format!("{} was withdrawn on {day}", before.number),
        ));
    }
    let after = Model {
        withdrawn_on: Some(day_of(change.at())),
        withdrawal_reason: Some(reason),
        ..before.clone()
    };
    audit::replace(&change, after.clone()).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(Outcome::of(id).with(after.agreement_id)).await?;
    Ok(id)
}
