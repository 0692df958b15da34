//! The clock of the register, and days in Sweden. No other file reads the system time.

use chrono::{
    DateTime, Days, NaiveDate, NaiveTime, Offset, SubsecRound, TimeZone, Utc, offset::LocalResult,
};
use chrono_tz::Europe::Stockholm;

/// Source of the time: the system clock, or a fixed time in tests.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Fixed instant; null: the system clock.
    fixed: Option<DateTime<Utc>>,
    /// `true` if no entry may be dated before the last entry of the audit trail.
    is_ordered: bool,
}

impl Clock {
    /// Returns the system clock.
    #[must_use]
    pub fn system() -> Self {
        Self { fixed: None, is_ordered: true }
    }

    /// Returns a clock that stands at `instant`. A test may set it back.
    #[must_use]
    pub fn fixed(instant: DateTime<Utc>) -> Self {
        Self { fixed: Some(instant), is_ordered: false }
    }

    /// Returns the same clock, which may not go back behind the audit trail.
    #[must_use]
    pub fn ordered(self) -> Self {
        Self { is_ordered: true, ..self }
    }

    /// Returns `true` if no entry may be dated before the last entry of the audit trail.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Returns the current instant, rounded down to whole microseconds: SQLite would store nine
    /// digits and PostgreSQL six, and a stored value must equal the value that is read.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.fixed.unwrap_or_else(Utc::now).trunc_subsecs(6)
    }

    /// Returns the current day in Sweden.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        day_of(self.now())
    }
}

/// Returns the day in Sweden (Europe/Stockholm) at `instant`.
#[must_use]
pub fn day_of(instant: DateTime<Utc>) -> NaiveDate {
    // Not `with_timezone(…).date_naive()`, which panics at the ends of the calendar.
    let offset = Stockholm.offset_from_utc_datetime(&instant.naive_utc()).fix();
    instant
        .naive_utc()
        .checked_add_offset(offset)
        .map_or(instant.naive_utc().date(), |local| local.date())
}

/// Returns the first instant of `day` in Sweden (Europe/Stockholm). A day ends just before the
/// first instant of the next.
#[must_use]
pub fn start_of(day: NaiveDate) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let offset = match Stockholm.offset_from_local_datetime(&midnight) {
        // Midnight occurs twice when the clocks go back over it: the day begins at the first.
        LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => offset.fix(),
        // Midnight is skipped when the clocks go forward over it: the day begins at that jump,
        // where the previous day ends.
        LocalResult::None => {
            let before = midnight.checked_sub_days(Days::new(1)).unwrap_or(midnight);
            Stockholm.offset_from_utc_datetime(&before).fix()
        }
    };
    midnight.checked_sub_offset(offset).unwrap_or(midnight).and_utc()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        match text.parse() {
            Ok(instant) => instant,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    fn on(text: &str) -> NaiveDate {
        match text.parse() {
            Ok(day) => day,
            Err(error) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn a_fixed_clock_stands_still_at_whole_microseconds() {
        let clock = Clock::fixed(at("2026-03-01T12:00:00.123456789Z"));
        assert_eq!(clock.now(), at("2026-03-01T12:00:00.123456Z"));
        assert_eq!(clock.now(), clock.now());
    }

    #[test]
    fn the_system_clock_runs_in_whole_microseconds() {
        let (clock, before) = (Clock::system(), Utc::now());
        let now = clock.now();
        assert!(now >= before - TimeDelta::microseconds(1) && now <= Utc::now());
        assert_eq!(now.timestamp_subsec_nanos() % 1000, 0);
        assert_eq!(clock.today(), day_of(clock.now()));
    }

    #[test]
    fn new_year_comes_an_hour_before_utc() {
        assert_eq!(Clock::fixed(at("2025-12-31T22:59:59.999999Z")).today(), on("2025-12-31"));
        assert_eq!(Clock::fixed(at("2025-12-31T23:00:00Z")).today(), on("2026-01-01"));
        assert_eq!(start_of(on("2026-01-01")), at("2025-12-31T23:00:00Z"));
    }

    #[test]
    fn the_day_that_summer_time_begins_has_23_hours() {
        let (first, next) = (start_of(on("2026-03-29")), start_of(on("2026-03-30")));
        assert_eq!((first, next), (at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z")));
        assert_eq!(next - first, TimeDelta::hours(23));
        for (instant, day) in [
            ("2026-03-28T22:59:59Z", "2026-03-28"),
            ("2026-03-28T23:00:00Z", "2026-03-29"),
            ("2026-03-29T00:59:59Z", "2026-03-29"),
            ("2026-03-29T01:00:00Z", "2026-03-29"),
            ("2026-03-29T21:59:59Z", "2026-03-29"),
            ("2026-03-29T22:00:00Z", "2026-03-30"),
        ] {
            assert_eq!(day_of(at(instant)), on(day), "{instant}");
        }
    }

    #[test]
    fn the_day_that_summer_time_ends_has_25_hours() {
        let (first, next) = (start_of(on("2026-10-25")), start_of(on("2026-10-26")));
        assert_eq!((first, next), (at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z")));
        assert_eq!(next - first, TimeDelta::hours(25));
        for (instant, day) in [
            ("2026-10-24T21:59:59Z", "2026-10-24"),
            ("2026-10-24T22:00:00Z", "2026-10-25"),
            ("2026-10-25T01:00:00Z", "2026-10-25"),
            ("2026-10-25T22:59:59Z", "2026-10-25"),
            ("2026-10-25T23:00:00Z", "2026-10-26"),
        ] {
            assert_eq!(day_of(at(instant)), on(day), "{instant}");
        }
    }

    #[test]
    fn every_day_begins_when_the_one_before_ends() {
        // Since 1879, through the summer time of 1916, which began and ended at midnight.
        let mut day = on("1879-01-02");
        while day < on("2101-01-01") {
            let first = start_of(day);
            assert_eq!(day_of(first), day);
            assert_eq!(
                day_of(first - TimeDelta::microseconds(1)),
                day - Days::new(1),
                "before {day}"
            );
            day = day + Days::new(1);
        }
    }

    #[test]
    fn the_ends_of_the_calendar_do_not_panic() {
        for day in [NaiveDate::MIN, NaiveDate::MAX] {
            let _ = day_of(start_of(day));
        }
        for instant in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let _ = (day_of(instant), Clock::fixed(instant).now());
        }
    }
}
