//! Checks of the invoice and the unpaid sum that a reminder is about.

use ::entity::{dated_amount::DatedAmount, invoice::Model, kind::InvoiceKind};
use chrono::NaiveDate;

use crate::{
    error::{ConflictReason, Error, Result},
    invoices::{
        adjustments::uncovered_on,
        aggregate::InvoiceAggregate,
        amounts::{State, state},
        claim_terms::payable_until,
        counted_payments::counted,
        differences::is_small_rest,
    },
};

/// Returns the name of an invoice for messages.
pub(super) fn name(row: &Model) -> String {
    InvoiceAggregate { row: row.clone(), ..InvoiceAggregate::default() }.name()
}

/// Rejects a reminder of an invoice that is not overdue on a day.
///
/// # Errors
/// CONFLICT `CREDIT_NOTE`, `DRAFT`, `PAID`, `CREDITED` or `NOT_OVERDUE`.
pub(super) fn require_overdue(row: &Model, day: NaiveDate) -> Result<()> {
    if row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict(
            ConflictReason::CreditNote,
            format!("{} is never paid, and no reminder of it can be sent", name(row)),
        ));
    }
    let (reason, words) = match state(row, day) {
        State::Overdue => return Ok(()),
        State::Draft if row.issued_on.is_none() => {
            return Err(Error::conflict(
                ConflictReason::Draft,
                "a draft is not owed; issue it first",
            ));
        }
        State::Draft => (ConflictReason::NotOverdue, "was not issued yet"),
        State::Paid => (ConflictReason::Paid, "was paid"),
        State::Credited => (ConflictReason::Credited, "was credited"),
        State::Issued | State::PartlyPaid => (ConflictReason::NotOverdue, "was not overdue"),
    };
    let due = payable_until(row)
        .map_or_else(String::new, |until| format!("; its last day to pay is {until}"));
    Err(Error::conflict(reason, format!("{} {words} on {day}{due}", name(row))))
}

/// Rejects a reminder of less than a krona that payments have left.
///
/// # Errors
/// CONFLICT `ORE_ONLY`.
pub(super) fn require_kronor(
    aggregate: &InvoiceAggregate,
    credits: &[DatedAmount],
    day: NaiveDate,
) -> Result<()> {
    let unpaid = uncovered_on(aggregate, credits, day);
    let is_paid = counted(&aggregate.payments).any(|payment| payment.received_on <= day);
    if is_small_rest(unpaid, is_paid) {
        let name = name(&aggregate.row);
        let words = format!("{name} had {unpaid} left to pay on {day}: write it off instead");
        return Err(Error::conflict(ConflictReason::OreOnly, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ::entity::{id::PaymentId, money::Money, payment};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn invoice() -> Model {
        Model {
            number: Some("20260001".into()),
            total: Money(10_000),
            issued_on: Some(day("2026-06-01")),
            due_on: Some(day("2026-07-01")),
            ..Model::default()
        }
    }

    fn is(found: &Result<()>, reason: ConflictReason) -> bool {
        matches!(found, Err(Error::Conflict { reason: found, .. }) if *found == reason)
    }

    #[test]
    fn only_an_overdue_invoice_is_reminded_of() {
        assert!(require_overdue(&invoice(), day("2026-07-02")).is_ok());
        let note = Model { kind: InvoiceKind::CreditNote, ..invoice() };
        let draft = Model { issued_on: None, ..invoice() };
        let paid = Model {
            paid: Money(10_000),
            first_paid_on: Some(day("2026-07-05")),
            settled_on: Some(day("2026-07-05")),
            ..invoice()
        };
        for (row, on, reason) in [
            (invoice(), "2026-07-01", ConflictReason::NotOverdue),
            (invoice(), "2026-05-31", ConflictReason::NotOverdue),
            (note, "2026-07-02", ConflictReason::CreditNote),
            (draft, "2026-07-02", ConflictReason::Draft),
            (paid, "2026-07-05", ConflictReason::Paid),
        ] {
            assert!(is(&require_overdue(&row, day(on)), reason), "{reason:?}");
        }
    }

    #[test]
    fn ore_that_payments_have_left_are_not_reminded_of() {
        let paid = |ore: i64| InvoiceAggregate {
            row: invoice(),
            payments: vec![payment::Model {
                id: PaymentId::new(),
                received_on: day("2026-07-05"),
                amount: Money(ore),
                ..payment::Model::default()
            }],
            ..InvoiceAggregate::default()
        };
        let on = day("2026-07-10");
        assert!(is(&require_kronor(&paid(9_901), &[], on), ConflictReason::OreOnly));
        assert!(require_kronor(&paid(9_900), &[], on).is_ok());
        assert!(require_kronor(&paid(9_901), &[], day("2026-07-04")).is_ok(), "paid later");
        let credits = [DatedAmount::new(day("2026-07-06"), Money(100))];
        assert!(is(&require_kronor(&paid(9_850), &credits, on), ConflictReason::OreOnly));
    }
}
