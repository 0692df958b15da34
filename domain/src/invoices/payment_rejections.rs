//! Reasons against the payment of an invoice.

use ::entity::{invoice, kind::InvoiceKind, money::Money};
use chrono::NaiveDate;

use super::aggregate::InvoiceAggregate;

/// Reason why a payment can't be booked on an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The document is a credit note.
    CreditNote,
    /// The invoice is not issued.
    Draft,
    /// The invoice was issued later, on this day.
    IssuedOn(NaiveDate),
    /// The sum of its payments would exceed the largest amount.
    TooMuch,
}

impl Rejection {
    /// Returns the reason why no payment at all can be booked on an invoice.
    pub fn of_document(row: &invoice::Model) -> Option<Self> {
        match (row.kind, row.issued_on) {
            (InvoiceKind::CreditNote, _) => Some(Self::CreditNote),
            (InvoiceKind::Invoice, None) => Some(Self::Draft),
            (InvoiceKind::Invoice, Some(_)) => None,
        }
    }
}

/// Returns the reasons against a payment of this day and sum.
pub(crate) fn rejections(
    aggregate: &InvoiceAggregate,
    received_on: NaiveDate,
    amount: Money,
) -> Vec<Rejection> {
    let mut found = Vec::from_iter(Rejection::of_document(&aggregate.row));
    if found.is_empty()
        && let Some(issued_on) = aggregate.row.issued_on.filter(|day| received_on < *day)
    {
        found.push(Rejection::IssuedOn(issued_on));
    }
    // All payments, reversed or not, so that no intermediate sum can be too large either.
    let came_in = aggregate
        .payments
        .iter()
        .filter(|payment| payment.amount > Money::ZERO)
        .try_fold(amount.0, |sum, payment| sum.checked_add(payment.amount.0));
    if came_in.is_none_or(|sum| sum > Money::MAX.0) {
        found.push(Rejection::TooMuch);
    }
    found
}

#[cfg(test)]
mod tests {
    use ::entity::payment;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn invoice(issued_on: Option<&str>, payments: &[i64]) -> InvoiceAggregate {
        let payment = |ore: &i64| payment::Model { amount: Money(*ore), ..Default::default() };
        InvoiceAggregate {
            row: invoice::Model { issued_on: issued_on.map(day), ..Default::default() },
            payments: payments.iter().map(payment).collect(),
            ..InvoiceAggregate::default()
        }
    }

    #[test]
    fn a_payment_is_of_an_issued_invoice_and_not_before_its_issue() {
        let issued = invoice(Some("2026-11-10"), &[]);
        for (on, expected) in [
            ("2026-11-09", vec![Rejection::IssuedOn(day("2026-11-10"))]),
            ("2026-11-10", vec![]),
            ("2027-11-10", vec![]),
        ] {
            assert_eq!(rejections(&issued, day(on), Money(1)), expected, "{on}");
        }
        let draft = invoice(None, &[]);
        assert_eq!(rejections(&draft, day("2026-11-10"), Money(1)), [Rejection::Draft]);
        let mut note = issued;
        note.row.kind = InvoiceKind::CreditNote;
        assert_eq!(rejections(&note, day("2026-11-09"), Money(1)), [Rejection::CreditNote]);
    }

    #[test]
    fn the_sum_of_all_payments_has_a_maximum() {
        let of = |payments: &[i64], ore| {
            rejections(&invoice(Some("2026-11-10"), payments), day("2026-11-10"), Money(ore))
        };
        assert_eq!(of(&[], Money::MAX.0), []);
        assert_eq!(of(&[1], Money::MAX.0), [Rejection::TooMuch]);
        // A reversal makes no room: the sum before it would be too large.
        assert_eq!(of(&[1, -1], Money::MAX.0), [Rejection::TooMuch]);
        assert_eq!(of(&[1, -1], Money::MAX.0 - 1), []);
    }
}
