//! Messages for payments that can't be booked on an invoice.

use ::entity::money::Money;

use crate::{
    error::{FieldErrorCode, ValidationErrors},
    invoices::payment_rejections::Rejection,
};

/// Adds an error for each reason against a payment; `day` is the field of its day.
pub(super) fn refuse(rejections: &[Rejection], day: &str, errors: &mut ValidationErrors) {
    for rejection in rejections {
        match rejection {
            Rejection::CreditNote => errors.add(
                "invoice_id",
                FieldErrorCode::WrongStatus
                    .problem("must be an invoice: a credit note is never paid"),
            ),
            Rejection::Draft => errors.add(
                "invoice_id",
                FieldErrorCode::WrongStatus.problem("must be issued: a draft can't be paid"),
            ),
            Rejection::IssuedOn(issued_on) => errors.add(
                day,
                FieldErrorCode::too_early(
                    *issued_on,
                    format!("must not be before {issued_on}, when the invoice was issued"),
                ),
            ),
            Rejection::TooMuch => errors.add(
                "amount",
                FieldErrorCode::OutOfRange
                    .problem(format!("makes the invoice's payments exceed {} kronor", Money::MAX))
                    .with("max", Money::MAX),
            ),
        }
    }
}
