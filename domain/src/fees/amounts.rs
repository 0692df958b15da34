//! Calculates the yearly amount of an agreement's fee.

use std::ops::RangeInclusive;

use ::entity::{
    agreement,
    date_range::DateRange,
    kind::FeeBasis,
    money::{Money, PerMille},
    term::Term,
};
use chrono::{Months, NaiveDate};

/// The calendar years that the register supports.
pub const YEARS: RangeInclusive<i32> = 1900..=2999;

/// The fee of an agreement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fee {
    /// Basis of the calculation.
    pub basis: FeeBasis,
    /// Amount in öre; null for a per-mille fee.
    pub amount: Option<Money>,
    /// Rate; null unless it is a per-mille fee.
    pub per_mille: Option<PerMille>,
    /// Maximum of a per-mille fee for a whole year in öre; null: no cap.
    pub cap: Option<Money>,
    /// Minimum of a per-mille fee for a whole year in öre; null: no minimum.
    pub minimum: Option<Money>,
}

impl Fee {
    /// Returns the fee of an agreement; `None` if it has none. The row must have the five columns
    /// of the fee.
    #[must_use]
    pub fn of(row: &agreement::Model) -> Option<Self> {
        let basis = row.fee_basis?;
        Some(Self {
            basis,
            amount: row.fee_amount,
            per_mille: row.fee_per_mille,
            cap: row.fee_cap,
            minimum: row.fee_minimum,
        })
    }

    /// Returns the amount of a yearly fee for a number of months, rounded only at the end; zero for
    /// a fee of another basis. `None` when a rate has no allocation, or the amount exceeds
    /// [`Money::MAX`].
    #[must_use]
    pub fn of_months(&self, allocation: Option<Money>, months: i64) -> Option<Money> {
        match self.basis {
            FeeBasis::FixedPerYear => self.amount?.times(months, 12),
            // Zero months cost nothing, even if the allocation is unknown.
            FeeBasis::PerMilleOfAllocation if months == 0 => Some(Money::ZERO),
            FeeBasis::PerMilleOfAllocation => self.per_mille_of(allocation?, months),
            FeeBasis::OneOff | FeeBasis::PerParticipant => Some(Money::ZERO),
        }
    }

    /// Returns the amount for a number of months in per mille of an allocation. The limits apply to
    /// a whole year, before proration, so that half a year costs half of the limited amount. The
    /// amount is rounded only at the end. The cap takes precedence over the minimum.
    fn per_mille_of(&self, allocation: Money, months: i64) -> Option<Money> {
        let rate = self.per_mille?.0;
        // In millionths of an öre, so that the yearly fee is compared to its limits before
        // rounding.
        let year = i128::from(allocation.0) * i128::from(rate);
        let is_below = |limit: &Money| year < i128::from(limit.0) * 1_000_000;
        let is_above = |limit: &Money| year > i128::from(limit.0) * 1_000_000;
        let minimum = self.minimum.filter(is_below);
        let limit = match (minimum, self.cap) {
            (Some(minimum), Some(cap)) => Some(minimum.min(cap)),
            (None, Some(cap)) => Some(cap).filter(is_above),
            (minimum, None) => minimum,
        };
        match limit {
            Some(limit) => limit.times(months, 12),
            None => allocation.times(rate * months, 12_000_000),
        }
    }
}

/// Returns the amount of a fee for a calendar year in öre.
///
/// A yearly fee, fixed or per mille of the year's allocation, is prorated by the months of the year
/// on whose first day the agreement is in force. From 15 January to 14 July it is six twelfths,
/// February to July. Consecutive agreements therefore pay each month only one time. A cap and a
/// minimum apply to the fee of the whole year, before proration.
///
/// A one-off fee belongs to the year of the term's first day. A fee per participant is zero, since
/// the number of participants is unknown. The fee of a withdrawn agreement is zero. The amount is
/// rounded only at the end. `None` when a rate has no allocation, or the amount exceeds
/// [`Money::MAX`].
#[must_use]
pub fn amount_for(fee: &Fee, allocation: Option<Money>, term: &Term, year: i32) -> Option<Money> {
    let days = DateRange::year(year)?;
    if term.withdrawn_on.is_some() {
        return Some(Money::ZERO);
    }
    let months: i64 = first_days(term, days.from).map(|_| 1).sum();
    match fee.basis {
        FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation => {
            fee.of_months(allocation, months)
        }
        FeeBasis::OneOff if days.contains(term.starts_on) => fee.amount,
        FeeBasis::OneOff | FeeBasis::PerParticipant => Some(Money::ZERO),
    }
}

/// Returns the days of a calendar year; `None` outside [`YEARS`].
#[must_use]
pub fn year(year: i32) -> Option<DateRange> {
    DateRange::year(year).filter(|_| YEARS.contains(&year))
}

