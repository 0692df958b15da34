//! The lifecycle of an agreement: its stage on a day, the transitions that each stage allows, and
//! the columns that never change after the offer.

use ::entity::{agreement::Model, term::Status};
use chrono::NaiveDate;

use crate::{
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result},
    term_sql,
};

/// A transition of an existing agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Change the draft.
    Update,
    /// Offer it to the counterparty.
    Offer,
    /// Withdraw the draft or the offer.
    Withdraw,
    /// Sign it.
    Sign,
    /// Give notice.
    GiveNotice,
    /// End it sooner than by its months of notice.
    EndEarly,
    /// Draft a successor.
    Replace,
}

/// Returns the stage of an agreement from its facts. An agreement signed with a future date counts
/// as signed.
fn stage(row: &Model, today: NaiveDate) -> Status {
    if row.withdrawn_on.is_some() {
        return Status::Withdrawn;
    }
    let Some(signed_on) = row.signed_on else {
        return if row.offered_at.is_some() { Status::Offered } else { Status::Draft };
    };
    match term_sql::of(row).status(today.max(signed_on)) {
        Status::Signed | Status::Active if row.notice_given_on.is_some() => Status::NoticeGiven,
        status => status,
    }
}

/// Returns the name of an agreement in messages.
pub(super) fn name(row: &Model) -> String {
    row.number
        .as_ref()
        .map_or_else(|| "the draft".to_owned(), |number| format!("agreement {number}"))
}

/// Fails unless the stage of the agreement allows the transition.
///
/// # Errors
/// CONFLICT `WITHDRAWN`, `NOT_OFFERED`, `ALREADY_OFFERED`, `NOT_SIGNED`, `ALREADY_SIGNED`,
/// `NOT_STARTED`, `NOTICE_GIVEN` or `ENDED`.
pub(super) fn allow(transition: Transition, row: &Model, today: NaiveDate) -> Result<()> {
    use Status::{Active, Draft, Ended, NoticeGiven, Offered, Signed, Withdrawn};
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    let (reason, words) = match (transition, stage(row, today)) {
        (Transition::Update | Transition::Offer | Transition::Withdraw, Draft)
        | (Transition::Withdraw | Transition::Sign, Offered)
        | (Transition::GiveNotice, Active)
        | (Transition::EndEarly, Signed | Active)
        | (Transition::Replace, Signed | Active | NoticeGiven) => return Ok(()),
        (_, Withdrawn) => (ConflictReason::Withdrawn, format!("was withdrawn on {}; draft a new one", day(row.withdrawn_on))),
        (Transition::Sign, Draft) => (ConflictReason::NotOffered, "has not been offered; offer it first".to_owned()),
        (Transition::Update | Transition::Offer, Offered | Signed | Active | NoticeGiven | Ended) => (
            ConflictReason::AlreadyOffered,
            "has been offered already, and an offer never changes; withdraw it, or replace it after it is signed".to_owned(),
        ),
        (Transition::Withdraw | Transition::Sign, Signed | Active | NoticeGiven | Ended) => {
            let advice = "to end it, give notice or replace it";
            (ConflictReason::AlreadySigned, format!("was signed by both on {}; {advice}", day(row.signed_on)))
        }
        (Transition::GiveNotice | Transition::EndEarly | Transition::Replace, Draft | Offered) => {
            (ConflictReason::NotSigned, "has not been signed by both; withdraw it, or change it while it is a draft".to_owned())
        }
        (Transition::GiveNotice, Signed) => (
            ConflictReason::NotStarted,
            format!("is in force from {}; notice can be given from that day, and before it only with a last day", row.starts_on),
        ),
        (Transition::GiveNotice | Transition::EndEarly, NoticeGiven) => {
            let advice = "to end it on another day, withdraw that notice and give notice again";
            (
                ConflictReason::NoticeGiven,
                format!("was given notice on {} already, and ends on {}; {advice}", day(row.notice_given_on), day(row.ends_on)),
            )
        }
        (Transition::GiveNotice | Transition::EndEarly | Transition::Replace, Ended) => (ConflictReason::Ended, "has ended; draft a new one".to_owned()),
    };
    Err(Error::conflict(reason, format!("{} {words}", name(row))))
}

