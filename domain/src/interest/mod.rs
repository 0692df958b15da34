//! Late interest (dröjsmålsränta): what an invoice that is not paid in time costs, day by day.
//!
//! The reference rate and some percentage points above it (räntelagen 6 §), simple, on what is
//! unpaid each day after the last day to pay up to and including the day of payment, a 365th part
//! of a year's each; split where half-years end, and rounded once, last.

pub mod reference_rates;

use std::cmp::{max, min};

use ::entity::money::Money;
use chrono::NaiveDate;

use super::interest::reference_rates::{Rates, half_year, last_day};

/// Days on which the same was unpaid, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What was unpaid, öre.
    pub unpaid: Money,
}

/// What is owed for being late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// So much, öre.
    Is(Money),
    /// Nobody knows yet, since the reference rate of the half-year that begins on this day is not
    /// known.
    NeedsRateOf(NaiveDate),
}

impl Interest {
    /// The sum; null when it is not known.
    #[must_use]
    pub fn known(self) -> Option<Money> {
        match self {
            Self::Is(sum) => Some(sum),
            Self::NeedsRateOf(_) => None,
        }
    }
}

/// What is unpaid on each day after `due_on`, up to and including `until`. A payment pays its own
/// day's interest too, so what it leaves counts from the day after; one that was reversed is not
/// among them, since it never came in. What was credited by `until` was never owed: a credit note
/// corrects the invoice itself.
#[must_use]
pub fn unpaid(
    total: Money,
    due_on: NaiveDate,
    until: NaiveDate,
    payments: &[(NaiveDate, Money)],
    credits: &[(NaiveDate, Money)],
) -> Vec<Span> {
    let credited: Money =
        credits.iter().filter(|(day, _)| *day <= until).map(|(_, sum)| *sum).sum();
    let mut payments: Vec<_> = payments.iter().filter(|(day, _)| *day < until).collect();
    payments.sort_by_key(|(day, _)| *day);
    let Some(mut from) = due_on.succ_opt() else { return Vec::new() };
    let (mut left, mut spans) = (total - credited, Vec::new());
    let mut add = |from: NaiveDate, to: NaiveDate, unpaid: Money| {
        if from <= to && unpaid > Money::ZERO {
            spans.push(Span { from, to, unpaid });
        }
    };
    for (day, sum) in payments {
        add(from, *day, left);
        from = max(from, day.succ_opt().unwrap_or(*day));
        left = left - *sum;
    }
    add(from, until, left);
    spans
}

/// Days of a span at one rate, in hundredths of a per cent a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The days, and what was unpaid on them.
    pub span: Span,
    /// The rate.
    pub rate: i64,
}

impl Segment {
    /// Its exact interest: öre times hundredths of a per cent times days.
    pub(super) fn exact(&self) -> i128 {
        let Span { from, to, unpaid } = self.span;
        i128::from(unpaid.0) * i128::from(self.rate) * i128::from((to - from).num_days() + 1)
    }
}

/// Splits spans where half-years end, at the reference rate and `points` percentage points, never
/// below zero.
///
/// # Errors
/// The first day of a half-year whose reference rate is not known.
pub fn segments(spans: &[Span], rates: &Rates, points: u16) -> Result<Vec<Segment>, NaiveDate> {
    let mut segments = Vec::new();
    for span in spans {
        let mut from = span.from;
        while from <= span.to {
            let half = half_year(from);
            let reference = rates.of(half).ok_or(half)?;
            let to = min(span.to, last_day(half));
            let rate = max(0, reference + i64::from(points) * 100);
            segments.push(Segment { span: Span { from, to, unpaid: span.unpaid }, rate });
            let Some(next) = to.succ_opt() else { break };
            from = next;
        }
    }
    Ok(segments)
}

/// Rounds an exact interest, once and last, to öre.
pub(super) fn rounded(exact: i128) -> Money {
    let year = 10_000 * 365;
    Money(i64::try_from((exact * 2 + year) / (year * 2)).unwrap_or(Money::MAX.0))
}

