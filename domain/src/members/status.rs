//! The status of a membership on a day.

use chrono::{Datelike, NaiveDate};

/// The status of a membership as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Decided, but not yet begun.
    Upcoming,
    /// A member.
    Active,
    /// No longer a member.
    Left,
}

/// Returns the status on a day, from the first and last day of membership.
#[must_use]
pub fn status(joined_on: NaiveDate, left_on: Option<NaiveDate>, on: NaiveDate) -> Status {
    if on < joined_on {
        Status::Upcoming
    } else if left_on.is_some_and(|last| last < on) {
        Status::Left
    } else {
        Status::Active
    }
}

/// Returns `true` if it is a membership on some day of a year, from its first and last day. Such a
/// member pays the full fees of the year.
#[must_use]
pub fn is_member_in(year: i32, joined_on: NaiveDate, left_on: Option<NaiveDate>) -> bool {
    joined_on.year() <= year && left_on.is_none_or(|last| last.year() >= year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_membership_includes_its_first_and_last_day() {
        let joined_on = day("2026-03-01");
        for (left_on, on, expected) in [
            (None, "2026-02-28", Status::Upcoming),
            (None, "2026-03-01", Status::Active),
            (None, "2999-12-31", Status::Active),
            (Some("2026-12-31"), "2026-02-28", Status::Upcoming),
            (Some("2026-12-31"), "2026-12-31", Status::Active),
            (Some("2026-12-31"), "2027-01-01", Status::Left),
            (Some("2026-03-01"), "2026-03-01", Status::Active),
            (Some("2026-03-01"), "2026-03-02", Status::Left),
        ] {
            let left_on = left_on.map(day);
            assert_eq!(status(joined_on, left_on, day(on)), expected, "{left_on:?} {on}");
        }
    }

    #[test]
    fn a_day_in_the_year_makes_a_member_of_the_year() {
        for (joined_on, left_on, expected) in [
            ("2026-12-31", None, true),
            ("2027-01-01", None, false),
            ("2020-01-01", Some("2026-01-01"), true),
            ("2020-01-01", Some("2025-12-31"), false),
            ("2026-05-01", Some("2026-05-01"), true),
        ] {
            let found = is_member_in(2026, day(joined_on), left_on.map(day));
            assert_eq!(found, expected, "{joined_on} {left_on:?}");
        }
    }
}
