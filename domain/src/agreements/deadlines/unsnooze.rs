//! Withdraws the acknowledgement of a deadline: lists of deadlines include it again.

use ::entity::id::AgreementId;

use super::acknowledgements::delete_current;
use crate::{
    agreements::{lifecycle::name, loading},
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Withdraws an acknowledgement, so that the agreement's deadline is reported again.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `NOT_SNOOZED`.
pub async fn unsnooze(ctx: Context<'_>, id: AgreementId, errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::DeadlineUnsnooze).await?;
    let row = loading::find(change.tx(), id).await?;
    let before = delete_current(&mut change, id, ctx.clock.today()).await?;
    let before = before.ok_or_else(|| {
        Error::conflict(
            ConflictReason::NotSnoozed,
            format!("the deadline of {} is not snoozed until today or later", name(&row)),
        )
    })?;
    change.record(Some(&before), None)?;
    change.commit_with(Outcome::of(id).deleting(before.id)).await
}
