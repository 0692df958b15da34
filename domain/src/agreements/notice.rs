//! Notice (uppsägning): the last day in force after notice, the row with a notice, and the agreed
//! last day after its withdrawal.

use ::entity::agreement::Model;
use chrono::NaiveDate;

use super::lifecycle::{self, Transition, name};
use crate::{
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    term_sql,
};

/// Returns `true` if the viewer may give notice of the agreement, which is signed, has not ended,
/// and is neither replaced nor given notice already. Before its first day, and for a fixed term,
/// only notice with an explicit last day is possible.
#[must_use]
pub fn can_give_notice(ctx: Context<'_>, row: &Model) -> bool {
    // A notice without a last day requires what one with a last day requires, and more.
    lifecycle::can(ctx, Transition::EndEarly, row) && require_not_replaced(row).is_ok()
}

/// Returns `true` if the viewer may withdraw the notice of the agreement, which has one and has not
/// ended. An end of its membership or activity may still prevent it.
#[must_use]
pub fn can_withdraw_notice(ctx: Context<'_>, row: &Model) -> bool {
    ctx.viewer.has(Permission::ManageAgreements) && require_pending(row, ctx.clock.today()).is_ok()
}

/// Fails with `REPLACED` if an agreement has a signed successor.
fn require_not_replaced(row: &Model) -> Result<()> {
    let Some(from) = row.replaced_from else { return Ok(()) };
    let name = name(row);
    Err(Error::conflict(
        ConflictReason::Replaced,
        format!(
            "{name} is replaced from {from}, and ends the day before; give notice of its successor"
        ),
    ))
}

/// Returns the last day in force after notice on a day; `early` is the explicit last day.
///
/// # Errors
/// CONFLICT `REPLACED`, `NOT_STARTED` or `FIXED_TERM`; INVALID for a day before the signatures, or
/// an explicit last day after the one by notice.
pub(super) fn last_day(
    row: &Model,
    given_on: NaiveDate,
    early: Option<NaiveDate>,
) -> Result<NaiveDate> {
    require_not_replaced(row)?;
    let name = name(row);
    if early.is_none() && given_on < row.starts_on {
        let message = format!(
            "{name} is in force from {}; notice can't be given before that day, unless the contract lets it end sooner: then state the last day",
            row.starts_on
        );
        return Err(Error::conflict(ConflictReason::NotStarted, message));
    }
    if let Some(signed_on) = row.signed_on.filter(|signed_on| given_on < *signed_on) {
        return Err(Error::invalid(
            "given_on",
            FieldErrorCode::too_early(
                signed_on,
                format!("must not be before {signed_on}, when it was signed"),
            ),
        ));
    }
    // The months of notice begin on the first day at the earliest.
    let by_notice = term_sql::of(row).ends_by_notice(given_on.max(row.starts_on));
    let fixed = row.ends_on.filter(|_| row.renewal_months.is_none());
    let agreed = fixed.filter(|agreed| by_notice >= *agreed);
    if let Some(early) = early {
        // Without months of notice, any day up to the agreed end can be chosen.
        let last = fixed.filter(|_| row.notice_months == 0).or(agreed).unwrap_or(by_notice);
        return if early <= last {
            Ok(early)
        } else {
            Err(Error::invalid(
                "ends_on",
                FieldErrorCode::too_late(
                    last,
                    format!(
                        "must not be after {last}, when {name} ends anyway after notice on {given_on}"
                    ),
                ),
            ))
        };
    }
    if let Some(agreed) = agreed {
        let message = format!(
            "{name} is for a fixed term and ends on {agreed} without notice; notice on {given_on} would not end it sooner"
        );
        return Err(Error::conflict(ConflictReason::FixedTerm, message));
    }
    Ok(by_notice)
}

/// Returns the row of an agreement after notice, which ends it on `ends_on`. If that is before its
/// first day, it never comes into force: it is withdrawn, and replaces nothing.
pub(super) fn with_notice(
    row: Model,
    given_on: NaiveDate,
    ends_on: NaiveDate,
    reason: Option<String>,
) -> Model {
    let row = Model { termination_reason: reason, ..row };
    with_deadline(if ends_on >= row.starts_on {
        Model { notice_given_on: Some(given_on), ends_on: Some(ends_on), ..row }
    } else {
        Model { withdrawn_on: Some(given_on), replaces_id: None, ..row }
    })
}

