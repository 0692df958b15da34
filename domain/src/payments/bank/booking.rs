//! Booking of parts of bank payments on invoices.

use ::entity::{
    bank_payment::Model,
    bank_payment_part,
    dated_amount::DatedAmount,
    id::{InvoiceId, PaymentId},
    money::Money,
    payment,
};
use chrono::NaiveDate;

use super::manual_payments::{ManualMatch, ManualPayments, Part};
use crate::{invoices::posting::Booking, payments::references};

/// Returns the manually recorded payment of this part of a bank payment on a day; `None` if there
/// is none.
pub(super) fn manual(
    booking: &Booking,
    recorded: &ManualPayments,
    row: &Model,
    invoice: InvoiceId,
    DatedAmount { on: day, amount }: DatedAmount,
) -> Option<PaymentId> {
    let part = Part { bank_reference: &row.bank_reference, day, amount };
    match booking.invoice(invoice).map(|aggregate| recorded.of(aggregate, part)) {
        Some(ManualMatch::Payment(id) | ManualMatch::Unclear(Some(id))) => Some(id),
        _ => None,
    }
}

/// Books a part of a bank payment on an invoice on a day (its own, and that in the books), or links
/// the manually recorded payment. The booked payment has the bank's reference, with a counter if a
/// reversed payment has the same reference.
pub(super) fn book(
    booking: &mut Booking,
    recorded: &mut ManualPayments,
    row: &Model,
    invoice: InvoiceId,
    amount: Money,
    (day, booked_on): (NaiveDate, NaiveDate),
) -> bank_payment_part::Model {
    let payments =
        booking.invoice(invoice).map(|aggregate| &aggregate.payments[..]).unwrap_or_default();
    let manual = manual(booking, recorded, row, invoice, DatedAmount::new(day, amount));
    // Not `default()`, which is the nil id.
    #[expect(clippy::unwrap_or_default, reason = "the default is the nil id")]
    let id = manual.unwrap_or_else(PaymentId::new);
    recorded.add(id);
    if manual.is_none() {
        let reference = references::free(&row.bank_reference, |reference| {
            payments.iter().any(|payment| payment.reference == reference)
        });
        let booked_on = Some(booked_on).filter(|booked_on| *booked_on != day);
        booking.add(payment::Model {
            id,
            invoice_id: invoice,
            received_on: day,
            amount,
            reference,
            booked_on,
            ..payment::Model::default()
        });
    }
    bank_payment_part::Model { payment_id: id, bank_payment_id: row.id }
}