/// Returns the number of months of a year that the agreement pays, 0 to 12: those on whose first
/// day it is in force.
#[must_use]
pub fn months(term: &Term, year: i32) -> i64 {
    self::year(year).map_or(0, |days| first_days(term, days.from).map(|_| 1_i64).sum())
}

/// Returns the first days of the months of a year that the agreement pays, as [`months`] counts
/// them.
#[must_use]
pub fn months_paid(term: &Term, year: i32) -> Vec<NaiveDate> {
    self::year(year).map_or_else(Vec::new, |days| first_days(term, days.from).collect())
}

/// Returns the days of a year within the term; `None` if there are none.
#[must_use]
pub fn days(term: &Term, year: i32) -> Option<DateRange> {
    let DateRange { from: first, to: last } = self::year(year)?;
    let from = term.starts_on.max(first);
    let to = term.final_day().map_or(last, |end| end.min(last));
    (from <= to).then_some(DateRange { from, to })
}

/// Returns the first day of the first month of a year that the agreement pays and the last day of
/// the last one, as [`months`] counts them; `None` if it pays none.
#[must_use]
pub fn covered(term: &Term, year: i32) -> Option<DateRange> {
    let mut paid = first_days(term, self::year(year)?.from);
    let from = paid.next()?;
    let last = paid.last().unwrap_or(from);
    Some(DateRange { from, to: last.checked_add_months(Months::new(1))?.pred_opt()? })
}

/// Returns the first days of the months on which the agreement is in force, within the year
/// beginning on `first`.
pub(super) fn first_days(term: &Term, first: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    let (starts_on, until) = (term.starts_on, term.final_day());
    (0..12)
        .filter_map(move |month| first.checked_add_months(Months::new(month)))
        .filter(move |day| starts_on <= *day && until.is_none_or(|last| *day <= last))
}

#[cfg(test)]
mod tests {
    use chrono::Datelike;

    use super::*;

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

    fn fixed(ore: i64) -> Fee {
        Fee { basis: FeeBasis::FixedPerYear, amount: Some(Money(ore)), ..Fee::default() }
    }

    fn months(term: &Term, year: i32) -> i64 {
        amount_for(&fixed(1200), None, term, year).unwrap_or_default().0 / 100
    }

    #[test]
    fn a_month_is_paid_by_what_is_in_force_on_its_first_day() {
        for (starts_on, ends_on, whole) in [
            ("2026-01-01", Some("2026-12-31"), 12),
            ("2026-03-15", Some("2026-12-31"), 9),
            ("2026-01-15", Some("2026-07-14"), 6),
            ("2026-03-01", Some("2026-12-30"), 10),
            ("2026-02-01", Some("2026-02-28"), 1),
            ("2026-02-02", Some("2026-02-28"), 0),
            ("2026-02-02", Some("2026-03-30"), 1),
            ("2026-02-02", Some("2026-03-01"), 1),
            ("2020-01-01", None, 12),
            ("2027-01-01", None, 0),
            ("2020-01-01", Some("2025-12-31"), 0),
            ("2020-05-05", Some("2026-01-31"), 1),
        ] {
            assert_eq!(months(&term(starts_on, ends_on), 2026), whole, "{starts_on} {ends_on:?}");
        }
        assert_eq!(
            covered(&term("2026-01-15", Some("2026-07-14")), 2026),
            Some(DateRange::new(day("2026-02-01"), day("2026-07-31")))
        );
        assert_eq!(covered(&term("2026-02-02", Some("2026-02-28")), 2026), None);
    }

    #[test]
    fn consecutive_agreements_pay_each_month_one_time() {
        let old = term("2026-01-01", None);
        for from in day("2026-01-02").iter_days().take(364) {
            let (old, new) =
                (Term { replaced_from: Some(from), ..old }, term(&from.to_string(), None));
            assert_eq!(months(&old, 2026) + months(&new, 2026), 12, "{from}");
        }
    }

    #[test]
    fn a_term_pays_as_many_months_as_it_has() {
        for starts_on in day("2024-01-01").iter_days().take_while(|day| day.year() < 2029) {
            for renewal in 1..=36_i32 {
                // The agreed term is as long as each renewal.
                let first =
                    starts_on.checked_add_months(Months::new(renewal.unsigned_abs())).unwrap();
                let next = if first.day() == starts_on.day() {
                    first
                } else {
                    first.with_day(1).unwrap().checked_add_months(Months::new(1)).unwrap()
                };
                let ends_on = next.pred_opt().unwrap();
                for k in 0..3 {
                    let last = ::entity::term::prolonged(ends_on, renewal, k);
                    let whole = Term { starts_on, ends_on: Some(last), ..Term::default() };
                    let paid: i64 =
                        (2024..=last.year()).map(|year| super::months(&whole, year)).sum();
                    assert_eq!(
                        paid,
                        i64::from(renewal * (k + 1)),
                        "{starts_on}, {} terms of {renewal} months",
                        k + 1
                    );
                }
            }
        }
    }

