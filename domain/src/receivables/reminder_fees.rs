//! Fees of reminders: the agreed one, and those that a reminder claims.

use std::cmp::min;

use ::documents::invoice::Terms;
use ::entity::{money::Money, reminder::Model};
use chrono::NaiveDate;

use crate::invoices::claim_terms::{LATE_COMPENSATION, MAX_REMINDER_FEE};

/// Returns the fee of the first reminder of an invoice: the compensation for the delay of the terms
/// that it was issued with, else the fee that was agreed when the claim arose (lag 1981:739 2 and 4
/// a §§), never both. Zero for imported history, which has no stored terms.
#[must_use]
pub fn agreed_fee(issued_with: Option<&Terms>) -> Money {
    let Some(terms) = issued_with else { return Money::ZERO };
    let fee = terms.reminder_fee.unwrap_or_default().clamp(Money::ZERO, MAX_REMINDER_FEE);
    terms
        .late_compensation
        .filter(|sum| *sum > Money::ZERO)
        .map_or(fee, |sum| min(sum, LATE_COMPENSATION))
}

/// The fees that a reminder claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimedFees {
    /// Its own, öre.
    pub own: Money,
    /// Fees of earlier reminders that are still owed, with their days.
    pub earlier: Vec<(NaiveDate, Money)>,
}

impl ClaimedFees {
    /// Returns the sum of the fees of earlier reminders, öre.
    #[must_use]
    pub fn earlier_sum(&self) -> Money {
        self.earlier.iter().map(|(_, fee)| *fee).sum()
    }
}

/// Returns the fees that a reminder claims, of these reminders of its invoice. The document and the
/// API both use it.
#[must_use]
pub fn claimed_fees(reminders: &[Model], own: &Model) -> ClaimedFees {
    let earlier =
        reminders.iter().filter(|other| other.sent_on < own.sent_on && other.fee > Money::ZERO);
    ClaimedFees { own: own.fee, earlier: earlier.map(|other| (other.sent_on, other.fee)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_reminder_claims_the_earlier_fee_and_none_of_its_own() {
        let reminder = |day: &str, fee: i64| Model {
            sent_on: day.parse().unwrap(),
            fee: Money(fee),
            ..Model::default()
        };
        let all =
            [reminder("2027-01-15", 6000), reminder("2027-02-01", 0), reminder("2027-03-01", 0)];
        assert_eq!(claimed_fees(&all, &all[0]), ClaimedFees { own: Money(6000), earlier: vec![] });
        let earlier = vec![(all[0].sent_on, Money(6000))];
        for later in &all[1..] {
            let fees = claimed_fees(&all, later);
            assert_eq!(
                (fees.earlier_sum(), fees),
                (Money(6000), ClaimedFees { own: Money::ZERO, earlier: earlier.clone() })
            );
        }
    }

    #[test]
    fn no_fee_exceeds_the_legal_maximum() {
        for (agreed, taken) in [(5950, 5950), (6000, 6000), (6001, 6000), (-1, 0)] {
            let terms = Terms { reminder_fee: Some(Money(agreed)), ..Terms::default() };
            assert_eq!(agreed_fee(Some(&terms)), Money(taken));
        }
        assert_eq!(agreed_fee(Some(&Terms::default())), Money::ZERO);
        let compensated = Terms {
            reminder_fee: Some(MAX_REMINDER_FEE),
            late_compensation: Some(LATE_COMPENSATION),
            ..Terms::default()
        };
        assert_eq!(
            agreed_fee(Some(&compensated)),
            Money(45_000),
            "instead of the fee, never in addition to it"
        );
        assert_eq!(agreed_fee(None), Money::ZERO, "no agreed terms are known");
    }
}
