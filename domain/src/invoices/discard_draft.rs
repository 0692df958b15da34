//! Discard of a draft of an invoice.

use ::entity::{id::InvoiceId, invoice};
use sea_orm::EntityTrait;

use super::{
    aggregate::{self, InvoiceAggregate},
    lines, loading,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{Result, ValidationErrors},
    idempotency::Outcome,
};

/// Deletes a draft and returns it as it was. The audit trail retains it.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, NOT_FOUND, CONFLICT `ALREADY_ISSUED`.
pub async fn discard_draft(
    ctx: Context<'_>,
    id: InvoiceId,
    errors: ValidationErrors,
) -> Result<InvoiceAggregate> {
    ctx.require(Permission::ManageInvoices)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::InvoiceDraftDiscard).await?;
    let before = loading::find_draft(change.tx(), id).await?;
    lines::delete(&change, id).await?;
    invoice::Entity::delete_by_id(id).exec(change.tx()).await?;
    change.record(Some(&before), None)?;
    change
        .commit_with(Outcome::default().deleting(id).detailed(&aggregate::Deleted::of(&before)?)?)
        .await?;
    Ok(before)
}
