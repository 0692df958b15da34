//! Invariants of a reversal: it books the negative of another booking, not before it, and no
//! reversal is reversed.

use std::collections::HashMap;

use ::entity::{cost, grant, id::ActivityId, money::Money};
use chrono::NaiveDate;
use uuid::Uuid;

/// The fields of a booking that a reversal must match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Facts {
    pub(in crate::ledger) activity: ActivityId,
    pub(in crate::ledger) booked_on: NaiveDate,
    pub(in crate::ledger) amount: Money,
    pub(in crate::ledger) vat: Option<Money>,
    pub(in crate::ledger) is_reversal: bool,
}

impl From<&cost::Model> for Facts {
    fn from(row: &cost::Model) -> Self {
        let is_reversal = row.reverses_id.is_some();
        Self {
            activity: row.activity_id,
            booked_on: row.booked_on,
            amount: row.amount,
            vat: row.vat,
            is_reversal,
        }
    }
}

impl From<&grant::Model> for Facts {
    fn from(row: &grant::Model) -> Self {
        let is_reversal = row.reverses_id.is_some();
        Self {
            activity: row.activity_id,
            booked_on: row.booked_on,
            amount: row.amount,
            vat: None,
            is_reversal,
        }
    }
}

/// Returns the violation of a reversal, or of a row that has a reason but reverses nothing.
pub(super) fn violation(
    name: &str,
    own: Facts,
    reverses: Option<Uuid>,
    has_reason: bool,
    all: &HashMap<Uuid, Facts>,
) -> Option<String> {
    let Some(id) = reverses else {
        return has_reason.then(|| format!("{name} has a reason, but reverses nothing"));
    };
    let Some(original) = all.get(&id) else {
        return Some(format!("{name} reverses {}, which does not exist", id.simple()));
    };
    let problem = if !has_reason {
        "has no reason"
    } else if original.is_reversal {
        "reverses a reversal"
    } else if own.activity != original.activity {
        "reverses a booking of another activity"
    } else if own.booked_on < original.booked_on {
        "is booked before the booking that it reverses"
    } else if own.amount != -original.amount || own.vat != original.vat.map(|vat| -vat) {
        "does not have the negative amounts of the booking that it reverses"
    } else {
        return None;
    };
    Some(format!("{name} {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversal_matches_the_reversed_booking() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let original = Facts {
            booked_on: day("2026-04-01"),
            amount: Money(100),
            vat: Some(Money(25)),
            ..Facts::default()
        };
        let reversal =
            Facts { amount: Money(-100), vat: Some(Money(-25)), is_reversal: true, ..original };
        let id = Uuid::from_u128(1);
        let check = |own: Facts, original: Facts, has_reason: bool| {
            violation("cost x", own, Some(id), has_reason, &HashMap::from([(id, original)]))
        };
        assert_eq!(check(reversal, original, true), None);
        for (own, original, has_reason, problem) in [
            (reversal, original, false, "has no reason"),
            (reversal, Facts { is_reversal: true, ..original }, true, "reverses a reversal"),
            (
                Facts { activity: ActivityId(id), ..reversal },
                original,
                true,
                "reverses a booking of another activity",
            ),
            (
                Facts { booked_on: day("2026-03-31"), ..reversal },
                original,
                true,
                "is booked before the booking that it reverses",
            ),
            (
                Facts { amount: Money(-99), ..reversal },
                original,
                true,
                "does not have the negative amounts of the booking that it reverses",
            ),
            (
                Facts { vat: None, ..reversal },
                original,
                true,
                "does not have the negative amounts of the booking that it reverses",
            ),
        ] {
            assert_eq!(check(own, original, has_reason), Some(format!("cost x {problem}")));
        }
        assert_eq!(violation("cost x", original, None, false, &HashMap::new()), None);
        assert_eq!(
            violation("cost x", original, None, true, &HashMap::new()),
            Some("cost x has a reason, but reverses nothing".to_owned())
        );
    }
}
