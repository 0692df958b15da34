//! Status of a bank payment, the mutations that it allows, and the rows that they make.

use ::entity::{bank_payment::Model, money::Money};
use chrono::NaiveDate;

use crate::{
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, LINE, Result},
};

/// State of a bank payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Fully matched with invoices.
    Matched,
    /// Excluded: the rest of it pays no invoice.
    Excluded,
    /// Another bank payment stands for the same money.
    Duplicate,
    /// Waits for a user.
    Pending,
}

/// Returns the state of a bank payment.
#[must_use]
pub fn state(row: &Model) -> State {
    if row.duplicate_of_id.is_some() {
        State::Duplicate
    } else if row.matched == row.amount {
        State::Matched
    } else if row.set_aside_on.is_some() {
        State::Excluded
    } else {
        State::Pending
    }
}

/// Returns `true` if the viewer may match the bank payment with an invoice.
#[must_use]
pub fn can_match(ctx: Context<'_>, row: &Model) -> bool {
    ctx.viewer.has(Permission::ManageInvoices) && require_matchable(row).is_ok()
}

/// Returns `true` if the viewer may exclude the rest of the bank payment.
#[must_use]
pub fn can_exclude(ctx: Context<'_>, row: &Model) -> bool {
    ctx.viewer.has(Permission::ManageInvoices) && require_excludable(row).is_ok()
}

/// Fails with `NOT_INCOMING`, `ALREADY_MATCHED`, `EXCLUDED` or `DUPLICATE` unless a bank payment
/// can be matched.
pub(super) fn require_matchable(row: &Model) -> Result<()> {
    if row.amount < Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NotIncoming,
            "a negative bank payment pays no invoice; reverse the payment that the bank returned, or match less of the payment that it was deducted from, and exclude this one",
        ));
    }
    match state(row) {
        State::Matched => Err(Error::conflict(
            ConflictReason::AlreadyMatched,
            "this bank payment is fully matched; reverse one of its payments first",
        )),
        State::Excluded => Err(Error::conflict(
            ConflictReason::Excluded,
            "this bank payment is excluded; reopen it first",
        )),
        State::Duplicate => Err(duplicate()),
        State::Pending => Ok(()),
    }
}

/// Fails with `ALREADY_MATCHED`, `EXCLUDED` or `DUPLICATE` unless the rest of a bank payment can be
/// excluded.
pub(super) fn require_excludable(row: &Model) -> Result<()> {
    match state(row) {
        State::Matched => Err(Error::conflict(
            ConflictReason::AlreadyMatched,
            "this bank payment is fully matched; nothing remains to exclude",
        )),
        State::Excluded => {
            Err(Error::conflict(ConflictReason::Excluded, "this bank payment is excluded already"))
        }
        State::Duplicate => Err(duplicate()),
        State::Pending => Ok(()),
    }
}

/// Fails with `NOT_EXCLUDED`, `IS_REFUND`, `IN_DETAILS` or `IN_TOTAL` unless a bank payment can be
/// reopened; `other` is the one that it is a duplicate of.
pub(super) fn require_reopenable(
    row: &Model,
    is_refund: bool,
    other: Option<&Model>,
) -> Result<()> {
    if row.set_aside_on.is_none() {
        return Err(Error::conflict(
            ConflictReason::NotExcluded,
            "this bank payment is not excluded",
        ));
    }
    if is_refund {
        return Err(Error::conflict(
            ConflictReason::IsRefund,
            "this bank payment is matched as a refund; reverse the refund instead",
        ));
    }
    other.map_or(Ok(()), |other| require_other_entry(row, other))
}

/// Fails with `NOT_OUTGOING`, `EXCLUDED` or `DUPLICATE` unless a bank payment can be a refund.
pub(in crate::payments) fn require_outgoing(row: &Model) -> Result<()> {
    if row.amount > Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NotOutgoing,
            "this bank payment is incoming; a refund is outgoing",
        ));
    }
    match state(row) {
        State::Pending => Ok(()),
        State::Duplicate => Err(Error::conflict(
            ConflictReason::Duplicate,
            "another bank payment stands for the same money; use that one",
        )),
        State::Excluded | State::Matched => Err(Error::conflict(
            ConflictReason::Excluded,
            "this bank payment is excluded, or is a refund already; reopen it first",
        )),
    }
}

fn duplicate() -> Error {
    let words =
        "another bank payment stands for the same money; match that one, or reopen this one first";
    Error::conflict(ConflictReason::Duplicate, words)
}

/// Rejects reopening a total that is reported payment by payment, or a payment of an entry whose
/// total counts: both would count twice.
fn require_other_entry(row: &Model, other: &Model) -> Result<()> {
    let is_total_of = |total: &Model, part: &Model| {
        total.entry_reference.is_none()
            && part.entry_reference.as_deref() == Some(total.bank_reference.as_str())
    };
    if is_total_of(row, other) {
        let words = "the bank reported this total payment by payment, and those payments count instead; match them";
        return Err(Error::conflict(ConflictReason::InDetails, words));
    }
    if is_total_of(other, row) {
        let words = "the total of this payment's entry counts instead; match the total, in parts if necessary";
        return Err(Error::conflict(ConflictReason::InTotal, words));
    }
    Ok(())
}

