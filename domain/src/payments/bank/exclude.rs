//! Exclusion of bank payments that pay no invoice.

use ::entity::id::BankPaymentId;

use super::status;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{LINE, Result, ValidationErrors},
    payments::bank,
};

/// Excludes the rest of a bank payment, since it pays no invoice.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `ALREADY_MATCHED`, `EXCLUDED` or `DUPLICATE`.
pub async fn exclude(
    ctx: Context<'_>,
    id: BankPaymentId,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    let reason = errors.text("reason", reason, LINE);
    errors.finish()?;
    let change = audit::begin(ctx, Action::BankPaymentExclude).await?;
    let before = bank::find(change.tx(), id).await?;
    status::require_excludable(&before)?;
    let after = status::excluded(&before, ctx.clock.today(), &reason);
    bank::replace(change, &before, after).await
}
