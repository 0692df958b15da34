//! Late interest (dröjsmålsränta) on invoices that are not paid in time, calculated by day.
//!
//! The rate is the reference rate plus a number of percentage points (räntelagen 6 §). Interest is
//! simple. It accrues on the unpaid amount of each day after the due date, up to and including the
//! day of payment, with a 365th of the yearly rate per day. The days are split where half-years
//! end, and the total is rounded only at the end.

pub mod rates;
pub mod reference_rates;

use std::cmp::{max, min};

use ::entity::{dated_amount::DatedAmount, money::Money};
use chrono::NaiveDate;

use self::rates::{Rates, half_year, last_day};

/// Days with the same unpaid amount, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Unpaid amount, öre.
    pub unpaid: Money,
}

/// The interest owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// The amount in öre.
    Amount(Money),
    /// Not yet known, because the reference rate of the half-year that begins on this day is
    /// unknown.
    MissingRate(NaiveDate),
}

impl Interest {
    /// Returns the amount; `None` if it is not known.
    #[must_use]
    pub fn known(self) -> Option<Money> {
        match self {
            Self::Amount(sum) => Some(sum),
            Self::MissingRate(_) => None,
        }
    }
}

/// Returns the unpaid amount of each day after `due_on`, up to and including `until`. A payment
/// also pays the interest of its own day, so the remaining amount applies from the next day.
/// Reversed payments must not be included, since they were never received. An amount that was
/// credited by `until` was never owed: a credit note corrects the invoice itself.
#[must_use]
pub fn unpaid(
    total: Money,
    due_on: NaiveDate,
    until: NaiveDate,
    payments: &[DatedAmount],
    credits: &[DatedAmount],
) -> Vec<Span> {
    let credited: Money = credits.iter().filter(|own| own.on <= until).map(|own| own.amount).sum();
    let mut payments: Vec<_> = payments.iter().filter(|own| own.on < until).collect();
    payments.sort_by_key(|own| own.on);
    let Some(mut from) = due_on.succ_opt() else { return Vec::new() };
    let (mut left, mut spans) = (total - credited, Vec::new());
    let mut add = |from: NaiveDate, to: NaiveDate, unpaid: Money| {
        if from <= to && unpaid > Money::ZERO {
            spans.push(Span { from, to, unpaid });
        }
    };
    for DatedAmount { on, amount } in payments {
        add(from, *on, left);
        from = max(from, on.succ_opt().unwrap_or(*on));
        left = left - *amount;
    }
    add(from, until, left);
    spans
}

/// Days of a span with one rate, in hundredths of a per cent per year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The days, with the unpaid amount.
    pub span: Span,
    /// The rate.
    pub rate: i64,
}

impl Segment {
    /// Returns the exact interest: öre times hundredths of a per cent times days.
    pub(super) fn exact(&self) -> i128 {
        let Span { from, to, unpaid } = self.span;
        i128::from(unpaid.0) * i128::from(self.rate) * i128::from((to - from).num_days() + 1)
    }
}

/// Splits spans where half-years end, at the reference rate plus `points` percentage points, at
/// least zero.
///
/// # Errors
/// The first day of a half-year whose reference rate is unknown.
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

/// Rounds an exact interest to öre. It is called only at the end of a calculation.
pub(super) fn rounded(exact: i128) -> Money {
    let year = 10_000 * 365;
    Money(i64::try_from((exact * 2 + year) / (year * 2)).unwrap_or(Money::MAX.0))
}

/// Returns the interest for these days at the reference rate plus `points` percentage points; the
/// rate is at least zero.
#[must_use]
pub fn interest(spans: &[Span], rates: &Rates, points: u16) -> Interest {
    match segments(spans, rates, points) {
        Ok(segments) => Interest::Amount(rounded(segments.iter().map(Segment::exact).sum())),
        Err(half) => Interest::MissingRate(half),
    }
}

#[cfg(test)]
mod tests {
    use super::{reference_rates::published, *};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn sums(sums: &[(&str, i64)]) -> Vec<DatedAmount> {
        sums.iter().map(|(on, ore)| DatedAmount::new(day(on), Money(*ore))).collect()
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
            Interest::Amount(Money(41_096))
        );
        // The day of payment counts, and none after it.
        let paid = [("2026-07-31", 5_000_000)];
        assert_eq!(
            owed(5_000_000, "2026-07-01", "2026-12-31", &paid, &[]),
            Interest::Amount(Money(41_096))
        );
    }

    #[test]
    fn each_half_year_has_its_rate_and_only_the_total_is_rounded() {
        // 91 days at 8 % and 77 at 8.5 %.
        assert_eq!(
            owed(3_350_000, "2022-03-31", "2022-09-15", &[], &[]),
            Interest::Amount(Money(126_887))
        );
        // A krona for a day is less than half an öre. Rounded separately, each half-year would stay
        // zero for long.
        assert_eq!(owed(1_000, "2022-06-20", "2022-07-10", &[], &[]), Interest::Amount(Money(5)));
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
        assert_eq!(part, Interest::Amount(Money(5_205)));
        assert_eq!(
            owed(1_000, "2026-07-01", "2026-07-31", &[("2026-07-01", 1_000)], &[]),
            Interest::Amount(Money::ZERO)
        );
        assert_eq!(
            owed(1_000, "2026-07-01", "2026-07-31", &[("2026-07-02", 9_000)], &[]),
            Interest::Amount(Money::ZERO)
        );
    }

    #[test]
    fn credited_amounts_were_never_owed() {
        let credits = [("2026-07-20", 2_500_000), ("2026-08-01", 2_500_000)];
        assert_eq!(
            owed(5_000_000, "2026-07-01", "2026-07-31", &[], &credits),
            Interest::Amount(Money(20_548))
        );
        assert_eq!(
            owed(5_000_000, "2026-07-01", "2026-08-01", &[], &credits),
            Interest::Amount(Money::ZERO)
        );
    }

    #[test]
    fn nothing_is_owed_in_time() {
        for until in ["2026-06-01", "2026-07-01"] {
            assert_eq!(
                owed(5_000_000, "2026-07-01", until, &[], &[]),
                Interest::Amount(Money::ZERO)
            );
        }
    }

    #[test]
    fn an_unpublished_rate_is_not_guessed() {
        assert_eq!(
            owed(5_000_000, "2026-12-01", "2027-01-01", &[], &[]),
            Interest::MissingRate(day("2027-01-01"))
        );
        assert_eq!(
            owed(5_000_000, "2008-06-30", "2009-07-01", &[], &[]),
            Interest::MissingRate(day("2008-07-01"))
        );
        assert_eq!(
            owed(5_000_000, "2026-12-01", "2026-12-31", &[], &[]),
            Interest::Amount(Money(41_096))
        );
        assert_eq!(interest(&[], &Rates::default(), 8), Interest::Amount(Money::ZERO));
    }

    #[test]
    fn a_negative_rate_reduces_the_points_to_zero_at_least() {
        // 1 000 000 for a year of 365 days at 7.5 %.
        assert_eq!(
            owed(36_500_000, "2016-06-30", "2016-07-01", &[], &[]),
            Interest::Amount(Money(7_500))
        );
        let spans = unpaid(Money(36_500_000), day("2016-06-30"), day("2016-07-01"), &[], &[]);
        assert_eq!(interest(&spans, &published(), 0), Interest::Amount(Money::ZERO));
    }
}
