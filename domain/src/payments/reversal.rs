//! Checks of reversals of payments and refunds.

use std::collections::HashSet;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::{
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    invoices::parts::{self, Reversible},
};

/// Kind of the reversed booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reversed {
    /// A payment.
    Payment,
    /// A refund.
    Refund,
}

/// Returns the ids of those of these rows that the viewer may reverse: neither reversals nor
/// reversed. The rows must include the id and the row that they reverse.
pub(super) async fn reversible<M: Reversible>(
    ctx: Context<'_>,
    kind: Reversed,
    rows: &[M],
) -> Result<HashSet<Uuid>> {
    if !ctx.viewer.has(Permission::ManageInvoices) {
        return Ok(HashSet::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(Reversible::part_id).collect();
    let reversals = parts::reversals_of::<M>(ctx, &ids, &[M::ID, M::REVERSES]).await?;
    let reversed: HashSet<Uuid> = reversals.iter().filter_map(Reversible::reverses).collect();
    let is_in_effect = |row: &&M| {
        require_original(kind, row.reverses().is_some()).is_ok()
            && !reversed.contains(&row.part_id())
    };
    Ok(rows.iter().filter(is_in_effect).map(Reversible::part_id).collect())
}

/// Checks the input of a reversal. Returns its day, by default today, and its reason.
pub(super) fn parse(
    reversed_on: Option<NaiveDate>,
    reason: &str,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> (NaiveDate, String) {
    let day = reversed_on.unwrap_or(today);
    let problem = FieldErrorCode::too_late(today, "must not be in the future");
    errors.expect(day <= today, "reversed_on", problem);
    (day, errors.text("reason", reason, LINE))
}

/// Adds an error if a reversal is dated before the day of the reversed booking.
pub(super) fn check_day(
    kind: Reversed,
    reversed_on: NaiveDate,
    booked: NaiveDate,
    errors: &mut ValidationErrors,
) {
    if reversed_on < booked {
        let message = match kind {
            Reversed::Payment => format!("must not be before {booked}, when the payment came in"),
            Reversed::Refund => format!("must not be before {booked}, when it was paid back"),
        };
        errors.add("reversed_on", FieldErrorCode::too_early(booked, message));
    }
}

/// Rejects the reversal of a reversal.
///
/// # Errors
/// CONFLICT `IS_REVERSAL`.
pub(super) fn require_original(kind: Reversed, is_reversal: bool) -> Result<()> {
    if is_reversal {
        let words = match kind {
            Reversed::Payment => "this is a reversal itself; record the payment again instead",
            Reversed::Refund => "this is a reversal itself; record the refund again instead",
        };
        return Err(Error::conflict(ConflictReason::IsReversal, words));
    }
    Ok(())
}

/// Rejects a second reversal; `earlier` is the day of the first one.
///
/// # Errors
/// CONFLICT `PAYMENT_REVERSED` or `REFUND_REVERSED`.
pub(super) fn require_unreversed(kind: Reversed, earlier: Option<NaiveDate>) -> Result<()> {
    let Some(earlier) = earlier else { return Ok(()) };
    Err(match kind {
        Reversed::Payment => Error::conflict(
            ConflictReason::PaymentReversed,
            format!("the payment was reversed on {earlier} already"),
        ),
        Reversed::Refund => Error::conflict(
            ConflictReason::RefundReversed,
            format!("the refund was reversed on {earlier} already"),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn paths(errors: ValidationErrors) -> Vec<String> {
        errors.into_inner().into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn a_reversal_is_of_today_unless_its_day_is_stated() {
        let today = day("2026-11-30");
        for (stated, expected, bad) in [
            (None, today, vec![]),
            (Some("2026-11-01"), day("2026-11-01"), vec![]),
            (Some("2026-11-30"), today, vec![]),
            (Some("2026-12-01"), day("2026-12-01"), vec!["reversed_on"]),
        ] {
            let mut errors = ValidationErrors::default();
            let found = parse(stated.map(day), " Fel faktura ", today, &mut errors);
            assert_eq!(found, (expected, "Fel faktura".to_owned()));
            assert_eq!(paths(errors), bad, "{stated:?}");
        }
        let mut errors = ValidationErrors::default();
        parse(None, " ", today, &mut errors);
        assert_eq!(paths(errors), ["reason"]);
    }

    #[test]
    fn a_reversal_is_never_before_the_reversed_booking() {
        for (on, bad) in [("2026-11-09", true), ("2026-11-10", false), ("2026-11-11", false)] {
            for kind in [Reversed::Payment, Reversed::Refund] {
                let mut errors = ValidationErrors::default();
                check_day(kind, day(on), day("2026-11-10"), &mut errors);
                assert_eq!(!errors.is_empty(), bad, "{on}");
            }
        }
    }

    #[test]
    fn a_booking_is_reversed_once() {
        for (kind, noun) in [(Reversed::Payment, "payment"), (Reversed::Refund, "refund")] {
            assert!(
                require_original(kind, false).is_ok() && require_unreversed(kind, None).is_ok()
            );
            let words = require_original(kind, true).unwrap_err().to_string();
            assert!(words.contains(noun), "{words}");
            let words = require_unreversed(kind, Some(day("2026-11-10"))).unwrap_err().to_string();
            assert!(words.contains(noun) && words.contains("2026-11-10"), "{words}");
        }
    }
}