/// The interest of these days at the reference rate and `points` percentage points; never below
/// nought.
#[must_use]
pub fn interest(spans: &[Span], rates: &Rates, points: u16) -> Interest {
    match segments(spans, rates, points) {
        Ok(segments) => Interest::Is(rounded(segments.iter().map(Segment::exact).sum())),
        Err(half) => Interest::NeedsRateOf(half),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::interest::reference_rates::published, *};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn sums(sums: &[(&str, i64)]) -> Vec<(NaiveDate, Money)> {
        sums.iter().map(|(on, ore)| (day(on), Money(*ore))).collect()
    }

    fn owed(
        total: i64,
        due_on: &str,
        until: &str,
        payments: &[(&str, i64)],
        credits: &[(&str, i64)],
    ) -> Interest {
        interest(
            &unpaid(Money(total), day(due_on), day(until), &sums(payments), &sums(credits)),
            &published(),
            8,
        )
    }

    #[test]
    fn a_payment_after_thirty_days() {
        // 50 000 × 10 % × 30 / 365
        assert_eq!(
            owed(5_000_000, "2026-07-01", "2026-07-31", &[], &[]),
            Interest::Is(Money(41_096))
        );
        // The day that it is paid on counts, and none after it.
        let paid = [("2026-07-31", 5_000_000)];
        assert_eq!(
            owed(5_000_000, "2026-07-01", "2026-12-31", &paid, &[]),
            Interest::Is(Money(41_096))
        );
    }

    #[test]
    fn half_years_have_rates_of_their_own_and_all_is_rounded_once() {
        // 91 days at 8 % and 77 at 8.5 %.
        assert_eq!(
            owed(3_350_000, "2022-03-31", "2022-09-15", &[], &[]),
            Interest::Is(Money(126_887))
        );
        // A krona for a day is less than half an öre; each half-year by itself would be nought for
        // long.
        assert_eq!(owed(1_000, "2022-06-20", "2022-07-10", &[], &[]), Interest::Is(Money(5)));
    }

    #[test]
    fn part_payments_leave_less_from_the_day_after() {
        let spans = unpaid(
            Money(1000),
            day("2026-07-01"),
            day("2026-07-31"),
            &sums(&[("2026-07-11", 400), ("2026-06-30", 100)]),
            &[],
        );
        let span = |from: &str, to: &str, ore: i64| Span {
            from: day(from),
            to: day(to),
            unpaid: Money(ore),
        };
        assert_eq!(
            spans,
            [span("2026-07-02", "2026-07-11", 900), span("2026-07-12", "2026-07-31", 500)]
        );
        // 900 for 10 days and 500 for 20 days at 10 %, thousandfold.
        let part = owed(
            1_000_000,
            "2026-07-01",
            "2026-07-31",
            &[("2026-07-11", 400_000), ("2026-06-30", 100_000)],
            &[],
        );
        assert_eq!(part, Interest::Is(Money(5_205)));
        assert_eq!(
            owed(1_000, "2026-07-01", "2026-07-31", &[("2026-07-01", 1_000)], &[]),
            Interest::Is(Money::ZERO)
        );
        assert_eq!(
            owed(1_000, "2026-07-01", "2026-07-31", &[("2026-07-02", 9_000)], &[]),
            Interest::Is(Money::ZERO)
        );
    }

    #[test]
    fn what_was_credited_was_never_owed() {
        let credits = [("2026-07-20", 2_500_000), ("2026-08-01", 2_500_000)];
        assert_eq!(
            owed(5_000_000, "2026-07-01", "2026-07-31", &[], &credits),
            Interest::Is(Money(20_548))
        );
        assert_eq!(
            owed(5_000_000, "2026-07-01", "2026-08-01", &[], &credits),
            Interest::Is(Money::ZERO)
        );
    }

    #[test]
    fn nothing_is_owed_in_time() {
        for until in ["2026-06-01", "2026-07-01"] {
            assert_eq!(owed(5_000_000, "2026-07-01", until, &[], &[]), Interest::Is(Money::ZERO));
        }
    }

    #[test]
    fn a_rate_that_nobody_published_is_not_guessed() {
        assert_eq!(
            owed(5_000_000, "2026-12-01", "2027-01-01", &[], &[]),
            Interest::NeedsRateOf(day("2027-01-01"))
        );
        assert_eq!(
            owed(5_000_000, "2008-06-30", "2009-07-01", &[], &[]),
            Interest::NeedsRateOf(day("2008-07-01"))
        );
        assert_eq!(
            owed(5_000_000, "2026-12-01", "2026-12-31", &[], &[]),
            Interest::Is(Money(41_096))
        );
        assert_eq!(interest(&[], &Rates::default(), 8), Interest::Is(Money::ZERO));
    }

    #[test]
    fn a_rate_below_nought_takes_off_the_points_and_no_more() {
        // 1 000 000 for a year of 365 days at 7.5 %.
        assert_eq!(
            owed(36_500_000, "2016-06-30", "2016-07-01", &[], &[]),
            Interest::Is(Money(7_500))
        );
        let spans = unpaid(Money(36_500_000), day("2016-06-30"), day("2016-07-01"), &[], &[]);
        assert_eq!(interest(&spans, &published(), 0), Interest::Is(Money::ZERO));
    }
}
