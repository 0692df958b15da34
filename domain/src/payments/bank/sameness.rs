//! Comparison of payments that two bank files report under different references.

use ::entity::{bank_payment::Model, money::Money};
use chrono::NaiveDate;

use super::{incoming::Duplication, payer_references::ocr_digits};

/// Maximum difference, in days, between the booking days of a payment in two files.
pub(super) const MAX_DAYS_APART: u64 = 3;
/// Minimum length of a number that identifies a payment: shorter numbers are ambiguous.
const MIN_LENGTH: usize = 4;

/// Certainty that two bank payments are the same money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sameness {
    /// Different money.
    Other,
    /// Possibly the same money.
    Possible,
    /// The same money.
    Sure,
}

/// A payment as one file reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedPayment<'t> {
    /// The bank's reference: kind of file, account, day, and the bank's own numbers.
    pub bank_reference: &'t str,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// Incoming amount, öre.
    pub amount: Money,
    /// The payer's references, separated by spaces.
    pub reference: Option<&'t str>,
    /// Organisationsnummer of the payer; null: not reported by the bank.
    pub payer_org_number: Option<&'t str>,
}

impl<'t> ReportedPayment<'t> {
    /// Returns a stored bank payment as its file reported it.
    #[must_use]
    pub fn of(row: &'t Model) -> Self {
        Self {
            bank_reference: &row.bank_reference,
            booked_on: row.booked_on,
            amount: row.amount,
            reference: row.reference.as_deref(),
            payer_org_number: row.payer_org_number.as_deref(),
        }
    }

    /// Returns the bank's own numbers without leading zeros: those of the payment, and of its entry
    /// if reported.
    fn numbers(&self) -> Vec<&'t str> {
        // A BgMax deposit's number counts the deposits of a day, so other days have the same
        // number.
        let first = if self.bank_reference.starts_with("BG ") { 4 } else { 3 };
        let words = self
            .bank_reference
            .split(' ')
            .skip(first)
            .flat_map(|word| word.split('/'))
            .map(|word| word.trim_start_matches('0'));
        words.filter(|word| word.chars().count() >= MIN_LENGTH).collect()
    }

    /// Returns the kind of file and the account.
    fn route(&self) -> (&'t str, &'t str) {
        let mut words = self.bank_reference.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Returns the payer's reference as digits, or unchanged; `None` if there is none.
    fn reference(&self) -> Option<String> {
        let text = self.reference.map(str::trim).filter(|text| !text.is_empty())?;
        Some(ocr_digits(text).unwrap_or_else(|| text.to_uppercase()))
    }
}

/// Compares two reports of a payment.
#[must_use]
pub fn sameness(one: &ReportedPayment<'_>, other: &ReportedPayment<'_>) -> Sameness {
    if one.amount != other.amount
        || one.booked_on.signed_duration_since(other.booked_on).num_days().unsigned_abs()
            > MAX_DAYS_APART
    {
        return Sameness::Other;
    }
    if one.payer_org_number.zip(other.payer_org_number).is_some_and(|(one, other)| one != other) {
        return Sameness::Other;
    }
    let (of_one, of_other) = (one.reference(), other.reference());
    let (numbers, others) = (one.numbers(), other.numbers());
    // The last number is the payment's own; the number of an entry may be shared by many payments.
    let shares_number = numbers.last().is_some_and(|own| others.contains(own))
        || others.last().is_some_and(|own| numbers.contains(own));
    let is_same_day = one.booked_on == other.booked_on;
    if shares_number {
        return if is_same_day && of_one == of_other { Sameness::Sure } else { Sameness::Possible };
    }
    if one.route() == other.route() {
        // The same kind of file of the same account distinguishes two payments by their numbers.
        return Sameness::Other;
    }
    match (of_one, of_other) {
        (Some(one), Some(other)) if one == other => Sameness::Possible,
        (Some(_), Some(_)) => Sameness::Other,
        _ if is_same_day => Sameness::Possible,
        _ => Sameness::Other,
    }
}