/// Returns `true` if the viewer may make the transition and the stage of the agreement allows it.
/// Other facts, as a retired template, may still prevent it.
#[must_use]
pub fn can(ctx: Context<'_>, transition: Transition, row: &Model) -> bool {
    ctx.viewer.has(Permission::ManageAgreements)
        && allow(transition, row, ctx.clock.today()).is_ok()
}

/// Returns the columns, by their names in files, that differ between two versions of an agreement
/// although they must not after its text is stored. Offered terms never change; signing,
/// withdrawing and giving notice happen at most one time; only a notice changes the end. The
/// database rejects such changes too.
#[must_use]
pub fn frozen_changes(before: &Model, after: &Model) -> Vec<&'static str> {
    let is_unchanged_or_new =
        |before: Option<NaiveDate>, after: Option<NaiveDate>| before.is_none() || before == after;
    let same = [
        ("number", before.number == after.number),
        ("kind", before.kind == after.kind),
        ("direction", before.direction == after.direction),
        ("activity", before.activity_id == after.activity_id),
        (
            "counterparty",
            (before.member_id, before.organisation_id) == (after.member_id, after.organisation_id),
        ),
        ("template_version", before.template_version_id == after.template_version_id),
        ("starts_on", before.starts_on == after.starts_on),
        ("ends_on", before.ends_on == after.ends_on || after.notice_given_on.is_some()),
        ("notice_months", before.notice_months == after.notice_months),
        ("renewal_months", before.renewal_months == after.renewal_months),
        ("offered_at", before.offered_at == after.offered_at),
        ("signed_on", is_unchanged_or_new(before.signed_on, after.signed_on)),
        ("notice_given_on", is_unchanged_or_new(before.notice_given_on, after.notice_given_on)),
        ("withdrawn_on", is_unchanged_or_new(before.withdrawn_on, after.withdrawn_on)),
        ("fee_basis", before.fee_basis == after.fee_basis),
        ("fee_amount", before.fee_amount == after.fee_amount),
        ("fee_per_mille", before.fee_per_mille == after.fee_per_mille),
        ("fee_cap", before.fee_cap == after.fee_cap),
        ("fee_minimum", before.fee_minimum == after.fee_minimum),
        ("fee_allocation_basis", before.fee_allocation_basis == after.fee_allocation_basis),
        ("vat_rate", before.vat_rate == after.vat_rate),
        (
            "replaces",
            before.replaces_id == after.replaces_id
                || (after.replaces_id.is_none() && after.withdrawn_on.is_some()),
        ),
    ];
    same.into_iter().filter(|(_, is_same)| !is_same).map(|(column, _)| column).collect()
}

#[cfg(test)]
mod tests {
    use Transition::{EndEarly, GiveNotice, Offer, Replace, Sign, Update, Withdraw};
    use chrono::{DateTime, Utc};

    use super::*;

    const TRANSITIONS: [Transition; 7] =
        [Update, Offer, Withdraw, Sign, GiveNotice, EndEarly, Replace];

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn draft() -> Model {
        Model { starts_on: day("2026-01-01"), ends_on: Some(day("2026-12-31")), ..Model::default() }
    }

    fn offered() -> Model {
        let offered_at: DateTime<Utc> = "2025-11-01T12:00:00Z".parse().unwrap();
        Model { number: Some("2025-0007".into()), offered_at: Some(offered_at), ..draft() }
    }

    fn signed() -> Model {
        Model { signed_on: Some(day("2025-12-01")), ..offered() }
    }

