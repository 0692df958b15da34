//! Rates of half-years: their days, parsing and formatting.

use std::collections::BTreeMap;

use ::entity::{
    money::{Money, ParseMoneyError},
    reference_rate::Model,
};
use chrono::{Datelike, NaiveDate};

use crate::error::{FieldErrorCode, FieldProblem};

/// Returns the first day of a day's half-year.
#[must_use]
pub fn half_year(day: NaiveDate) -> NaiveDate {
    let month = if day.month() < 7 { 1 } else { 7 };
    NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day)
}

/// Returns the last day of the half-year that begins on this day.
#[must_use]
pub fn last_day(half_year: NaiveDate) -> NaiveDate {
    let (month, day) = if half_year.month() < 7 { (6, 30) } else { (12, 31) };
    NaiveDate::from_ymd_opt(half_year.year(), month, day).unwrap_or(half_year)
}

/// The known rates, in hundredths of a per cent, by the first day of their half-year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates(BTreeMap<NaiveDate, i64>);

impl Rates {
    /// Returns the rate of the half-year that begins on this day; `None` if it is unknown. It is
    /// never guessed from another half-year.
    #[must_use]
    pub fn of(&self, half_year: NaiveDate) -> Option<i64> {
        self.0.get(&half_year).copied()
    }
}

impl FromIterator<Model> for Rates {
    fn from_iter<I: IntoIterator<Item = Model>>(rates: I) -> Self {
        Self(rates.into_iter().map(|rate| (rate.valid_from, rate.hundredths)).collect())
    }
}

/// Converts a number of per cent to hundredths of a per cent.
///
/// # Errors
/// A description of the problem.
pub fn hundredths(percent: &str) -> Result<i64, FieldProblem> {
    let code = match percent.parse() {
        Ok(Money(hundredths @ -10_000..=10_000)) => return Ok(hundredths),
        Ok(_) | Err(ParseMoneyError::TooLarge) => FieldErrorCode::OutOfRange,
        Err(_) => FieldErrorCode::NotANumber,
    };
    Err(code
        .problem("must be -100 to 100 with at most two decimals")
        .with("min", -100)
        .with("max", 100))
}

/// Formats a rate in Swedish, for example `10 %` or `10,25 %`, with a no-break space.
#[must_use]
pub fn format_percent(hundredths: i64) -> String {
    let plain = Money(hundredths).to_string().replace('.', ",");
    let plain =
        plain.strip_suffix(",00").unwrap_or_else(|| plain.strip_suffix('0').unwrap_or(&plain));
    format!("{plain}\u{a0}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn half_years_begin_in_january_and_july() {
        for (of, first, last) in [
            ("2026-06-30", "2026-01-01", "2026-06-30"),
            ("2026-07-01", "2026-07-01", "2026-12-31"),
            ("2024-02-29", "2024-01-01", "2024-06-30"),
        ] {
            assert_eq!((half_year(day(of)), last_day(half_year(day(of)))), (day(first), day(last)));
        }
    }

    #[test]
    fn a_rate_has_two_decimals() {
        assert_eq!(["2.0", "-0.5", "3.25"].map(hundredths), [Ok(200), Ok(-50), Ok(325)]);
        assert!(["2.005", "101", "NaN", ""].into_iter().all(|rate| hundredths(rate).is_err()));
    }

    #[test]
    fn a_rate_is_formatted_in_swedish() {
        for (hundredths, text) in [
            (1000, "10\u{a0}%"),
            (1050, "10,5\u{a0}%"),
            (1025, "10,25\u{a0}%"),
            (-50, "-0,5\u{a0}%"),
        ] {
            assert_eq!(format_percent(hundredths), text);
        }
    }
}