/// Returns the row of a bank payment that is excluded for a reason, which is cut to a line.
pub(in crate::payments) fn excluded(row: &Model, today: NaiveDate, reason: &str) -> Model {
    let reason: String = reason.chars().take(LINE).collect();
    Model { set_aside_on: Some(today), set_aside_reason: Some(reason), ..row.clone() }
}

/// Returns the row of a bank payment that counts again: it is neither excluded nor a duplicate.
pub(super) fn included(row: &Model) -> Model {
    Model { set_aside_on: None, set_aside_reason: None, duplicate_of_id: None, ..row.clone() }
}

/// Records that another bank payment stands for the money of this one, which no longer counts.
pub(super) fn stand_for(row: &mut Model, other: &Model, today: NaiveDate) {
    row.duplicate_of_id = Some(other.id);
    row.set_aside_on = Some(today);
    let reason: String =
        format!("Samma pengar som {}", other.bank_reference).chars().take(LINE).collect();
    row.set_aside_reason = Some(reason.trim_end().to_owned());
}

#[cfg(test)]
mod tests {
    use ::entity::id::BankPaymentId;

    use super::*;

    fn row(ore: i64, matched: i64) -> Model {
        Model {
            id: BankPaymentId::new(),
            bank_reference: "BG 1".into(),
            amount: Money(ore),
            matched: Money(matched),
            ..Model::default()
        }
    }

    fn today() -> NaiveDate {
        "2026-11-30".parse().unwrap()
    }

    fn is(found: &Result<()>, reason: ConflictReason) -> bool {
        matches!(found, Err(Error::Conflict { reason: found, .. }) if *found == reason)
    }

    #[test]
    fn only_a_waiting_payment_is_matched_or_excluded() {
        let waiting = row(800, 300);
        assert_eq!(state(&waiting), State::Pending);
        assert!(require_matchable(&waiting).is_ok() && require_excludable(&waiting).is_ok());
        let mut duplicate = row(800, 0);
        stand_for(&mut duplicate, &waiting, today());
        for (row, expected, reason) in [
            (row(800, 800), State::Matched, ConflictReason::AlreadyMatched),
            (
                excluded(&row(800, 300), today(), "Bidrag"),
                State::Excluded,
                ConflictReason::Excluded,
            ),
            (duplicate, State::Duplicate, ConflictReason::Duplicate),
        ] {
            assert_eq!(state(&row), expected);
            assert!(is(&require_matchable(&row), reason), "{expected:?}");
            assert!(is(&require_excludable(&row), reason), "{expected:?}");
        }
        // A return by the bank can be excluded, but pays no invoice.
        let returned = row(-800, 0);
        assert!(is(&require_matchable(&returned), ConflictReason::NotIncoming));
        assert!(require_excludable(&returned).is_ok());
    }

    #[test]
    fn only_outgoing_money_that_waits_is_a_refund() {
        let outgoing = row(-800, 0);
        assert!(require_outgoing(&outgoing).is_ok());
        assert!(is(&require_outgoing(&row(800, 0)), ConflictReason::NotOutgoing));
        let excluded = excluded(&outgoing, today(), "Lön");
        assert!(is(&require_outgoing(&excluded), ConflictReason::Excluded));
        let mut duplicate = outgoing.clone();
        stand_for(&mut duplicate, &row(-800, 0), today());
        assert!(is(&require_outgoing(&duplicate), ConflictReason::Duplicate));
    }

    #[test]
    fn money_that_another_entry_counts_is_not_reopened() {
        let waiting = row(800, 0);
        assert!(is(&require_reopenable(&waiting, false, None), ConflictReason::NotExcluded));
        let excluded = excluded(&waiting, today(), "Bidrag");
        assert!(require_reopenable(&excluded, false, None).is_ok());
        assert!(is(&require_reopenable(&excluded, true, None), ConflictReason::IsRefund));
        assert_eq!(included(&excluded), waiting);
        let total = Model { bank_reference: "E 3".into(), ..row(800, 0) };
        let part = Model { entry_reference: Some("E 3".into()), ..row(500, 0) };
        for (own, other, reason) in
            [(&total, &part, ConflictReason::InDetails), (&part, &total, ConflictReason::InTotal)]
        {
            let mut duplicate = own.clone();
            stand_for(&mut duplicate, other, today());
            assert!(is(&require_reopenable(&duplicate, false, Some(other)), reason), "{reason:?}");
        }
        let mut duplicate = waiting.clone();
        stand_for(&mut duplicate, &row(800, 0), today());
        assert!(require_reopenable(&duplicate, false, Some(&row(800, 0))).is_ok());
    }

    #[test]
    fn reasons_fit_in_a_line() {
        let long = "å".repeat(LINE + 1);
        let reason = |row: Model| row.set_aside_reason.unwrap().chars().count();
        assert_eq!(reason(excluded(&row(800, 0), today(), &long)), LINE);
        let mut duplicate = row(800, 0);
        stand_for(&mut duplicate, &Model { bank_reference: long, ..row(800, 0) }, today());
        assert_eq!(reason(duplicate), LINE);
    }
}
