//! Reopening of bank payments that were excluded or marked as duplicates.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    id::BankPaymentId,
};
use sea_orm::{EntityTrait, QueryFilter, sea_query::Expr};

use super::{bookkeeping, status};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    database::among,
    error::{Result, ValidationErrors},
    payments::bank,
};

/// Reopens a bank payment that was excluded or marked as a duplicate.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID for a bad id, NOT_FOUND, CONFLICT
/// `NOT_EXCLUDED`, `IS_REFUND` for a refund that was not reversed, `IN_DETAILS` for a total whose
/// payments count instead, `IN_TOTAL` for a payment whose total counts instead, or `PERIOD_CLOSED`
/// for a duplicate whose voucher is of a closed day and of no export batch.
pub async fn reopen(ctx: Context<'_>, id: BankPaymentId, errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    errors.finish()?;
    let change = audit::begin(ctx, Action::BankPaymentReopen).await?;
    let before = bank::find(change.tx(), id).await?;
    let refunds = bookkeeping::refunds(change.tx(), &BTreeSet::from([id])).await?;
    let other = match before.duplicate_of_id {
        Some(other) => Some(bank::find(change.tx(), other).await?),
        None => None,
    };
    status::require_reopenable(&before, !refunds.is_empty(), other.as_ref())?;
    let mut after = status::included(&before);
    if before.duplicate_of_id.is_some() {
        let closing = Closing::load(change.tx()).await?;
        bookkeeping::require_markable(change.tx(), closing, &before).await?;
        // It counts from now on, and never on a closed day.
        after.posted_on = closing.booked_on(before.day_in_books()).or(before.posted_on);
    }
    bank::replace(change, &before, after).await
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
        status::require_reopenable(row, refunds.contains(&row.id), other).is_ok()
    };
    Ok(rows.iter().filter(can).map(|row| row.id).collect())
}
