//! Days in the books of money that is matched, refunded or matched again after its own day.

use std::cmp::max;

use chrono::{Datelike, NaiveDate};

/// Returns the first day on which a sum can be booked on an invoice: not before its day there
/// (`received_on`), before the day in the books of its bank payment, or before a reversal released
/// it.
pub(super) fn earliest(
    received_on: NaiveDate,
    posted_on: NaiveDate,
    released_on: Option<NaiveDate>,
) -> NaiveDate {
    let earliest = max(received_on, posted_on);
    released_on.map_or(earliest, |released_on| max(earliest, released_on))
}

/// Returns the day on which a sum is booked by default: the first possible day, or today if that
/// day is of another month, so that the reports of that month stay true.
pub(super) fn default(earliest: NaiveDate, today: NaiveDate) -> NaiveDate {
    let is_late = (earliest.year(), earliest.month()) != (today.year(), today.month());
    if is_late { today } else { earliest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_sum_is_booked_after_everything_that_it_depends_on() {
        for (received, posted, released, expected) in [
            ("2026-11-10", "2026-11-10", None, "2026-11-10"),
            ("2026-11-12", "2026-11-10", None, "2026-11-12"),
            ("2026-11-10", "2026-12-01", None, "2026-12-01"),
            ("2026-11-10", "2026-11-10", Some("2026-11-20"), "2026-11-20"),
            ("2026-11-10", "2026-12-01", Some("2026-11-20"), "2026-12-01"),
        ] {
            let found = earliest(day(received), day(posted), released.map(day));
            assert_eq!(found, day(expected), "{received} {posted} {released:?}");
        }
    }

    #[test]
    fn a_sum_of_an_earlier_month_is_booked_today() {
        for (earliest, today, expected) in [
            ("2026-11-10", "2026-11-10", "2026-11-10"),
            ("2026-11-01", "2026-11-30", "2026-11-01"),
            ("2026-10-31", "2026-11-01", "2026-11-01"),
            ("2025-11-10", "2026-11-10", "2026-11-10"),
            ("2025-11-10", "2026-11-12", "2026-11-12"),
        ] {
            assert_eq!(default(day(earliest), day(today)), day(expected), "{earliest} {today}");
        }
    }
}
