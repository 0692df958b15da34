//! Grouping of a report: the activity, member and period of its rows, and ranges of days.

use ::entity::id::{ActivityId, MemberId};
use chrono::{Datelike, Days, Months, NaiveDate};
use documents::swedish;

use crate::{
    error::{Error, FieldErrorCode, Result},
    invoices::totals_delta::{month_of, year_of},
};

/// The activity, member and period of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// The activity; null: none, or any if rows are not grouped by activity.
    pub activity: Option<ActivityId>,
    /// The member; null: none, or any if rows are not grouped by member.
    pub member: Option<MemberId>,
    /// `2026`, `2026-Q2` or `2026-04`; null if rows are not grouped by period.
    pub period: Option<String>,
}

/// The dimensions by which rows are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// `true` groups by activity.
    pub activity: bool,
    /// `true` groups by member.
    pub member: bool,
    /// The length of the periods; null: not grouped by period.
    pub period: Option<Period>,
}

impl Period {
    /// Returns the name of the period that contains a day.
    #[must_use]
    pub fn name(self, day: NaiveDate) -> String {
        match self {
            Self::Year => day.format("%Y").to_string(),
            Self::Quarter => format!("{}-Q{}", day.year(), day.month0() / 3 + 1),
            Self::Month => day.format("%Y-%m").to_string(),
        }
    }

    /// Returns the Swedish name of a period from the name of [`Self::name`]: `2026`, `kvartal 2
    /// 2026`, `april 2026`.
    #[must_use]
    pub fn in_swedish(self, name: &str) -> String {
        match self {
            Self::Year => name.to_owned(),
            Self::Quarter => name.split_once("-Q").map_or_else(
                || name.to_owned(),
                |(year, quarter)| format!("kvartal {quarter} {year}"),
            ),
            Self::Month => {
                format!("{name}-01").parse().map_or_else(|_| name.to_owned(), swedish::month)
            }
        }
    }
}

/// A range of days, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Range {
    /// Returns the days of a calendar year; `None` if the calendar has no such year.
    #[must_use]
    pub fn year(year: i32) -> Option<Self> {
        Some(Self {
            from: NaiveDate::from_ymd_opt(year, 1, 1)?,
            to: NaiveDate::from_ymd_opt(year, 12, 31)?,
        })
    }

    /// Returns the days of a calendar year for which figures can be requested.
    ///
    /// # Errors
    /// INVALID for a year before 1900 or after 2999.
    pub(super) fn requested(year: i32) -> Result<Self> {
        Self::year(year).filter(|_| (1900..=2999).contains(&year)).ok_or_else(|| {
            Error::invalid(
                "year",
                FieldErrorCode::OutOfRange
                    .problem("must be 1900 to 2999")
                    .with("min", 1900)
                    .with("max", 2999),
            )
        })
    }

    /// Returns the whole calendar months in the range; `None` if there are none.
    #[must_use]
    pub fn whole_months(self) -> Option<Self> {
        let next_month = |day| month_of(day).checked_add_months(Months::new(1));
        let from = if self.from.day() == 1 { self.from } else { next_month(self.from)? };
        let after = self.to.succ_opt()?;
        let to = month_of(after).pred_opt()?;
        (from <= to).then_some(Self { from, to })
    }

    /// Returns the whole calendar years in the range; `None` if there are none.
    #[must_use]
    pub fn whole_years(self) -> Option<Self> {
        let next_year = |day: NaiveDate| year_of(day).checked_add_months(Months::new(12));
        let from = if self.from.ordinal() == 1 { self.from } else { next_year(self.from)? };
        let to = year_of(self.to.succ_opt()?).pred_opt()?;
        (from <= to).then_some(Self { from, to })
    }

    /// Returns the parts of the range before and after an inner range.
    #[must_use]
    pub fn without(self, inner: Self) -> Vec<Self> {
        let before =
            inner.from.checked_sub_days(Days::new(1)).map(|to| Self { from: self.from, to });
        let after = inner.to.checked_add_days(Days::new(1)).map(|from| Self { from, to: self.to });
        before.into_iter().chain(after).filter(|range| range.from <= range.to).collect()
    }
}

/// The length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// `2026`.
    Year,
    /// `2026-Q2`.
    Quarter,
    /// `2026-04`.
    Month,
}

/// Maximum number of rows of a report, to limit the server's memory.
pub(super) const MAX_GROUPS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn range(from: &str, to: &str) -> Range {
        Range { from: day(from), to: day(to) }
    }

    #[test]
    fn whole_months_leave_the_edges() {
        for (days, inner, rest) in [
            (range("2026-01-01", "2026-12-31"), Some(range("2026-01-01", "2026-12-31")), vec![]),
            (
                range("2026-01-02", "2026-03-31"),
                Some(range("2026-02-01", "2026-03-31")),
                vec![range("2026-01-02", "2026-01-31")],
            ),
            (
                range("2026-01-01", "2026-03-30"),
                Some(range("2026-01-01", "2026-02-28")),
                vec![range("2026-03-01", "2026-03-30")],
            ),
            (range("2026-01-02", "2026-02-27"), None, vec![]),
            (range("2026-02-01", "2026-02-28"), Some(range("2026-02-01", "2026-02-28")), vec![]),
            (range("2026-02-28", "2026-02-28"), None, vec![]),
        ] {
            assert_eq!(days.whole_months(), inner, "{days:?}");
            if let Some(inner) = inner {
                assert_eq!(days.without(inner), rest, "{days:?}");
            }
        }
    }

    #[test]
    fn whole_years_leave_the_edges() {
        for (days, inner) in [
            (range("2025-01-01", "2026-12-31"), Some(range("2025-01-01", "2026-12-31"))),
            (range("2024-01-02", "2026-12-30"), Some(range("2025-01-01", "2025-12-31"))),
            (range("2025-01-02", "2026-12-30"), None),
            (range("2025-01-01", "2025-12-30"), None),
        ] {
            assert_eq!(days.whole_years(), inner, "{days:?}");
        }
    }

    #[test]
    fn years_between_1900_and_2999_can_be_requested() {
        for (year, fits) in [(1899, false), (1900, true), (2999, true), (3000, false)] {
            assert_eq!(Range::requested(year).is_ok(), fits, "{year}");
        }
        let year = Range::requested(2026).unwrap();
        assert_eq!(year, range("2026-01-01", "2026-12-31"));
    }

    #[test]
    fn periods_have_names_in_both_languages() {
        for (period, day_within, name, in_swedish) in [
            (Period::Year, "2026-12-31", "2026", "2026"),
            (Period::Quarter, "2026-03-31", "2026-Q1", "kvartal 1 2026"),
            (Period::Quarter, "2026-04-01", "2026-Q2", "kvartal 2 2026"),
            (Period::Month, "2026-04-30", "2026-04", "april 2026"),
        ] {
            assert_eq!(period.name(day(day_within)), name);
            assert_eq!(period.in_swedish(name), in_swedish);
        }
    }
}
