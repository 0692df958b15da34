//! Accrual of lines (periodisering): the amount of a line, spread by day over the period that it
//! covers.
//!
//! A line without a period counts on its invoice's day. The amount of each day is a step of the
//! rounded cumulated amount. The amounts of any days therefore add up to the amount of the same
//! days together, and those of all days to the line.

use ::entity::{invoice_line, money::Money, term::add_months};
use chrono::{Datelike, NaiveDate};

/// First and last day.
pub type Days = (NaiveDate, NaiveDate);

/// Returns the days that a line of an invoice of this day covers.
#[must_use]
pub fn covered_days(line: &invoice_line::Model, issued_on: NaiveDate) -> Days {
    covered(line.period_from, line.period_to, issued_on)
}

/// Returns the days that a line with this period covers, of an invoice of this day. A period with
/// one end is that day.
#[must_use]
pub fn covered(from: Option<NaiveDate>, to: Option<NaiveDate>, issued_on: NaiveDate) -> Days {
    (from.or(to).unwrap_or(issued_on), to.or(from).unwrap_or(issued_on))
}

/// Returns the days of each calendar month among these days.
pub fn months((first, last): Days) -> impl Iterator<Item = Days> {
    let next_month = |day: NaiveDate| add_months(day.with_day(1).unwrap_or(day), 1);
    let starts = std::iter::successors(Some(first), move |day| Some(next_month(*day)));
    starts.take_while(move |start| *start <= last).map(move |start| {
        let end = next_month(start).pred_opt().unwrap_or(start);
        (start, end.min(last))
    })
}

/// Returns the part of an amount over the days `covers` that belongs to `days`, which must be
/// within `covers`.
#[must_use]
pub fn part(amount: Money, covers: Days, days: Days) -> Money {
    let days_until = |day: Option<NaiveDate>| day.map_or(0, |day| (day - covers.0).num_days() + 1);
    let all = days_until(Some(covers.1));
    let cumulated = |days: i64| amount.times(days, all).unwrap_or_default();
    cumulated(days_until(Some(days.1))) - cumulated(days_until(days.0.pred_opt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_covers_its_period_or_the_day_of_its_invoice() {
        let line = |from: Option<&str>, to: Option<&str>| {
            let line = invoice_line::Model {
                period_from: from.map(day),
                period_to: to.map(day),
                ..invoice_line::Model::default()
            };
            let (first, last) = covered_days(&line, day("2026-05-05"));
            (first.to_string(), last.to_string())
        };
        let days = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        let (january, march) = (Some("2026-01-15"), Some("2026-03-02"));
        assert_eq!(line(january, march), days("2026-01-15", "2026-03-02"));
        assert_eq!(line(january, None), days("2026-01-15", "2026-01-15"));
        assert_eq!(line(None, march), days("2026-03-02", "2026-03-02"));
        assert_eq!(line(None, None), days("2026-05-05", "2026-05-05"));
    }

    #[test]
    fn the_months_of_a_line_add_up_to_it() {
        let covers = (day("2025-11-15"), day("2026-02-03"));
        let of_months: Vec<_> = months(covers).collect();
        let expected = [
            ("2025-11-15", "2025-11-30"),
            ("2025-12-01", "2025-12-31"),
            ("2026-01-01", "2026-01-31"),
            ("2026-02-01", "2026-02-03"),
        ];
        assert_eq!(of_months, expected.map(|(first, last)| (day(first), day(last))));
        for amount in [1, -1_000_001, (1 << 53) - 1] {
            let sum: Money = of_months.iter().map(|days| part(Money(amount), covers, *days)).sum();
            assert_eq!(sum, Money(amount));
        }
        assert_eq!(months((day("2026-03-31"), day("2026-03-31"))).count(), 1);
    }
}
