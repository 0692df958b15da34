//! Status of a bank payment, and the mutations that it allows.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    id::BankPaymentId,
    money::Money,
};
use sea_orm::{EntityTrait, QueryFilter, sea_query::Expr};

use super::bookkeeping;
use crate::{
    auth::viewer::{Permission, Viewer},
    context::Context,
    database::among,
    error::{ConflictReason, Error, Result},
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
pub fn can_match(viewer: &Viewer, row: &Model) -> bool {
    viewer.has(Permission::ManageInvoices) && require_matchable(row).is_ok()
}

/// Returns `true` if the viewer may exclude the rest of the bank payment.
#[must_use]
pub fn can_exclude(viewer: &Viewer, row: &Model) -> bool {
    viewer.has(Permission::ManageInvoices) && require_excludable(row).is_ok()
}

/// Returns those of these bank payments that the viewer may reopen. A closed period may still
/// prevent it.
pub async fn reopenable(ctx: Context<'_>, rows: &[Model]) -> Result<HashSet<BankPaymentId>> {
    if !ctx.viewer.has(Permission::ManageInvoices) {
        return Ok(HashSet::new());
    }
    let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let refunds = bookkeeping::refunds(ctx.db.read(), &ids).await?;
    let others = rows.iter().filter_map(|row| row.duplicate_of_id);
    let others = Entity::find().filter(among(ctx.db.backend(), Expr::col(Column::Id), others));
    let others: HashMap<BankPaymentId, Model> =
        others.all(ctx.db.read()).await?.into_iter().map(|row| (row.id, row)).collect();
    let can = |row: &&Model| {
        let other = row.duplicate_of_id.and_then(|id| others.get(&id));
        require_reopenable(row, refunds.contains(&row.id), other).is_ok()
    };
    Ok(rows.iter().filter(can).map(|row| row.id).collect())
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