/// Decides about a reported payment by the stored ones that are alike; `None` if they say nothing
/// about it. `is_deposit`: its amount is that of a deposit that another file reports payment by
/// payment.
pub(super) fn decide(alike: &[(Sameness, &Model)], is_deposit: bool) -> Option<Duplication> {
    let mut sure = alike
        .iter()
        .filter(|(sameness, row)| *sameness == Sameness::Sure && row.duplicate_of_id.is_none());
    match (sure.next(), sure.next()) {
        (Some((_, row)), None) => Some(Duplication::Same(row.id)),
        // A duplicate never stands for another payment.
        (None, _) if alike.iter().all(|(_, row)| row.duplicate_of_id.is_some()) => {
            is_deposit.then_some(Duplication::Unclear)
        }
        _ => Some(Duplication::Unclear),
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::BankPaymentId;

    use super::*;

    fn reported<'t>(
        bank_reference: &'t str,
        day: &str,
        ore: i64,
        reference: &'t str,
    ) -> ReportedPayment<'t> {
        ReportedPayment {
            bank_reference,
            booked_on: day.parse().unwrap(),
            amount: Money(ore),
            reference: Some(reference).filter(|text| !text.is_empty()),
            payer_org_number: None,
        }
    }

    const BG: &str = "BG 50501055 20261118 00074 490630170001";

    #[test]
    fn the_same_payment_is_recognized_in_any_file() {
        let first = reported(BG, "2026-11-18", 100_000, "2026000105");
        for (other, expected) in [
            // Bankgirot's number, in camt.054, and under another deposit.
            (
                reported(
                    "CAMT SE4550000000058398257466 20261118 E3 490630170001",
                    "2026-11-18",
                    100_000,
                    "2026000105",
                ),
                Sameness::Sure,
            ),
            (
                reported(
                    "BG 50501055 20261118 00075 490630170001",
                    "2026-11-18",
                    100_000,
                    "2026 000105",
                ),
                Sameness::Sure,
            ),
            // The number, but another day, or another reference.
            (
                reported(
                    "BG 50501055 20261119 00075 490630170001",
                    "2026-11-19",
                    100_000,
                    "2026000105",
                ),
                Sameness::Possible,
            ),
            (
                reported("CAMT SE45 20261118 E3 490630170001", "2026-11-18", 100_000, ""),
                Sameness::Possible,
            ),
            // Another route without a number in common.
            (
                reported("CAMT SE45 20261118 E3 T-7777", "2026-11-18", 100_000, "2026000105"),
                Sameness::Possible,
            ),
            (
                reported("CAMT SE45 20261120 E3 T-7777", "2026-11-20", 100_000, "2026000105"),
                Sameness::Possible,
            ),
            (
                reported("CAMT SE45 20261118 E3 T-7777", "2026-11-18", 100_000, ""),
                Sameness::Possible,
            ),
            (reported("CAMT SE45 20261119 E3 T-7777", "2026-11-19", 100_000, ""), Sameness::Other),
            (
                reported("CAMT SE45 20261118 E3 T-7777", "2026-11-18", 100_000, "2026000204"),
                Sameness::Other,
            ),
            (
                reported("CAMT SE45 20261122 E3 T-7777", "2026-11-22", 100_000, "2026000105"),
                Sameness::Other,
            ),
            // Paid twice: Bankgirot distinguishes them.
            (
                reported(
                    "BG 50501055 20261118 00074 490630170002",
                    "2026-11-18",
                    100_000,
                    "2026000105",
                ),
                Sameness::Other,
            ),
            (reported(BG, "2026-11-18", 100_001, "2026000105"), Sameness::Other),
        ] {
            assert_eq!(sameness(&first, &other), expected, "{other:?}");
            assert_eq!(sameness(&other, &first), expected, "{other:?}");
        }
    }

    #[test]
    fn two_payments_of_an_entry_are_not_the_same() {
        let one = reported("CAMT SE45 20261118 BATCH-77 TX-1001", "2026-11-18", 10_000, "");
        let other = reported("CAMT SE45 20261118 BATCH-77 TX-1002", "2026-11-18", 10_000, "");
        assert_eq!(sameness(&one, &other), Sameness::Other);
        let payer = |number| ReportedPayment {
            payer_org_number: Some(number),
            ..reported("CAMT SE46 20261118 TX-9", "2026-11-18", 10_000, "")
        };
        let of = ReportedPayment { payer_org_number: Some("222000-1834"), ..one.clone() };
        assert_eq!(sameness(&of, &payer("222000-2568")), Sameness::Other);
        assert_eq!(sameness(&of, &payer("222000-1834")), Sameness::Possible);
    }

    #[test]
    fn only_one_certain_report_decides() {
        let row = |is_duplicate: bool| Model {
            id: BankPaymentId::new(),
            duplicate_of_id: is_duplicate.then(BankPaymentId::new),
            ..Model::default()
        };
        let (one, other, duplicate) = (row(false), row(false), row(true));
        let (sure, possible) = (Sameness::Sure, Sameness::Possible);
        let same = Some(Duplication::Same(one.id));
        let unclear = Some(Duplication::Unclear);
        for (alike, is_deposit, expected) in [
            (vec![], false, None),
            (vec![], true, unclear),
            (vec![(sure, &one)], false, same),
            (vec![(sure, &one), (possible, &other)], false, same),
            (vec![(sure, &one), (sure, &other)], false, unclear),
            (vec![(sure, &one), (sure, &duplicate)], false, same),
            (vec![(possible, &one)], false, unclear),
            (vec![(sure, &duplicate)], false, None),
            (vec![(possible, &duplicate)], true, unclear),
        ] {
            assert_eq!(decide(&alike, is_deposit), expected, "{} {is_deposit}", alike.len());
        }
    }
}