/// Returns the row of an agreement without its notice, with its agreed last day.
pub(super) fn without_notice(row: Model, ends_on: Option<NaiveDate>) -> Model {
    with_deadline(Model {
        notice_given_on: None,
        ends_on,
        termination_reason: None,
        notice_end_decided_on: None,
        ..row
    })
}

/// Returns a row with the stored deadline of its term.
pub(super) fn with_deadline(mut row: Model) -> Model {
    (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    row
}

/// Fails unless an agreement has a notice, and has not ended, by the notice or by a successor.
///
/// # Errors
/// CONFLICT `NO_NOTICE` or `ENDED`.
pub(super) fn require_pending(row: &Model, today: NaiveDate) -> Result<()> {
    let Some(given_on) = row.notice_given_on.filter(|_| row.withdrawn_on.is_none()) else {
        return Err(Error::conflict(
            ConflictReason::NoNotice,
            format!("no notice was given on {}; there is none to withdraw", name(row)),
        ));
    };
    let Some(last) = term_sql::of(row).last_day(today).filter(|last| *last < today) else {
        return Ok(());
    };
    let name = name(row);
    let message = if row.ends_on == Some(last) {
        format!(
            "the notice given on {given_on} took effect: {name} ended on {last}; draft a new one"
        )
    } else {
        format!(
            "{name} ended on {last}, the day before its successor; the notice given on {given_on} can't be withdrawn"
        )
    };
    Err(Error::conflict(ConflictReason::Ended, message))
}

/// Returns the last day that was agreed before the notice: `known` from the audit trail or, if the
/// trail lacks it, `stated` in the input.
///
/// # Errors
/// CONFLICT `AGREED_END_UNKNOWN` if there is neither; INVALID for a stated day that differs from
/// the known one, or does not fit the term.
pub(super) fn agreed_end(
    row: &Model,
    known: Option<Option<NaiveDate>>,
    stated: Option<Option<NaiveDate>>,
) -> Result<Option<NaiveDate>> {
    let words = |day: Option<NaiveDate>| {
        day.map_or_else(|| "until further notice".to_owned(), |day| day.to_string())
    };
    let ends_on = match (known, stated) {
        (Some(known), Some(stated)) if known != stated => {
            let message = format!("must be left out: {} was agreed {}", name(row), words(known));
            return Err(Error::invalid("ends_on", FieldErrorCode::NotAllowed.problem(message)));
        }
        (Some(known), _) => known,
        (None, Some(stated)) => stated,
        (None, None) => {
            let message = format!(
                "the notice on {} came with imported history, without the agreed last day; state it",
                name(row)
            );
            return Err(Error::conflict(ConflictReason::AgreedEndUnknown, message));
        }
    };
    let mut errors = ValidationErrors::default();
    errors.expect(
        ends_on.is_none_or(|last| last >= row.starts_on),
        "ends_on",
        FieldErrorCode::too_early(row.starts_on, "must not be before the first day in force"),
    );
    errors.expect(
        ends_on.is_some() || row.renewal_months.is_none(),
        "ends_on",
        FieldErrorCode::Required.problem("is needed: the agreement renews automatically"),
    );
    errors.finish()?;
    Ok(ends_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Returns a signed agreement with three months of notice.
    fn signed(ends_on: Option<&str>, renewal_months: Option<i32>) -> Model {
        Model {
            number: Some("2026-0001".into()),
            starts_on: day("2026-01-01"),
            ends_on: ends_on.map(day),
            notice_months: 3,
            renewal_months,
            signed_on: Some(day("2025-12-01")),
            ..Model::default()
        }
    }

    /// Returns the last day after notice, or the reason or the field of the refusal.
    fn end(row: &Model, given_on: &str, early: Option<&str>) -> Result<NaiveDate, String> {
        last_day(row, day(given_on), early.map(day)).map_err(|error| match error {
            Error::Conflict { reason, .. } => reason.to_string(),
            Error::Invalid(fields) => fields[0].path.clone(),
            other => other.to_string(),
        })
    }

    #[test]
    fn notice_ends_a_term_by_the_months_of_notice() {
        let renewing = signed(Some("2026-12-31"), Some(12));
        let open = signed(None, None);
        let fixed = signed(Some("2026-12-31"), None);
        for (row, given_on, ends_on) in [
            (&renewing, "2026-09-30", "2026-12-31"),
            (&renewing, "2026-10-01", "2027-12-31"),
            (&open, "2026-03-15", "2026-06-15"),
            (&open, "2026-11-30", "2027-02-28"),
            (&fixed, "2026-05-31", "2026-08-31"),
        ] {
            assert_eq!(end(row, given_on, None), Ok(day(ends_on)), "{given_on}");
        }
        assert_eq!(end(&fixed, "2026-10-01", None), Err("FIXED_TERM".to_owned()));
        let without = Model { notice_months: 0, ..open };
        assert_eq!(end(&without, "2026-03-15", None), Ok(day("2026-03-15")));
    }

    #[test]
    fn an_explicit_last_day_is_not_after_the_one_by_notice() {
        let open = signed(None, None);
        assert_eq!(end(&open, "2026-03-15", Some("2026-03-15")), Ok(day("2026-03-15")));
        assert_eq!(end(&open, "2026-03-15", Some("2026-06-15")), Ok(day("2026-06-15")));
        let after = end(&open, "2026-03-15", Some("2026-06-16"));
        assert_eq!(after, Err("ends_on".to_owned()));
        // Without months of notice, any day up to the agreed end.
        let fixed = Model { notice_months: 0, ..signed(Some("2026-12-31"), None) };
        assert_eq!(end(&fixed, "2026-03-15", Some("2026-12-31")), Ok(day("2026-12-31")));
        let after = end(&fixed, "2026-03-15", Some("2027-01-01"));
        assert_eq!(after, Err("ends_on".to_owned()));
    }

    #[test]
    fn notice_follows_the_signatures_and_no_successor() {
        let open = signed(None, None);
        assert_eq!(end(&open, "2025-12-15", None), Err("NOT_STARTED".to_owned()));
        let before = end(&open, "2025-11-30", Some("2025-12-31"));
        assert_eq!(before, Err("given_on".to_owned()));
        // Before the first day, the months of notice begin on the first day.
        let early = end(&open, "2025-12-15", Some("2026-04-01"));
        assert_eq!(early, Ok(day("2026-04-01")));
        let replaced = Model { replaced_from: Some(day("2026-07-01")), ..open };
        assert_eq!(end(&replaced, "2026-03-15", None), Err("REPLACED".to_owned()));
    }

    #[test]
    fn notice_before_the_first_day_withdraws_the_agreement() {
        let successor = Model { replaces_id: Some(Default::default()), ..signed(None, None) };
        let noticed = with_notice(successor.clone(), day("2026-03-15"), day("2026-06-15"), None);
        assert_eq!(
            (noticed.notice_given_on, noticed.ends_on, noticed.deadline_on, noticed.withdrawn_on),
            (Some(day("2026-03-15")), Some(day("2026-06-15")), Some(day("2026-06-15")), None)
        );
        assert!(noticed.replaces_id.is_some());
        let withdrawn = with_notice(successor, day("2025-12-15"), day("2025-12-31"), None);
        assert_eq!(
            (withdrawn.withdrawn_on, withdrawn.notice_given_on, withdrawn.replaces_id),
            (Some(day("2025-12-15")), None, None)
        );
    }

    #[test]
    fn a_withdrawn_notice_restores_the_agreed_last_day() {
        let row = signed(Some("2026-12-31"), Some(12));
        let noticed = with_notice(row.clone(), day("2026-10-01"), day("2027-12-31"), None);
        assert!(require_pending(&noticed, day("2027-12-31")).is_ok());
        assert!(require_pending(&noticed, day("2028-01-01")).is_err());
        assert!(require_pending(&row, day("2026-10-01")).is_err());
        let replaced = Model { replaced_from: Some(day("2027-03-01")), ..noticed.clone() };
        assert!(require_pending(&replaced, day("2027-02-28")).is_ok());
        assert!(require_pending(&replaced, day("2027-03-01")).is_err());
        let known = Some(day("2026-12-31"));
        let restored = without_notice(noticed.clone(), known);
        assert_eq!((restored.ends_on, restored.notice_given_on), (known, None));
        assert_eq!(restored.deadline_on, Some(day("2026-09-30")));
        for (of_trail, stated, expected) in [
            (Some(known), None, Some(known)),
            (Some(known), Some(known), Some(known)),
            (Some(known), Some(Some(day("2027-01-31"))), None),
            (None, Some(known), Some(known)),
            (None, None, None),
            // It renews, and so has a last day, which is not before the first one.
            (None, Some(None), None),
            (None, Some(Some(day("2025-12-31"))), None),
        ] {
            let found = agreed_end(&noticed, of_trail, stated).ok();
            assert_eq!(found, expected, "{of_trail:?} {stated:?}");
        }
    }
}
