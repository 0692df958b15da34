//! Overlaps: a member has at most one participation agreement in force per activity and day. The
//! database enforces this; the check here names the other agreement.

use ::entity::agreement::Model;
use chrono::NaiveDate;

use super::lifecycle::name;
use crate::{
    error::{ConflictReason, Error, Result},
    term_sql,
};

/// Fails if an agreement would be in force at the same time as one of these others, except for the
/// one that it replaces, which ends the day before.
///
/// # Errors
/// CONFLICT `OVERLAPS` naming the first other agreement.
pub(super) fn refuse(row: &Model, others: &[Model]) -> Result<()> {
    let own = term_sql::of(row);
    let overlaps = |other: &&Model| {
        let mut term = term_sql::of(other);
        if row.replaces_id == Some(other.id) {
            term.replaced_from = Some(row.starts_on);
        }
        own.overlaps(&term)
    };
    let Some(other) = others.iter().find(overlaps) else { return Ok(()) };
    let last = |day: Option<NaiveDate>| {
        day.map_or_else(|| "until further notice".to_owned(), |day| format!("to {day}"))
    };
    let message = format!(
        "{} is in force from {} {}, and a member takes part in an activity by one agreement at a time; replace it, give notice, or choose other days",
        name(other),
        other.starts_on,
        last(term_sql::of(other).final_day())
    );
    let agreements = other.number.iter().cloned().collect();
    Err(Error::conflict_of(ConflictReason::Overlaps, message, agreements))
}

#[cfg(test)]
mod tests {
    use ::entity::id::AgreementId;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn signed(number: &str, starts_on: &str, ends_on: Option<&str>) -> Model {
        Model {
            id: AgreementId::new(),
            number: Some(number.into()),
            starts_on: day(starts_on),
            ends_on: ends_on.map(day),
            signed_on: Some(day("2020-01-01")),
            ..Model::default()
        }
    }

    #[test]
    fn an_agreement_shares_no_day_with_another() {
        let own = signed("2026-0002", "2026-07-01", Some("2026-12-31"));
        for (ends_on, is_refused) in [
            (Some("2026-06-30"), false),
            (Some("2026-07-01"), true),
            (Some("2027-12-31"), true),
            (None, true),
        ] {
            let other = signed("2026-0001", "2026-01-01", ends_on);
            assert_eq!(refuse(&own, &[other]).is_err(), is_refused, "{ends_on:?}");
        }
        assert!(refuse(&own, &[]).is_ok());
    }

    #[test]
    fn a_successor_ends_its_predecessor() {
        let old = signed("2026-0001", "2026-01-01", None);
        let own = signed("2026-0002", "2026-07-01", None);
        let successor = Model { replaces_id: Some(old.id), ..own.clone() };
        assert!(refuse(&successor, std::slice::from_ref(&old)).is_ok());
        let early = Model { starts_on: old.starts_on, ..successor };
        assert!(refuse(&early, std::slice::from_ref(&old)).is_ok());
        let error = refuse(&own, &[old]).unwrap_err().to_string();
        assert!(
            error.starts_with("agreement 2026-0001 is in force from 2026-01-01 until further"),
            "{error}"
        );
    }
}
