//! Manually recorded payments that a bank file reports later: the same money, booked once.

use std::collections::HashSet;

use ::entity::{id::PaymentId, money::Money, payment};
use chrono::NaiveDate;

use crate::invoices::{aggregate::InvoiceAggregate, counted_payments::counted};

/// Maximum difference in days between a manually recorded payment and the bank's report of the same
/// money.
pub const MAX_DAYS_APART: i64 = 7;
/// Minimum length of a reference that identifies a payment: shorter references are ambiguous.
const MIN_LENGTH: usize = 4;

/// Part of a bank payment for an invoice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'r> {
    pub bank_reference: &'r str,
    pub day: NaiveDate,
    pub amount: Money,
}

/// Manually recorded payment that matches a part of a bank payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ManualMatch {
    /// None.
    Nothing,
    /// This payment.
    Payment(PaymentId),
    /// Ambiguous. Either several payments are alike, and this is the first; or, if null, a payment
    /// has the bank's reference with other facts, or the same sum a few days apart.
    Unclear(Option<PaymentId>),
}

/// Payments of some invoices that came from a bank file; the others were recorded manually.
#[derive(Default)]
pub(crate) struct ManualPayments {
    of_bank: HashSet<PaymentId>,
}

impl ManualPayments {
    /// Returns these payments of a bank file.
    pub fn new(of_bank: HashSet<PaymentId>) -> Self {
        Self { of_bank }
    }

    /// `true` if a payment came from a bank file.
    pub fn is_of_bank(&self, payment: PaymentId) -> bool {
        self.of_bank.contains(&payment)
    }

    /// Records that a payment came from a bank file.
    pub fn add(&mut self, payment: PaymentId) {
        self.of_bank.insert(payment);
    }

    /// Returns the manually recorded payment of this part on its invoice: the one of that day and
    /// sum or, of several, the one with the bank's own reference.
    pub fn of(&self, invoice: &InvoiceAggregate, part: Part<'_>) -> ManualMatch {
        let manual =
            || counted(&invoice.payments).filter(|payment| !self.of_bank.contains(&payment.id));
        let is_named =
            |payment: &&payment::Model| is_shown_as(part.bank_reference, &payment.reference);
        let (same, others): (Vec<_>, Vec<_>) = manual()
            .partition(|payment| (payment.received_on, payment.amount) == (part.day, part.amount));
        let named: Vec<_> = same.iter().copied().filter(is_named).collect();
        match (&named[..], &same[..]) {
            ([one], _) | ([], [one]) => ManualMatch::Payment(one.id),
            ([], []) if !others.iter().any(|other| is_named(other) || is_near(other, part)) => {
                ManualMatch::Nothing
            }
            _ => ManualMatch::Unclear(same.first().map(|payment| payment.id)),
        }
    }
}

/// `true` if a payment has the sum of a part of a bank payment, and a day close to it.
fn is_near(payment: &payment::Model, part: Part<'_>) -> bool {
    payment.amount == part.amount
        && (payment.received_on - part.day).num_days().abs() <= MAX_DAYS_APART
}

/// `true` if a manually written reference equals what a statement shows of this bank reference: the
/// bank's own words, which follow the kind of file, the account and the day. Leading zeros may be
/// missing.
pub fn is_shown_as(bank_reference: &str, written: &str) -> bool {
    fn words(text: &str) -> Vec<&str> {
        let words = text.split([' ', '/']).map(|word| word.trim_start_matches('0'));
        words.filter(|word| !word.is_empty()).collect()
    }
    let (reported, written) = (words(bank_reference), words(written));
    let is_long_enough = written.iter().any(|word| word.chars().count() >= MIN_LENGTH);
    is_long_enough
        && (reported == written
            || reported
                .get(3..)
                .is_some_and(|own| own.windows(written.len()).any(|words| words == written)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_recognized_by_its_form_on_a_statement() {
        let of_file = "BG 50501055 20261118 00074 490630174260";
        for written in
            [of_file, "490630174260", "0490630174260", " 490630174260 ", "00074 490630174260"]
        {
            assert!(is_shown_as(of_file, written), "{written}");
        }
        for written in
            ["", "00074", "74", "50501055", "20261118", "BG", "49063017426", "490630174260 2"]
        {
            assert!(!is_shown_as(of_file, written), "{written}");
        }
        assert!(
            is_shown_as("CAMT SE45 20261118 BATCH-77 TX-100001", "TX-100001")
                && is_shown_as("CAMT SE45 20261118 A/B-100001", "A/B-100001")
        );
    }

    #[test]
    fn a_recorded_payment_is_found_by_day_and_sum_or_by_the_banks_reference() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let payment = |on: &str, ore: i64, reference: &str| payment::Model {
            id: PaymentId::new(),
            received_on: day(on),
            amount: Money(ore),
            reference: reference.into(),
            ..payment::Model::default()
        };
        let of = |payments: &[&payment::Model], of_bank: &[PaymentId]| {
            let invoice = InvoiceAggregate {
                payments: payments.iter().map(|payment| (*payment).clone()).collect(),
                ..InvoiceAggregate::default()
            };
            let part = Part {
                bank_reference: "BG 50501055 20261118 00074 490630174260",
                day: day("2026-11-18"),
                amount: Money(800),
            };
            ManualPayments::new(of_bank.iter().copied().collect()).of(&invoice, part)
        };
        let same = payment("2026-11-18", 800, "Bankgiro");
        let named = payment("2026-11-18", 800, "490630174260");
        let near = payment("2026-11-11", 800, "Bankgiro");
        let far = payment("2026-11-10", 800, "Bankgiro");
        let other_sum = payment("2026-11-18", 801, "490630174260");
        assert_eq!(of(&[], &[]), ManualMatch::Nothing);
        assert_eq!(of(&[&same], &[]), ManualMatch::Payment(same.id));
        assert_eq!(of(&[&same], &[same.id]), ManualMatch::Nothing, "the bank reported it");
        assert_eq!(of(&[&same, &named], &[]), ManualMatch::Payment(named.id));
        assert_eq!(of(&[&same, &same.clone()], &[]), ManualMatch::Unclear(Some(same.id)));
        assert_eq!(of(&[&near], &[]), ManualMatch::Unclear(None));
        assert_eq!(of(&[&far], &[]), ManualMatch::Nothing);
        assert_eq!(of(&[&other_sum], &[]), ManualMatch::Unclear(None));
        assert_eq!(of(&[&other_sum, &same], &[]), ManualMatch::Payment(same.id));
        let reversal = payment::Model {
            reverses_id: Some(same.id),
            ..payment("2026-11-20", -800, "Bankgiro (återförd)")
        };
        assert_eq!(of(&[&same, &reversal], &[]), ManualMatch::Nothing, "it was reversed");
    }
}