    fn reason(transition: Transition, row: &Model, on: &str) -> Option<ConflictReason> {
        match allow(transition, row, day(on)) {
            Ok(()) => None,
            Err(Error::Conflict { reason, .. }) => Some(reason),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn each_stage_allows_its_transitions() {
        let noticed = Model { notice_given_on: Some(day("2026-03-01")), ..signed() };
        let withdrawn = Model { withdrawn_on: Some(day("2025-11-15")), ..offered() };
        for (row, on, allowed) in [
            (draft(), "2025-12-15", &[Update, Offer, Withdraw][..]),
            (offered(), "2025-12-15", &[Withdraw, Sign]),
            (signed(), "2025-12-15", &[EndEarly, Replace]),
            (signed(), "2026-01-01", &[GiveNotice, EndEarly, Replace]),
            (signed(), "2026-12-31", &[GiveNotice, EndEarly, Replace]),
            (signed(), "2027-01-01", &[]),
            (noticed.clone(), "2026-06-01", &[Replace]),
            (noticed, "2027-01-01", &[]),
            (withdrawn, "2026-06-01", &[]),
        ] {
            let found: Vec<_> = TRANSITIONS
                .into_iter()
                .filter(|transition| allow(*transition, &row, day(on)).is_ok())
                .collect();
            assert_eq!(found, allowed, "{on} {row:?}");
        }
    }

    #[test]
    fn a_refusal_has_the_reason_of_the_stage() {
        for (transition, row, on, expected) in [
            (Sign, draft(), "2025-12-15", ConflictReason::NotOffered),
            (Update, offered(), "2025-12-15", ConflictReason::AlreadyOffered),
            (Withdraw, signed(), "2025-12-15", ConflictReason::AlreadySigned),
            (GiveNotice, offered(), "2025-12-15", ConflictReason::NotSigned),
            (GiveNotice, signed(), "2025-12-31", ConflictReason::NotStarted),
            (Replace, signed(), "2027-01-01", ConflictReason::Ended),
        ] {
            assert_eq!(reason(transition, &row, on), Some(expected), "{transition:?} {on}");
        }
        let withdrawn = Model { withdrawn_on: Some(day("2025-11-15")), ..offered() };
        for transition in TRANSITIONS {
            let found = reason(transition, &withdrawn, "2026-06-01");
            assert_eq!(found, Some(ConflictReason::Withdrawn), "{transition:?}");
        }
    }

    #[test]
    fn a_future_signature_and_a_future_notice_count() {
        let later = Model { signed_on: Some(day("2026-02-01")), ..offered() };
        assert_eq!(stage(&later, day("2026-01-15")), Status::Active);
        let noticed = Model { notice_given_on: Some(day("2026-03-01")), ..signed() };
        assert_eq!(stage(&noticed, day("2025-12-15")), Status::NoticeGiven);
        let replaced = Model { replaced_from: Some(day("2026-07-01")), ..signed() };
        assert_eq!(stage(&replaced, day("2026-06-30")), Status::Active);
        assert_eq!(stage(&replaced, day("2026-07-01")), Status::Ended);
    }

    #[test]
    fn offered_terms_never_change() {
        let none: [&str; 0] = [];
        assert_eq!(frozen_changes(&offered(), &signed()), none);
        let moved = Model { ends_on: Some(day("2026-06-30")), ..signed() };
        assert_eq!(frozen_changes(&signed(), &moved), ["ends_on"]);
        let noticed = Model { notice_given_on: Some(day("2026-03-01")), ..moved };
        assert_eq!(frozen_changes(&signed(), &noticed), none);
        let resigned = Model { signed_on: Some(day("2025-12-02")), ..signed() };
        assert_eq!(frozen_changes(&signed(), &resigned), ["signed_on"]);
        let successor = Model { replaces_id: Some(Default::default()), ..offered() };
        assert_eq!(frozen_changes(&successor, &offered()), ["replaces"]);
        let withdrawn = Model { withdrawn_on: Some(day("2025-11-15")), ..offered() };
        assert_eq!(frozen_changes(&successor, &withdrawn), none);
    }
}
