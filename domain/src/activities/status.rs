//! The status of an activity on a day.

use chrono::NaiveDate;

/// The status of an activity as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not yet begun.
    Upcoming,
    /// Running.
    Active,
    /// Ended.
    Closed,
}

/// Returns the status on a day, from the first and last day of the activity.
#[must_use]
pub fn status(starts_on: NaiveDate, ends_on: Option<NaiveDate>, on: NaiveDate) -> Status {
    if on < starts_on {
        Status::Upcoming
    } else if ends_on.is_some_and(|last| last < on) {
        Status::Closed
    } else {
        Status::Active
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn an_activity_runs_on_its_first_and_last_day() {
        let starts_on = day("2026-03-01");
        for (ends_on, on, expected) in [
            (None, "2026-02-28", Status::Upcoming),
            (None, "2026-03-01", Status::Active),
            (None, "2999-12-31", Status::Active),
            (Some("2026-12-31"), "2026-02-28", Status::Upcoming),
            (Some("2026-12-31"), "2026-12-31", Status::Active),
            (Some("2026-12-31"), "2027-01-01", Status::Closed),
            (Some("2026-03-01"), "2026-03-01", Status::Active),
            (Some("2026-03-01"), "2026-03-02", Status::Closed),
        ] {
            let ends_on = ends_on.map(day);
            assert_eq!(status(starts_on, ends_on, day(on)), expected, "{ends_on:?} {on}");
        }
    }
}
