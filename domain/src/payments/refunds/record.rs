//! Recording of refunds.

use std::collections::BTreeSet;

use ::entity::{
    adjustment::Model,
    bank_payment,
    dated_amount::DatedAmount,
    id::{AdjustmentId, BankPaymentId, InvoiceId},
    invoice,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use chrono::NaiveDate;

use super::{
    exclude,
    overpayment::{check, free_reference, require_same},
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    context::Context,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::{overpaid, payment_rejections::Rejection, posting::Booking},
    payments::{
        bank::{self, bookkeeping, status},
        booking_day,
        references::MAX_REFERENCE,
    },
};

/// Input of a new refund.
#[derive(Clone, Debug, Default)]
pub struct NewRefund {
    /// The overpaid invoice.
    pub invoice: InvoiceId,
    /// Day in the bank; null: that of the bank payment.
    pub paid_on: Option<NaiveDate>,
    /// Sum paid back, öre; null: all of the bank payment.
    pub amount: Option<Money>,
    /// The bank's own reference; null: that of the bank payment.
    pub reference: Option<String>,
    /// Outgoing row of the bank's file that reports the refund; null: none.
    pub bank_payment: Option<BankPaymentId>,
}

/// Returns `true` if the viewer may record a refund of the invoice: it is issued and overpaid.
#[must_use]
pub fn can_record(ctx: Context<'_>, row: &invoice::Model) -> bool {
    ctx.viewer.has(Permission::ManageInvoices)
        && Rejection::of_document(row).is_none()
        && overpaid(row) > Money::ZERO
}

/// Records the refund of an overpayment: the overpayment ends, and earlier days stay unchanged. The
/// same reference on the same invoice is the same refund: repeating it changes nothing. With a bank
/// payment, an outgoing row of the bank's file, the row supplies day, amount and reference.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `NOT_OVERPAID`, `REFUND_DIFFERS`, `REFUND_REVERSED`, or `NOT_OUTGOING`, `EXCLUDED` or
/// `DUPLICATE` for a bank payment that can't be a refund.
pub async fn record(
    ctx: Context<'_>,
    limit: Money,
    new: NewRefund,
    mut errors: ValidationErrors,
) -> Result<AdjustmentId> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::RefundRecord).await?;
    if new.bank_payment.is_some() && !errors.is_empty() {
        return errors.finish().map(|()| AdjustmentId::default());
    }
    let row = match new.bank_payment {
        Some(id) => Some(bank::find(change.tx(), id).await?),
        None => None,
    };
    let of_row = row.as_ref().map(|row| (row.booked_on, -row.amount, row.bank_reference.clone()));
    let (day, amount, reference) = of_row.unwrap_or_default();
    check_source(&new, &mut errors);
    let (day, amount) = (new.paid_on.unwrap_or(day), new.amount.unwrap_or(amount));
    let problem =
        FieldErrorCode::OutOfRange.problem("must be above zero").with("exclusiveMin", Money::ZERO);
    errors.expect(row.is_some() || new.amount.is_none() || amount > Money::ZERO, "amount", problem);
    let problem = FieldErrorCode::too_late(ctx.clock.today(), "must not be in the future");
    errors.expect(day <= ctx.clock.today(), "paid_on", problem);
    let reference = match &new.reference {
        Some(reference) => errors.text("reference", reference, MAX_REFERENCE),
        None => reference,
    };
    let mut booking =
        Booking::open(&change, BTreeSet::from([new.invoice])).await?.writing_off(limit);
    let Some(aggregate) = booking.invoice(new.invoice).cloned() else {
        errors.finish()?;
        return Err(Error::missing("invoice_id", "there is no such invoice"));
    };
    errors.expect(
        aggregate.row.kind == InvoiceKind::Invoice && aggregate.is_issued(),
        "invoice_id",
        FieldErrorCode::WrongStatus
            .problem("must be an issued invoice: nothing is paid of a draft or a credit note"),
    );
    errors.finish()?;
    if let Some(row) = &row {
        status::require_outgoing(row)?;
    }
    // If the row waits, all earlier refunds of it were reversed.
    let reference = if row.is_some() { free_reference(&aggregate, &reference) } else { reference };
    if let Some(same) = aggregate
        .adjustments
        .iter()
        .find(|own| own.kind == AdjustmentKind::Refund && own.reference == reference)
    {
        require_same(&aggregate, same, DatedAmount::new(day, amount))?;
        change.commit_with(Outcome::of(new.invoice).with(same.id)).await?;
        return Ok(same.id);
    }
    check(&aggregate, booking.credits(new.invoice), DatedAmount::new(day, amount))?;
    let booked_on = match &row {
        Some(row) => day_in_books(&change, row, ctx.clock.today()).await?,
        None => None,
    };
    let refund = Model {
        id: AdjustmentId::new(),
        invoice_id: new.invoice,
        kind: AdjustmentKind::Refund,
        dated_on: day,
        amount,
        reference,
        bank_payment_id: new.bank_payment,
        booked_on,
        ..Model::default()
    };
    let id = refund.id;
    booking.adjust(refund);
    booking.close(&mut change).await?;
    if let Some(row) = row {
        exclude(&mut change, &row, &aggregate, ctx.clock.today()).await?;
    }
    change.commit_with(Outcome::of(new.invoice).with(id)).await?;
    Ok(id)
}

/// Checks that the facts of a refund come either from its bank payment or from the input.
fn check_source(new: &NewRefund, errors: &mut ValidationErrors) {
    for (field, is_given) in [
        ("paid_on", new.paid_on.is_some()),
        ("amount", new.amount.is_some()),
        ("reference", new.reference.is_some()),
    ] {
        let has_bank_payment = new.bank_payment.is_some();
        let problem = FieldErrorCode::Required.problem("is required without a bank payment");
        errors.expect(has_bank_payment || is_given, field, problem);
        errors.expect(
            !has_bank_payment || !is_given,
            field,
            FieldErrorCode::NotAllowed
                .problem("must be left out with a bank payment, which supplies it"),
        );
    }
}

/// Returns the day in the books of a refund if it differs from the bank's day. A row with a
/// reversed refund is not booked before that reversal; in a later month, it is booked today.
async fn day_in_books(
    change: &Change,
    row: &bank_payment::Model,
    today: NaiveDate,
) -> Result<Option<NaiveDate>> {
    let Some(freed) = bookkeeping::refund_reversed_on(change.tx(), row.id).await? else {
        return Ok(row.posted_on);
    };
    let earliest = freed.max(row.day_in_books());
    let day = booking_day::default(earliest, today);
    Ok(Some(day).filter(|day| *day != row.booked_on))
}
