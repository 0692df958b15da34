//! The conditions for ending a membership on a day.

use ::entity::member;
use chrono::NaiveDate;

use crate::error::{ConflictReason, Error, Result};

/// Fails with `ALREADY_LEFT` or `LEAVING` if a member already has a last day.
pub(super) fn require_no_last_day(row: &member::Model, today: NaiveDate) -> Result<()> {
    row.left_on.map_or(Ok(()), |last| Err(already_left(row, last, today)))
}

/// Returns the conflict for a member that already has a last day, which may be in the future.
fn already_left(row: &member::Model, last: NaiveDate, today: NaiveDate) -> Error {
    if last < today {
        return Error::conflict(
            ConflictReason::AlreadyLeft,
            format!("{} left on {last}", row.name),
        );
    }
    let message = format!(
        "{} is a member until {last}; reinstate the member to choose another day",
        row.name
    );
    Error::conflict(ConflictReason::Leaving, message)
}

/// Fails with `ALREADY_LEFT` unless the member that continues after a merger is a member after
/// `left_on`, the last day of the others.
pub(super) fn require_continuation(into: &member::Model, left_on: NaiveDate) -> Result<()> {
    let Some(last) = into.left_on.filter(|last| *last <= left_on) else { return Ok(()) };
    let message = format!(
        "{} is a member until {last} and does not continue after {left_on}; merge into one that does",
        into.name
    );
    Err(Error::conflict(ConflictReason::AlreadyLeft, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Code;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn member(left_on: Option<&str>) -> member::Model {
        member::Model { name: "Alfa".into(), left_on: left_on.map(day), ..member::Model::default() }
    }

    fn reason(result: Result<()>) -> &'static str {
        match result {
            Ok(()) => "may",
            Err(Error::Conflict { reason, .. }) => reason.word(),
            Err(_) => "fails",
        }
    }

    #[test]
    fn a_membership_ends_once() {
        for (left_on, expected) in [
            (None, "may"),
            (Some("2026-11-30"), "ALREADY_LEFT"),
            // The last day is a day of membership.
            (Some("2026-12-01"), "LEAVING"),
            (Some("2027-06-30"), "LEAVING"),
        ] {
            let found = require_no_last_day(&member(left_on), day("2026-12-01"));
            assert_eq!(reason(found), expected, "{left_on:?}");
        }
    }

    #[test]
    fn a_member_continues_after_the_last_day_of_the_others() {
        for (left_on, expected) in [
            (None, "may"),
            (Some("2027-01-01"), "may"),
            (Some("2026-12-31"), "ALREADY_LEFT"),
            (Some("2026-06-30"), "ALREADY_LEFT"),
        ] {
            let found = require_continuation(&member(left_on), day("2026-12-31"));
            assert_eq!(reason(found), expected, "{left_on:?}");
        }
    }
}
