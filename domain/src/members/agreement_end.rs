//! The end of an agreement with the membership of its counterparty, and its state before that end.

use ::entity::{agreement::Model, id::AgreementId};
use chrono::NaiveDate;

use crate::{
    audit::{Action, past::PastChange},
    term_sql,
};

/// Returns the agreement as it ends on the last day of a membership: by notice, or by withdrawal if
/// it would begin after that day.
pub(super) fn ended(
    before: &Model,
    on: NaiveDate,
    decided_on: NaiveDate,
    reason: Option<&str>,
) -> Model {
    let mut after = before.clone();
    let decided_on = decided_on.min(on);
    if after.starts_on > on {
        after.withdrawn_on = term_sql::of(&after).offered_on.max(Some(decided_on));
        after.replaces_id = None;
    } else {
        after.ends_on = Some(on);
        after.notice_given_on =
            after.notice_given_on.or_else(|| after.signed_on.max(Some(decided_on)));
        // A successor that was to take over after this day never comes into force.
        after.replaced_from = after.replaced_from.filter(|from| *from <= on);
    }
    after.termination_reason = Some(reason.unwrap_or("membership ended").to_owned());
    with_deadline(after)
}

/// Returns the mutation that set the last day of a member, from the member's changes, the latest
/// first; `None` if an import set it.
pub(super) fn departure(changes: Vec<PastChange>) -> Option<PastChange> {
    let sets_last_day = |past: &PastChange| {
        past.day_before("left_on").is_none() && past.day_after("left_on").is_some()
    };
    let departs = |past: &PastChange| {
        matches!(Action::of_word(&past.action), Some(Action::MemberLeave | Action::MemberMerge))
    };
    changes.into_iter().find(sets_last_day).filter(departs)
}

/// Returns the agreement with its end, withdrawal and successor as they were before a change.
pub(super) fn restored(row: &Model, past: &PastChange) -> Model {
    let text = |field: &str| past.before.get(field).and_then(|value| value.as_str());
    with_deadline(Model {
        ends_on: past.day_before("ends_on"),
        notice_given_on: past.day_before("notice_given_on"),
        withdrawn_on: past.day_before("withdrawn_on"),
        replaced_from: past.day_before("replaced_from"),
        replaces_id: text("replaces_id").and_then(|id| id.parse().ok()).map(AgreementId),
        termination_reason: text("termination_reason").map(str::to_owned),
        ..row.clone()
    })
}

/// Returns `true` if the end, withdrawal and successor of an agreement are as a change left them.
pub(super) fn is_unchanged(row: &Model, past: &PastChange) -> bool {
    row.ends_on == past.day_after("ends_on")
        && row.notice_given_on == past.day_after("notice_given_on")
        && row.withdrawn_on == past.day_after("withdrawn_on")
        && row.replaced_from == past.day_after("replaced_from")
}

/// Returns `true` if an agreement would continue after a day.
pub(super) fn continues_after(row: &Model, last: NaiveDate) -> bool {
    row.withdrawn_on.is_none() && term_sql::of(row).final_day().is_none_or(|end| end > last)
}

