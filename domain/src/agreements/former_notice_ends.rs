//! Last days by notice under a former rule, by which renewed terms of short months ended early, and
//! their difference from the present rule.

use ::entity::{
    agreement::Model,
    id::AgreementId,
    term::{Term, add_months},
};
use chrono::{Datelike, NaiveDate};

use crate::{
    error::{Error, FieldErrorCode, Result},
    term_sql,
};

/// An agreement whose last day by notice differs under the present rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeEnd {
    /// The agreement.
    pub agreement: AgreementId,
    /// Its number.
    pub number: String,
    /// Day of the notice.
    pub given_on: NaiveDate,
    /// Last day in force, as the counterparty was notified.
    pub ends_on: NaiveDate,
    /// Last day in force by the present rule.
    pub rule_ends_on: NaiveDate,
}

/// Returns the last day in force by the former rule, which added months to the inclusive last day
/// and subtracted them from it, each time clamped to the end of the month.
fn former_end(ends_on: NaiveDate, renewal: i32, notice: i32, given_on: NaiveDate) -> NaiveDate {
    let month = |day: NaiveDate| day.year() * 12 + day.month0().cast_signed();
    let last = |k: i32| add_months(ends_on, k * renewal);
    let k = (month(given_on) + notice - month(ends_on)).div_euclid(renewal.max(1)).max(0);
    if add_months(last(k), -notice) >= given_on { last(k) } else { last(k + 1) }
}

/// Returns the last day by the present rule, if the stored one follows the former rule and differs.
/// A successor that ends the agreement by the sooner of the two leaves nothing to decide.
pub(super) fn deviation(row: &Model, agreed: NaiveDate) -> Option<NoticeEnd> {
    let (given_on, ends_on, renewal) = (row.notice_given_on?, row.ends_on?, row.renewal_months?);
    let from = given_on.max(row.starts_on);
    let agreed_term = Term { ends_on: Some(agreed), notice_given_on: None, ..term_sql::of(row) };
    let rule_ends_on = agreed_term.ends_by_notice(from);
    let is_former =
        ends_on == former_end(agreed, renewal, row.notice_months, from) && ends_on != rule_ends_on;
    let is_replaced = row
        .replaced_from
        .and_then(|from| from.pred_opt())
        .is_some_and(|last| last <= ends_on.min(rule_ends_on));
    let number = row.number.clone().unwrap_or_default();
    (is_former && !is_replaced).then_some(NoticeEnd {
        agreement: row.id,
        number,
        given_on,
        ends_on,
        rule_ends_on,
    })
}

/// Fails unless a day is one of the two that can be decided on.
///
/// # Errors
/// INVALID naming both days.
pub(super) fn require_choice(end: &NoticeEnd, ends_on: NaiveDate) -> Result<()> {
    if [end.ends_on, end.rule_ends_on].contains(&ends_on) {
        return Ok(());
    }
    let message = format!(
        "must be {}, as the counterparty was notified, or {}, by the present rule",
        end.ends_on, end.rule_ends_on
    );
    Err(Error::invalid("ends_on", FieldErrorCode::Mismatch.problem(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn ends_of_the_former_rule_are_recognized() {
        for (agreed, renewal, notice, given_on, notified, present) in [
            ("2026-06-30", 6, 3, "2026-09-30", "2026-12-30", Some("2026-12-31")),
            // In time only by the present rule: one term less.
            ("2027-02-28", 12, 3, "2026-11-30", "2028-02-28", Some("2027-02-28")),
            ("2026-12-31", 12, 3, "2026-09-30", "2026-12-31", None),
            // The day follows neither rule, as with an early end by the contract.
            ("2026-06-30", 6, 3, "2026-09-30", "2026-11-30", None),
            ("2026-06-29", 6, 3, "2026-09-29", "2026-12-29", None),
        ] {
            let row = Model {
                starts_on: day("2026-01-01"),
                ends_on: Some(day(notified)),
                renewal_months: Some(renewal),
                notice_months: notice,
                notice_given_on: Some(day(given_on)),
                signed_on: Some(day("2025-12-01")),
                ..Model::default()
            };
            assert_eq!(
                deviation(&row, day(agreed)).map(|end| end.rule_ends_on),
                present.map(day),
                "{agreed} {given_on}"
            );
        }
    }

    #[test]
    fn a_successor_leaves_nothing_to_decide() {
        for (replaced_from, is_open) in
            [(None, true), (Some("2026-12-31"), false), (Some("2027-01-01"), true)]
        {
            let row = Model {
                starts_on: day("2026-01-01"),
                ends_on: Some(day("2026-12-30")),
                renewal_months: Some(6),
                notice_months: 3,
                notice_given_on: Some(day("2026-09-30")),
                signed_on: Some(day("2025-12-01")),
                replaced_from: replaced_from.map(day),
                ..Model::default()
            };
            let found = deviation(&row, day("2026-06-30"));
            assert_eq!(found.is_some(), is_open, "{replaced_from:?}");
        }
    }

    #[test]
    fn one_of_two_days_is_decided_on() {
        let end = NoticeEnd {
            agreement: AgreementId::default(),
            number: "2026-0001".into(),
            given_on: day("2026-09-30"),
            ends_on: day("2026-12-30"),
            rule_ends_on: day("2026-12-31"),
        };
        for (on, is_choice) in [
            ("2026-12-29", false),
            ("2026-12-30", true),
            ("2026-12-31", true),
            ("2027-01-01", false),
        ] {
            assert_eq!(require_choice(&end, day(on)).is_ok(), is_choice, "{on}");
        }
    }
}
