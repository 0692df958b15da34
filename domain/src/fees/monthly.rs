//! Monthly amounts of a fee, so that a part of a year costs as much as its months and the parts add
//! up to the year.

use ::entity::{kind::FeeBasis, money::Money, term::Term};
use chrono::{Datelike, NaiveDate};

use super::amounts::{Fee, first_days};

/// Returns the amounts of a fee between two days, each with its day: for a yearly fee the first day
/// of each month on which the agreement is in force, for a one-off fee the first day of the term.
///
/// The months of a calendar year add up to the amount of
/// [`amount_for`](super::amounts::amount_for). Fees per mille and per participant have no amounts,
/// since they depend on more than the agreement; a withdrawn agreement has none either.
#[must_use]
pub fn by_month(fee: &Fee, term: &Term, from: NaiveDate, to: NaiveDate) -> Vec<(NaiveDate, Money)> {
    let Some(amount) = fee.amount.filter(|_| term.withdrawn_on.is_none()) else {
        return Vec::new();
    };
    let is_within = |day: &NaiveDate| (from..=to).contains(day);
    match fee.basis {
        FeeBasis::FixedPerYear => {
            let starts =
                (from.year()..=to.year()).filter_map(|year| NaiveDate::from_ymd_opt(year, 1, 1));
            let months = starts.flat_map(|first| first_days(term, first).zip(1_i64..));
            // Round the cumulated amount of each month, so that no öre is lost.
            let cumulated = |months: i64| amount.times(months, 12).unwrap_or_default();
            months
                .filter(|(day, _)| is_within(day))
                .map(|(day, paid)| (day, cumulated(paid) - cumulated(paid - 1)))
                .collect()
        }
        FeeBasis::OneOff => {
            Some(term.starts_on).filter(is_within).map(|day| (day, amount)).into_iter().collect()
        }
        FeeBasis::PerMilleOfAllocation | FeeBasis::PerParticipant => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::amounts::amount_for, *};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn term(starts_on: &str, ends_on: Option<&str>) -> Term {
        Term {
            starts_on: day(starts_on),
            ends_on: ends_on.map(day),
            signed_on: Some(day("2020-01-01")),
            ..Term::default()
        }
    }

    fn fee(basis: FeeBasis, amount: i64) -> Fee {
        Fee { basis, amount: Some(Money(amount)), ..Fee::default() }
    }

    fn sum(fee: &Fee, term: &Term, from: &str, to: &str) -> i64 {
        by_month(fee, term, day(from), day(to)).into_iter().map(|(_, amount)| amount.0).sum()
    }

    #[test]
    fn months_of_a_year_add_up_to_its_fee() {
        for amount in [1, 5, 1_000_001, 9_000_000] {
            for (starts_on, ends_on) in [
                ("2020-01-01", None),
                ("2026-01-15", Some("2026-07-14")),
                ("2026-03-01", Some("2027-02-28")),
                ("2026-12-02", None),
            ] {
                let (fee, term) = (fee(FeeBasis::FixedPerYear, amount), term(starts_on, ends_on));
                for year in 2025..=2028 {
                    let whole =
                        sum(&fee, &term, &format!("{year}-01-01"), &format!("{year}-12-31"));
                    assert_eq!(
                        amount_for(&fee, None, &term, year),
                        Some(Money(whole)),
                        "{amount} {starts_on} {ends_on:?} {year}"
                    );
                    let halves =
                        sum(&fee, &term, &format!("{year}-01-01"), &format!("{year}-05-31"))
                            + sum(&fee, &term, &format!("{year}-06-01"), &format!("{year}-12-31"));
                    assert_eq!(halves, whole);
                }
            }
        }
    }

    #[test]
    fn a_month_belongs_to_what_is_in_force_on_its_first_day() {
        let (fee, term) =
            (fee(FeeBasis::FixedPerYear, 12_000), term("2026-01-15", Some("2026-07-14")));
        assert_eq!(sum(&fee, &term, "2026-01-01", "2026-03-31"), 2000);
        assert_eq!(sum(&fee, &term, "2026-02-02", "2026-03-31"), 1000);
        assert_eq!(sum(&fee, &term, "2026-07-01", "2026-12-31"), 1000);
        assert_eq!(
            sum(
                &fee,
                &Term { withdrawn_on: Some(day("2026-01-20")), ..term },
                "2026-01-01",
                "2026-12-31"
            ),
            0
        );
    }

    #[test]
    fn a_fee_paid_once_counts_on_the_first_day() {
        let (fee, term) = (fee(FeeBasis::OneOff, 500), term("2026-05-10", None));
        assert_eq!(
            by_month(&fee, &term, day("2026-05-01"), day("2026-05-31")),
            [(day("2026-05-10"), Money(500))]
        );
        assert_eq!(sum(&fee, &term, "2026-06-01", "2026-12-31"), 0);
    }
}
