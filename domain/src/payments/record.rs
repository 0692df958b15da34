//! Recording of payments of invoices.

use std::collections::BTreeSet;

use ::entity::{
    id::{InvoiceId, PaymentId},
    invoice,
    money::Money,
    payment,
};
use chrono::NaiveDate;

use super::{
    bank::loading,
    references::MAX_REFERENCE,
    rejections::refuse,
    repetition::{self, Facts},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::{payment_rejections::Rejection, posting::Booking},
};

/// Input of a new payment.
#[derive(Clone, Debug, Default)]
pub struct NewPayment {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Day in the bank.
    pub received_on: NaiveDate,
    /// Incoming amount, öre.
    pub amount: Money,
    /// The bank's own reference.
    pub reference: String,
    /// `true` if it is a different payment from the one with the same amount and a close day that a
    /// bank file reported.
    pub is_different_payment: bool,
}

/// Records a payment of an invoice: full, partial or more than the total. The same reference on the
/// same invoice is the same payment: repeating it changes nothing. The same holds for a payment of
/// that day and sum that a bank file reported, if the reference is the one that a statement shows.
/// A difference up to `limit` is written off. Returns the payment. `errors` are those found while
/// the input was parsed.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; INVALID naming every bad field, also for a
/// draft or a credit note; NOT_FOUND; CONFLICT `PAYMENT_DIFFERS`, `PAYMENT_REVERSED` or
/// `POSSIBLE_DUPLICATE`.
pub async fn record(
    ctx: Context<'_>,
    limit: Money,
    new: NewPayment,
    mut errors: ValidationErrors,
) -> Result<PaymentId> {
    ctx.require(Permission::ManageInvoices)?;
    errors.expect(
        new.amount > Money::ZERO,
        "amount",
        FieldErrorCode::OutOfRange.problem("must be above zero").with("exclusiveMin", Money::ZERO),
    );
    errors.expect(
        new.received_on <= ctx.clock.today(),
        "received_on",
        FieldErrorCode::too_late(ctx.clock.today(), "must not be in the future"),
    );
    let reference = errors.text("reference", &new.reference, MAX_REFERENCE);

    let mut change = audit::begin(ctx, Action::PaymentRecord).await?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([new.invoice])).await?.writing_off(limit);
    let Some(invoice) = booking.invoice(new.invoice) else {
        errors.finish()?;
        return Err(Error::missing("invoice_id", "there is no such invoice"));
    };
    let facts = Facts { received_on: new.received_on, amount: new.amount, reference: &reference };
    let same = repetition::recorded(&invoice.payments, facts).cloned();
    // A repeated payment adds nothing to the paid sum.
    let added = if same.is_some() { Money::ZERO } else { new.amount };
    refuse(&booking.rejections(new.invoice, new.received_on, added), "received_on", &mut errors);
    let (name, payments) = (invoice.name(), invoice.payments.clone());
    errors.finish()?;
    if let Some(same) = same {
        repetition::require_same(&name, &payments, &same, facts)?;
        change.commit_with(Outcome::of(new.invoice).with(same.id)).await?;
        return Ok(same.id);
    }
    if !new.is_different_payment {
        let recorded = loading::manual_payments(&change, &booking, [new.invoice]).await?;
        repetition::require_another(&name, &payments, &recorded, facts)?;
    }
    let id = PaymentId::new();
    booking.add(payment::Model {
        id,
        invoice_id: new.invoice,
        received_on: new.received_on,
        amount: new.amount,
        reference,
        ..payment::Model::default()
    });
    booking.close(&mut change).await?;
    change.commit_with(Outcome::of(new.invoice).with(id)).await?;
    Ok(id)
}

/// Returns `true` if the viewer may record a payment of the invoice, which is issued.
#[must_use]
pub fn can_record(ctx: Context<'_>, row: &invoice::Model) -> bool {
    ctx.viewer.has(Permission::ManageInvoices) && Rejection::of_document(row).is_none()
}