fn with_deadline(mut row: Model) -> Model {
    (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    row
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn agreement(starts_on: &str, ends_on: Option<&str>) -> Model {
        with_deadline(Model {
            starts_on: day(starts_on),
            ends_on: ends_on.map(day),
            signed_on: Some(day("2025-11-01")),
            ..Model::default()
        })
    }

    fn past(before: Value, after: Value) -> PastChange {
        PastChange {
            revision: 1,
            at: "2026-12-01T12:00:00Z".parse().unwrap(),
            action: "memberLeave".into(),
            record_id: uuid::Uuid::nil(),
            before,
            after,
        }
    }

    #[test]
    fn an_agreement_in_force_ends_by_notice() {
        let before = agreement("2026-01-01", None);
        let after = ended(&before, day("2026-12-31"), day("2026-12-01"), None);
        assert_eq!(
            (after.ends_on, after.notice_given_on, after.withdrawn_on, after.deadline_on),
            (Some(day("2026-12-31")), Some(day("2026-12-01")), None, Some(day("2026-12-31")))
        );
        assert_eq!(after.termination_reason.as_deref(), Some("membership ended"));
    }

    #[test]
    fn notice_is_never_before_the_signature_nor_after_the_end() {
        let before = Model { signed_on: Some(day("2026-06-01")), ..agreement("2026-01-01", None) };
        for (on, decided_on, given_on) in [
            // A departure entered later than its day.
            ("2026-09-30", "2026-12-01", "2026-09-30"),
            ("2026-09-30", "2026-07-01", "2026-07-01"),
            ("2026-03-31", "2026-12-01", "2026-06-01"),
        ] {
            let after = ended(&before, day(on), day(decided_on), Some("merged"));
            assert_eq!(after.notice_given_on, Some(day(given_on)), "{on} {decided_on}");
            assert_eq!(after.termination_reason.as_deref(), Some("merged"));
        }
        let given = Model { notice_given_on: Some(day("2026-02-01")), ..before };
        let after = ended(&given, day("2026-09-30"), day("2026-07-01"), None);
        assert_eq!(after.notice_given_on, Some(day("2026-02-01")));
    }

    #[test]
    fn an_agreement_that_has_not_begun_is_withdrawn() {
        let before = Model {
            replaces_id: Some(AgreementId::default()),
            ..agreement("2027-01-01", Some("2027-12-31"))
        };
        let after = ended(&before, day("2026-12-31"), day("2026-12-01"), None);
        assert_eq!(
            (after.withdrawn_on, after.replaces_id, after.ends_on),
            (Some(day("2026-12-01")), None, Some(day("2027-12-31")))
        );
        assert!(!continues_after(&after, day("2026-12-31")));
    }

    #[test]
    fn a_successor_after_the_end_never_takes_over() {
        for (from, expected) in [("2026-12-31", Some("2026-12-31")), ("2027-01-01", None)] {
            let before = Model { replaced_from: Some(day(from)), ..agreement("2026-01-01", None) };
            let after = ended(&before, day("2026-12-31"), day("2026-12-01"), None);
            assert_eq!(after.replaced_from, expected.map(day), "{from}");
        }
    }

    #[test]
    fn a_departure_can_be_reversed_while_nothing_changed_since() {
        let before = Model {
            replaced_from: Some(day("2027-03-01")),
            ..agreement("2026-01-01", Some("2028-12-31"))
        };
        let after = ended(&before, day("2026-12-31"), day("2026-12-01"), None);
        let departure = past(
            json!({ "ends_on": "2028-12-31", "replaced_from": "2027-03-01" }),
            json!({ "ends_on": "2026-12-31", "notice_given_on": "2026-12-01" }),
        );
        assert!(is_unchanged(&after, &departure));
        assert_eq!(restored(&after, &departure), before);
        let changed = Model { ends_on: Some(day("2026-11-30")), ..after };
        assert!(!is_unchanged(&changed, &departure));
    }

    #[test]
    fn the_latest_change_of_the_last_day_is_the_departure() {
        let change = |action: &str, before: Value, after: Value| PastChange {
            action: action.into(),
            ..past(before, after)
        };
        let member = json!({ "left_on": null });
        let left = json!({ "left_on": "2026-12-31" });
        let leaves = change("memberLeave", member.clone(), left.clone());
        let renamed = change("memberUpdate", left.clone(), left.clone());
        let imported = change("import", member.clone(), left.clone());
        let reinstated = change("memberReinstate", left, member);
        for (changes, expected) in [
            (vec![], None),
            (vec![renamed.clone(), leaves.clone()], Some("memberLeave")),
            (vec![imported.clone()], None),
            (vec![imported, reinstated, leaves], None),
            (vec![renamed], None),
        ] {
            let found = departure(changes).map(|past| past.action);
            assert_eq!(found.as_deref(), expected);
        }
    }

    #[test]
    fn an_agreement_without_an_end_continues_after_every_day() {
        for (ends_on, expected) in
            [(None, true), (Some("2026-12-31"), false), (Some("2027-01-01"), true)]
        {
            let row = agreement("2026-01-01", ends_on);
            assert_eq!(continues_after(&row, day("2026-12-31")), expected, "{ends_on:?}");
        }
    }
}
