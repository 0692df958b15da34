//! The rules of a reversal: its day, and the bookings that can be reversed.

use chrono::NaiveDate;

use crate::{
    books::Closing,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
};

/// Input for booking a reversal.
#[derive(Clone, Debug, Default)]
pub struct NewReversal<I> {
    /// The cost or grant to reverse.
    pub id: I,
    /// Accounting date; null: today, or the first open day after a closed period.
    pub reversed_on: Option<NaiveDate>,
    /// Reason for the reversal.
    pub reason: String,
}

/// Returns the accounting date for reversing a booking, and adds an error if the requested date is
/// invalid.
pub(super) fn day_of_reversal(
    today: NaiveDate,
    closing: Closing,
    booked_on: NaiveDate,
    reversed_on: Option<NaiveDate>,
    errors: &mut ValidationErrors,
) -> NaiveDate {
    // A booking with a future date is reversed on that date, not before it.
    let last = today.max(booked_on);
    let Some(day) = reversed_on else { return closing.open_day(last) };
    if day < booked_on {
        errors.add(
            "reversed_on",
            FieldErrorCode::too_early(
                booked_on,
                format!("must not be before {booked_on}, when it was booked"),
            ),
        );
    } else if day > last {
        errors.add(
            "reversed_on",
            FieldErrorCode::too_late(last, format!("must not be after {last}")),
        );
    }
    day
}

/// Fails unless a booking can be reversed: it is neither a reversal (`IS_REVERSAL`) nor was
/// reversed on some day (`ALREADY_REVERSED`).
pub(super) fn require_in_effect(
    noun: &str,
    is_reversal: bool,
    reversed_on: Option<NaiveDate>,
) -> Result<()> {
    if is_reversal {
        return Err(Error::conflict(
            ConflictReason::IsReversal,
            format!(
                "this is itself the reversal of a {noun} and cannot be reversed; record the {noun} again instead"
            ),
        ));
    }
    let Some(day) = reversed_on else { return Ok(()) };
    Err(Error::conflict(
        ConflictReason::AlreadyReversed,
        format!(
            "the {noun} was reversed on {day} already; record the correct amount as a new {noun}"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversal_is_booked_from_the_day_of_the_booking_to_today() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let closed = Closing { through: Some(day("2026-05-31")) };
        let ask = |closing, booked_on, reversed_on: Option<&str>| {
            let mut errors = ValidationErrors::default();
            let found = day_of_reversal(
                day("2026-05-10"),
                closing,
                day(booked_on),
                reversed_on.map(day),
                &mut errors,
            );
            (found.to_string(), errors.into_inner().len())
        };
        let open = Closing::default();
        for (closing, booked_on, reversed_on, expected) in [
            (open, "2026-05-01", None, ("2026-05-10", 0)),
            (open, "2026-05-20", None, ("2026-05-20", 0)),
            (closed, "2026-05-01", None, ("2026-06-01", 0)),
            (open, "2026-05-01", Some("2026-05-01"), ("2026-05-01", 0)),
            (open, "2026-05-01", Some("2026-05-10"), ("2026-05-10", 0)),
            (open, "2026-05-01", Some("2026-04-30"), ("2026-04-30", 1)),
            (open, "2026-05-01", Some("2026-05-11"), ("2026-05-11", 1)),
            // The chosen day is checked when the period is.
            (closed, "2026-05-01", Some("2026-05-02"), ("2026-05-02", 0)),
        ] {
            let expected = (expected.0.to_owned(), expected.1);
            assert_eq!(ask(closing, booked_on, reversed_on), expected, "{reversed_on:?}");
        }
    }

    #[test]
    fn only_a_booking_in_effect_can_be_reversed() {
        assert!(require_in_effect("cost", false, None).is_ok());
        let error = require_in_effect("grant", true, None).unwrap_err();
        assert!(error.to_string().contains("the reversal of a grant"), "{error}");
        let error = require_in_effect("cost", false, Some(NaiveDate::default())).unwrap_err();
        assert!(error.to_string().contains("reversed on 1970-01-01"), "{error}");
    }
}
