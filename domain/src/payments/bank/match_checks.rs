//! Checks of the sum and the day of a manual match.

use ::entity::money::Money;
use chrono::NaiveDate;

use crate::error::{FieldErrorCode, ValidationErrors};

/// Adds an error unless an amount is above zero, and at most the unmatched rest.
pub(super) fn check_amount(amount: Money, left: Money, errors: &mut ValidationErrors) {
    let problem =
        FieldErrorCode::OutOfRange.problem("must be above zero").with("exclusiveMin", Money::ZERO);
    errors.expect(amount > Money::ZERO, "amount", problem);
    if amount > left {
        let message = format!("must be at most {left}, the unmatched rest");
        errors.add("amount", FieldErrorCode::OutOfRange.problem(message).with("max", left));
    }
}

/// Adds an error for a day in the books that is in the future, or before the first day on which the
/// sum can be matched. A day of a closed period is rejected on its own.
pub(super) fn check_day(
    booked_on: NaiveDate,
    (earliest, today): (NaiveDate, NaiveDate),
    is_closed: bool,
    errors: &mut ValidationErrors,
) {
    let problem = FieldErrorCode::too_late(today, "must not be in the future");
    errors.expect(booked_on <= today, "booked_on", problem);
    if booked_on < earliest && !is_closed {
        let message = format!(
            "must not be before {earliest}, the first day on which this sum can be matched"
        );
        let problem = FieldErrorCode::too_early(earliest, message);
        errors.add("booked_on", problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_of_a_part_of_the_rest() {
        for (amount, count) in [(-1, 1), (0, 1), (1, 0), (800, 0), (801, 1)] {
            let mut errors = ValidationErrors::default();
            check_amount(Money(amount), Money(800), &mut errors);
            assert_eq!(errors.into_inner().len(), count, "{amount}");
        }
    }

    #[test]
    fn a_match_is_booked_between_its_first_day_and_today() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = (day("2026-11-10"), day("2026-11-30"));
        for (booked_on, is_closed, code) in [
            ("2026-11-09", false, Some(FieldErrorCode::TooEarly)),
            ("2026-11-09", true, None),
            ("2026-11-10", false, None),
            ("2026-11-30", false, None),
            ("2026-12-01", false, Some(FieldErrorCode::TooLate)),
        ] {
            let mut errors = ValidationErrors::default();
            check_day(day(booked_on), days, is_closed, &mut errors);
            let found = errors.into_inner().first().map(|error| error.code);
            assert_eq!(found, code, "{booked_on}");
        }
    }
}
