//! Comparison of exported vouchers with the stored data of their sources.

use ::entity::money::Money;
use chrono::{Datelike, NaiveDate};

use crate::books::exported::{Exported, Key};

/// Stored facts of a source: its day in the books, and the amount that it adds to the receivables.
/// `None`: any day, as for a bank payment that was first exported when it was marked as a
/// duplicate.
pub(super) type StoredFacts = (Option<NaiveDate>, Money);

/// Describes the difference between the exported vouchers of a source and its stored facts; `None`
/// if they agree.
pub(super) fn disagreement(
    key: Key,
    facts: Option<StoredFacts>,
    exported: &Exported,
) -> Option<String> {
    let parts = exported.of(key);
    let first = &parts.first()?.voucher;
    let name = format!(
        "voucher {}{} of {}",
        first.series,
        first.number.unwrap_or_default(),
        first.date.year()
    );
    let Some((day, claim)) = facts else {
        return Some(format!("{name} has a source that does not exist"));
    };
    let sum: Money = parts.iter().map(|own| own.receivables).sum();
    if sum != claim {
        return Some(format!(
            "{name} was exported with {sum} of receivables, but the database has {claim}"
        ));
    }
    let day = day.filter(|day| *day != first.date)?;
    Some(format!("{name} was exported with the day {}, but the database has {day}", first.date))
}

#[cfg(test)]
mod tests {
    use ::entity::kind::VoucherSource;
    use documents::sie::Voucher;
    use uuid::Uuid;

    use super::*;
    use crate::books::exported::ExportedVoucher;

    #[test]
    fn a_source_has_the_day_and_the_claim_of_its_vouchers() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let key: Key = (VoucherSource::Payment, Uuid::from_u128(1));
        let voucher = |part: i32, ore: i64| ExportedVoucher {
            part,
            voucher: Voucher {
                series: "B",
                number: Some(7),
                date: day("2026-11-10"),
                text: String::new(),
                transactions: Vec::new(),
            },
            bank: Money::ZERO,
            receivables: Money(ore),
            bank_account: None,
            observation_account: None,
        };
        let exported = Exported::default().with(key, voucher(1, -800)).with(key, voucher(2, 0));
        let of = |facts| disagreement(key, facts, &exported);
        assert_eq!(of(Some((Some(day("2026-11-10")), Money(-800)))), None);
        assert_eq!(of(Some((None, Money(-800)))), None, "any day");
        for (facts, words) in [
            (None, "voucher B7 of 2026 has a source that does not exist"),
            (
                Some((Some(day("2026-11-10")), Money(-900))),
                "voucher B7 of 2026 was exported with -8.00 of receivables, but the database has -9.00",
            ),
            (
                Some((Some(day("2026-11-11")), Money(-800))),
                "voucher B7 of 2026 was exported with the day 2026-11-10, but the database has 2026-11-11",
            ),
        ] {
            assert_eq!(of(facts).as_deref(), Some(words));
        }
        let unknown: Key = (VoucherSource::Payment, Uuid::from_u128(2));
        assert_eq!(disagreement(unknown, None, &exported), None, "it was never exported");
    }
}
