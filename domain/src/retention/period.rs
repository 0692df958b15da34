//! Retention periods.

use chrono::{Datelike, Days, Months, NaiveDate};

/// A retention period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    /// This number of months after the day.
    Months(u16),
    /// Through this number of calendar years after the year of the day. The calendar year must be
    /// the financial year.
    Years(u16),
    /// As long as the register exists.
    Always,
}

/// The retention period of bokföringslagen 7 kap. 2 §.
pub(super) const SEVEN_YEARS: Period = Period::Years(7);

impl Period {
    /// Returns the first day whose data must be retained as of `on`; data of earlier days may be
    /// erased. `None` if everything is retained.
    pub(super) fn stays_from(self, on: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Months(months) => on.checked_sub_months(Months::new(months.into())),
            Self::Years(years) => NaiveDate::from_ymd_opt(on.year() - i32::from(years), 1, 1),
            Self::Always => None,
        }
    }

    /// Returns the first day on which data of this day may be erased.
    pub(super) fn erasable_from(self, day: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Months(months) => {
                day.checked_add_months(Months::new(months.into()))?.checked_add_days(Days::new(1))
            }
            Self::Years(years) => NaiveDate::from_ymd_opt(day.year() + i32::from(years) + 1, 1, 1),
            Self::Always => None,
        }
    }
}

/// Returns the first day on which bokföringslagen permits erasing data of this day.
#[must_use]
pub fn erasable_from(day: NaiveDate) -> Option<NaiveDate> {
    SEVEN_YEARS.erasable_from(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn data_may_be_erased_from_the_reported_day() {
        for (period, of, last, first) in [
            (Period::Months(24), "2024-11-20", "2026-11-20", "2026-11-21"),
            (Period::Months(6), "2025-08-31", "2026-02-28", "2026-03-01"),
            (Period::Months(24), "2024-02-29", "2026-02-28", "2026-03-01"),
            (SEVEN_YEARS, "2018-01-01", "2025-12-31", "2026-01-01"),
            (Period::Years(10), "2015-06-30", "2025-12-31", "2026-01-01"),
            (SEVEN_YEARS, "2018-12-31", "2025-12-31", "2026-01-01"),
        ] {
            assert_eq!(period.erasable_from(day(of)), Some(day(first)), "{of}");
            let may_go = |on: &str| period.stays_from(day(on)).is_some_and(|first| day(of) < first);
            assert_eq!((may_go(last), may_go(first)), (false, true), "{of}");
        }
        assert_eq!(
            (
                Period::Always.erasable_from(day("1990-01-01")),
                Period::Always.stays_from(day("2990-01-01"))
            ),
            (None, None)
        );
    }
}