    #[test]
    fn a_renewing_term_continues_until_notice_or_successor() {
        let renewing = Term { renewal_months: Some(12), ..term("2024-01-01", Some("2024-12-31")) };
        assert_eq!(months(&renewing, 2026), 12);
        assert_eq!(
            months(
                &Term {
                    ends_on: Some(day("2026-06-30")),
                    notice_given_on: Some(day("2026-03-01")),
                    ..renewing
                },
                2026
            ),
            6
        );
        assert_eq!(months(&Term { replaced_from: Some(day("2026-04-01")), ..renewing }, 2026), 3);
        assert_eq!(months(&Term { replaced_from: Some(day("2026-04-01")), ..renewing }, 2027), 0);
    }

    #[test]
    fn per_mille_is_rounded_once_after_proration() {
        let fee = Fee {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(2000)),
            ..Fee::default()
        };
        let (year, half) = (term("2026-01-01", None), term("2026-07-01", None));
        assert_eq!(amount_for(&fee, Some(Money(432_433_300)), &year, 2026), Some(Money(864_867)));
        // 2 ‰ of 4 324 333 kr is 8 648.666 kr. The half of that, not of 8 648.67, is 4 324.333.
        assert_eq!(amount_for(&fee, Some(Money(432_433_300)), &half, 2026), Some(Money(432_433)));
        assert_eq!(amount_for(&fee, None, &year, 2026), None);
        assert_eq!(amount_for(&fee, None, &year, 2025), Some(Money::ZERO));
    }

    #[test]
    fn limits_are_put_on_the_whole_year_before_it_is_prorated() {
        let (year, half) = (term("2026-01-01", None), term("2026-07-01", None));
        let fee = |cap: Option<i64>, minimum: Option<i64>| Fee {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(4000)),
            cap: cap.map(Money),
            minimum: minimum.map(Money),
            ..Fee::default()
        };
        // 4 ‰ of 32 000 000 kr is 128 000 kr, and of 4 324 000 kr 17 296 kr.
        for (fee, allocation, whole, six_months) in [
            (fee(Some(10_000_000), None), 3_200_000_000, 10_000_000, 5_000_000),
            (fee(Some(10_000_000), None), 432_400_000, 1_729_600, 864_800),
            (fee(None, Some(2_000_000)), 432_400_000, 2_000_000, 1_000_000),
            (fee(None, Some(2_000_000)), 3_200_000_000, 12_800_000, 6_400_000),
            // Half of the yearly fee is below a cap that the whole is above, and the reverse.
            (fee(Some(12_000_000), None), 3_200_000_000, 12_000_000, 6_000_000),
            (fee(Some(10_000_001), None), 3_200_000_000, 10_000_001, 5_000_001),
            (fee(Some(2_000_000), Some(2_000_000)), 432_400_000, 2_000_000, 1_000_000),
            (fee(Some(500_000), Some(1_000_000)), 1, 500_000, 250_000),
            (fee(Some(0), None), 432_400_000, 0, 0),
            (fee(None, Some(100)), 0, 100, 50),
        ] {
            let amounts =
                [&year, &half].map(|term| amount_for(&fee, Some(Money(allocation)), term, 2026));
            assert_eq!(
                amounts,
                [Some(Money(whole)), Some(Money(six_months))],
                "{fee:?} {allocation}"
            );
        }
        assert_eq!(
            amount_for(&fee(None, Some(100)), None, &year, 2026),
            None,
            "an unknown allocation gives no amount"
        );
        assert_eq!(amount_for(&fee(None, Some(100)), None, &year, 2025), Some(Money::ZERO));
    }

    #[test]
    fn one_off_falls_whole_in_its_first_year() {
        let fee = Fee { basis: FeeBasis::OneOff, ..fixed(500_000) };
        let term = term("2026-12-31", Some("2028-06-30"));
        let amounts = [2025, 2026, 2027].map(|year| amount_for(&fee, None, &term, year));
        assert_eq!(amounts, [Some(Money::ZERO), Some(Money(500_000)), Some(Money::ZERO)]);
    }

    #[test]
    fn unknown_and_withdrawn_fees_cost_nothing() {
        let year = term("2026-01-01", None);
        assert_eq!(
            amount_for(
                &Fee { basis: FeeBasis::PerParticipant, ..fixed(500_000) },
                None,
                &year,
                2026
            ),
            Some(Money::ZERO)
        );
        let withdrawn = Term { signed_on: None, withdrawn_on: Some(day("2026-02-01")), ..year };
        assert_eq!(amount_for(&fixed(500_000), None, &withdrawn, 2026), Some(Money::ZERO));
        assert_eq!(amount_for(&fixed(500_000), None, &year, i32::MAX), None);
    }
}
