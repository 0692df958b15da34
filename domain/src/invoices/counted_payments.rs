//! Payments of invoices: those that count for the days of settlement, and their order.

use std::collections::HashSet;

use ::entity::{
    id::{InvoiceId, PaymentId},
    payment,
};
use chrono::NaiveDate;

/// Returns the payments that count for the days of settlement. A reversed payment never counts, on
/// any day.
pub fn counted(payments: &[payment::Model]) -> impl Iterator<Item = &payment::Model> {
    let reversed: HashSet<PaymentId> =
        payments.iter().filter_map(|payment| payment.reverses_id).collect();
    payments
        .iter()
        .filter(move |payment| payment.reverses_id.is_none() && !reversed.contains(&payment.id))
}

/// Returns the sort key of payments: the order in which they are applied to an invoice.
#[must_use]
pub fn order(payment: &payment::Model) -> (InvoiceId, NaiveDate, &str) {
    (payment.invoice_id, payment.received_on, &payment.reference)
}

#[cfg(test)]
mod tests {
    use ::entity::money::Money;

    use super::*;

    #[test]
    fn a_reversed_payment_never_counts() {
        let payment = |amount: i64| payment::Model {
            id: PaymentId::new(),
            amount: Money(amount),
            ..payment::Model::default()
        };
        let (first, second) = (payment(100), payment(200));
        let reversal = payment::Model { reverses_id: Some(first.id), ..payment(-100) };
        let sums = |payments: &[payment::Model]| {
            counted(payments).map(|payment| payment.amount.0).collect::<Vec<_>>()
        };
        assert_eq!(sums(&[first.clone(), second.clone()]), [100, 200]);
        assert_eq!(sums(&[reversal.clone(), first, second]), [200], "in any order");
        assert_eq!(sums(&[reversal]), [0; 0]);
    }

    #[test]
    fn payments_are_applied_by_day_and_reference() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let payment = |on: &str, reference: &str| payment::Model {
            received_on: day(on),
            reference: reference.into(),
            ..payment::Model::default()
        };
        let mut payments =
            [payment("2026-02-01", "a"), payment("2026-01-01", "b"), payment("2026-01-01", "a")];
        payments.sort_by(|one, other| order(one).cmp(&order(other)));
        let references: Vec<_> =
            payments.iter().map(|payment| payment.reference.as_str()).collect();
        assert_eq!(references, ["a", "b", "a"]);
        assert_eq!(payments[2].received_on, day("2026-02-01"));
    }
}
