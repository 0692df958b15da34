//! Withdraws drafts and offers.

use ::entity::{agreement::Model, id::AgreementId};

use super::{
    lifecycle::{self, Transition},
    loading::{self, snapshot},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{LINE, Result, ValidationErrors},
};

/// Withdraws a draft, or an offer that is not signed by both parties. An offer retains its number.
/// A withdrawn successor no longer replaces its predecessor, so that another one can be drafted.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID for a bad reason, CONFLICT
/// `ALREADY_SIGNED` or `WITHDRAWN`.
pub async fn withdraw(
    ctx: Context<'_>,
    id: AgreementId,
    reason: Option<&str>,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    let reason = errors.optional_text("reason", reason, LINE);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::AgreementWithdraw).await?;
    let row = loading::find(change.tx(), id).await?;
    let today = day_of(change.at());
    lifecycle::allow(Transition::Withdraw, &row, today)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let row =
        Model { withdrawn_on: Some(today), termination_reason: reason, replaces_id: None, ..row };
    audit::replace(&change, row.clone()).await?;
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await
}
