//! Conditions under which a grant can be requisitioned.

use ::entity::{agreement, date_range::DateRange, requisition::Model};
use chrono::{Datelike, NaiveDate};

use crate::{
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    invoices::Buyer,
};

/// Fails with `NOT_A_GRANT` or `NOT_SIGNED` unless a grant of an agreement can be requisitioned.
pub(super) fn require_grant(agreement: &agreement::Model) -> Result<()> {
    let number = agreement.number.as_deref().unwrap_or("the draft");
    if !agreement.is_grant() {
        let message =
            format!("{number} is not a cooperation agreement with income; invoice its fee instead");
        return Err(Error::conflict(ConflictReason::NotAGrant, message));
    }
    if agreement.signed_on.is_none() || agreement.withdrawn_on.is_some() {
        return Err(Error::conflict(
            ConflictReason::NotSigned,
            format!("{number} is not signed by both parties; a grant is requisitioned afterwards"),
        ));
    }
    Ok(())
}

/// Returns the counterparty of an agreement.
pub(super) fn counterparty(agreement: &agreement::Model) -> Result<Buyer> {
    let buyer = Buyer::of(agreement.member_id, agreement.organisation_id);
    buyer.ok_or_else(|| Error::NotFound("there is no such counterparty".into()))
}

/// Fails with `ALREADY_REQUISITIONED` if another requisition has a day of a period.
pub(super) fn refuse_overlap(others: &[Model], DateRange { from, to }: DateRange) -> Result<()> {
    let overlaps = |other: &&Model| other.period_from <= to && from <= other.period_to;
    let Some(other) = others.iter().find(overlaps) else { return Ok(()) };
    let Model { number, period_from, period_to, .. } = other;
    let message = format!(
        "{number} covers {period_from} to {period_to} already; choose a period without these days, or withdraw that requisition"
    );
    Err(Error::conflict(ConflictReason::AlreadyRequisitioned, message))
}

/// Checks a day of issue: it is not after today, and not before the latest requisition of any year,
/// since numbers follow days. `later` are the days of the requisitions after it.
pub(super) fn check_day(
    issued_on: NaiveDate,
    today: NaiveDate,
    later: &[NaiveDate],
    errors: &mut ValidationErrors,
) {
    let problem = FieldErrorCode::too_late(today, "must not be after today");
    errors.expect(issued_on <= today, "issued_on", problem);
    // A requisition dated after today is itself wrong, and blocks only its own year.
    let latest = later.iter().filter(|day| **day <= today || day.year() == issued_on.year()).max();
    if let Some(day) = latest {
        errors.add(
            "issued_on",
            FieldErrorCode::too_early(*day, format!(
                "must not be before {day}, the day of the latest requisition: numbers follow days"
            )),
        );
    }
}

/// Adds an error for a day of issue before the agreement was signed.
pub(super) fn check_signed(
    agreement: &agreement::Model,
    issued_on: NaiveDate,
    errors: &mut ValidationErrors,
) {
    if let Some(day) = agreement.signed_on.filter(|day| *day > issued_on) {
        errors.add(
            "issued_on",
            FieldErrorCode::too_early(
                day,
                format!("must not be before {day}, the day on which the agreement was signed"),
            ),
        );
    }
}

/// Returns the number after the highest of a year's requisitions.
pub(super) fn next_number<'n>(year: i32, numbers: impl IntoIterator<Item = &'n str>) -> String {
    let prefix = format!("R{year}-");
    let serials =
        numbers.into_iter().filter_map(|number| number.strip_prefix(&prefix)?.parse::<u64>().ok());
    format!("{prefix}{:04}", serials.max().unwrap_or_default() + 1)
}

#[cfg(test)]
mod tests {
    use ::entity::{
        id::OrganisationId,
        kind::{AgreementKind, Direction},
    };

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_grant_is_requisitioned_by_a_signed_cooperation_agreement() {
        let grant = agreement::Model {
            kind: AgreementKind::Cooperation,
            direction: Direction::Income,
            signed_on: Some(day("2026-01-01")),
            organisation_id: Some(OrganisationId::new()),
            ..agreement::Model::default()
        };
        let reason = |row: &agreement::Model| match require_grant(row) {
            Err(Error::Conflict { reason, .. }) => Some(reason),
            _ => None,
        };
        assert_eq!(reason(&grant), None);
        assert_eq!(counterparty(&grant).ok(), grant.organisation_id.map(Buyer::Organisation));
        let fee = agreement::Model { kind: AgreementKind::Participation, ..grant.clone() };
        assert_eq!(reason(&fee), Some(ConflictReason::NotAGrant));
        let unsigned = agreement::Model { signed_on: None, ..grant.clone() };
        assert_eq!(reason(&unsigned), Some(ConflictReason::NotSigned));
        let withdrawn = agreement::Model { withdrawn_on: grant.signed_on, ..grant };
        assert_eq!(reason(&withdrawn), Some(ConflictReason::NotSigned));
    }

    #[test]
    fn each_day_is_requisitioned_once() {
        let other = Model {
            number: "R2026-0001".into(),
            period_from: day("2026-01-01"),
            period_to: day("2026-06-30"),
            ..Model::default()
        };
        for (from, to, is_good) in [
            ("2026-07-01", "2026-12-31", true),
            ("2025-07-01", "2025-12-31", true),
            ("2026-06-30", "2026-12-31", false),
            ("2025-07-01", "2026-01-01", false),
            ("2026-02-01", "2026-02-01", false),
        ] {
            let found =
                refuse_overlap(std::slice::from_ref(&other), DateRange::new(day(from), day(to)));
            assert_eq!(found.is_ok(), is_good, "{from} {to}");
        }
    }

    #[test]
    fn numbers_follow_days() {
        for (issued_on, later, is_good) in [
            ("2026-11-20", &[][..], true),
            ("2026-11-21", &[], false),
            ("2026-11-19", &["2026-11-20"], false),
            // Dated after today: it blocks only its own year.
            ("2026-11-20", &["2027-01-01"], true),
            ("2026-11-20", &["2026-12-24"], false),
        ] {
            let mut errors = ValidationErrors::default();
            let later: Vec<_> = later.iter().map(|text| day(text)).collect();
            check_day(day(issued_on), day("2026-11-20"), &later, &mut errors);
            assert_eq!(errors.is_empty(), is_good, "{issued_on} {later:?}");
        }
    }

    #[test]
    fn a_requisition_is_not_dated_before_the_agreement_was_signed() {
        let row = agreement::Model { signed_on: Some(day("2026-03-01")), ..Default::default() };
        for (issued_on, is_good) in [("2026-02-28", false), ("2026-03-01", true)] {
            let mut errors = ValidationErrors::default();
            check_signed(&row, day(issued_on), &mut errors);
            assert_eq!(errors.is_empty(), is_good, "{issued_on}");
        }
    }

    #[test]
    fn numbers_of_a_year_are_counted() {
        assert_eq!(next_number(2026, []), "R2026-0001");
        assert_eq!(next_number(2026, ["R2026-0009", "R2026-0011", "R2025-0099"]), "R2026-0012");
        assert_eq!(next_number(2026, ["R2026-9999", "R2026-x"]), "R2026-10000");
    }
}
