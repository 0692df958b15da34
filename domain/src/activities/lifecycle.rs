//! First and last day of an activity: their order, and the close.

use ::entity::activity;
use chrono::NaiveDate;

use crate::error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors};

/// Adds an error if the last day is before the first.
pub(super) fn check_days(
    starts_on: NaiveDate,
    ends_on: Option<NaiveDate>,
    errors: &mut ValidationErrors,
) {
    errors.expect(
        ends_on.is_none_or(|ends_on| starts_on <= ends_on),
        "ends_on",
        FieldErrorCode::too_early(starts_on, "must not be before the first day"),
    );
}

/// Fails with `ALREADY_CLOSED` if an activity ended before today.
pub(super) fn require_not_ended(row: &activity::Model, today: NaiveDate) -> Result<()> {
    let Some(ended_on) = row.ends_on.filter(|last| *last < today) else { return Ok(()) };
    Err(Error::conflict(
        ConflictReason::AlreadyClosed,
        format!("{} ended on {ended_on} already", row.name),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_day_may_be_the_first() {
        for (ends_on, fits) in [
            (None, true),
            (Some("2026-05-01"), true),
            (Some("2026-05-02"), true),
            (Some("2026-04-30"), false),
        ] {
            let mut errors = ValidationErrors::default();
            check_days(day("2026-05-01"), ends_on.map(day), &mut errors);
            assert_eq!(errors.is_empty(), fits, "{ends_on:?}");
        }
    }

    #[test]
    fn an_activity_has_ended_after_its_last_day() {
        let today = day("2026-05-01");
        for (ends_on, fits) in [
            (None, true),
            (Some("2026-05-02"), true),
            (Some("2026-05-01"), true),
            (Some("2026-04-30"), false),
        ] {
            let row = activity::Model { ends_on: ends_on.map(day), ..activity::Model::default() };
            assert_eq!(require_not_ended(&row, today).is_ok(), fits, "{ends_on:?}");
        }
    }
}
