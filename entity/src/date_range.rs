//! Ranges of days, such as the period of an invoice line.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A range of days, including both ends. It is stored as an array of two days.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(from = "(NaiveDate, NaiveDate)", into = "(NaiveDate, NaiveDate)")]
pub struct DateRange {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl DateRange {
    /// Creates the range from the first to the last day.
    #[must_use]
    pub const fn new(from: NaiveDate, to: NaiveDate) -> Self {
        Self { from, to }
    }

    /// Returns the days of a calendar year; `None` if the calendar has no such year.
    #[must_use]
    pub fn year(year: i32) -> Option<Self> {
        Some(Self {
            from: NaiveDate::from_ymd_opt(year, 1, 1)?,
            to: NaiveDate::from_ymd_opt(year, 12, 31)?,
        })
    }

    /// Returns `true` if the day is in the range.
    #[must_use]
    pub fn contains(self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }

    /// Returns the smallest range that has all days of both ranges.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }
}

impl From<(NaiveDate, NaiveDate)> for DateRange {
    fn from((from, to): (NaiveDate, NaiveDate)) -> Self {
        Self { from, to }
    }
}

impl From<DateRange> for (NaiveDate, NaiveDate) {
    fn from(range: DateRange) -> Self {
        (range.from, range.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> DateRange {
        DateRange::new(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn a_range_has_both_ends() {
        let year = DateRange::year(2026).unwrap();
        assert_eq!(year, range("2026-01-01", "2026-12-31"));
        for (day, is_inside) in [
            ("2025-12-31", false),
            ("2026-01-01", true),
            ("2026-12-31", true),
            ("2027-01-01", false),
        ] {
            assert_eq!(year.contains(day.parse().unwrap()), is_inside, "{day}");
        }
        assert_eq!(DateRange::year(i32::MAX), None);
    }

    #[test]
    fn joined_ranges_include_the_days_between() {
        let (one, other) = (range("2026-01-01", "2026-02-01"), range("2026-06-01", "2026-07-01"));
        assert_eq!(one.joined(other), range("2026-01-01", "2026-07-01"));
        assert_eq!(other.joined(one), one.joined(other));
    }

    #[test]
    fn a_range_is_stored_as_an_array() {
        let stored = serde_json::to_string(&range("2026-01-01", "2026-02-01")).unwrap();
        assert_eq!(stored, r#"["2026-01-01","2026-02-01"]"#);
        assert_eq!(
            serde_json::from_str::<DateRange>(&stored).unwrap(),
            range("2026-01-01", "2026-02-01")
        );
    }
}
