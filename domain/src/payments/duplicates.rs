//! Duplicates: bank payments that a user recognizes as the same money as others.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::{BankPaymentId, PaymentId},
    money::Money,
    partial::PartialRow,
    payment,
};
use chrono::Days;
use sea_orm::{
    ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};

use super::twins;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    database::{Database, among, rows},
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    payments::bank::{
        self, State, bookkeeping, import::stand_for, manual_payments::MAX_DAYS_APART, state,
    },
};

/// Marks a bank payment as a duplicate of another, which stands for it from now on; the duplicate
/// no longer counts.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; INVALID for different amounts; NOT_FOUND;
/// CONFLICT `ALREADY_MATCHED` if a part of it is matched, `DUPLICATE` if one of the two is a
/// duplicate itself or stands for others, or `PERIOD_CLOSED` if its own voucher is of a closed day
/// and of no export batch.
pub async fn mark(
    ctx: Context<'_>,
    id: BankPaymentId,
    duplicate_of: BankPaymentId,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    let change = audit::begin(ctx, Action::BankPaymentMarkDuplicate).await?;
    if !errors.is_empty() {
        return errors.finish();
    }
    let before = bank::find(change.tx(), id).await?;
    let other = bank::find(change.tx(), duplicate_of).await?;
    errors.expect(
        id != duplicate_of,
        "duplicate_of_id",
        FieldErrorCode::NotAllowed.problem("must be another bank payment"),
    );
    if before.amount != other.amount {
        errors.add(
            "duplicate_of_id",
            FieldErrorCode::Mismatch.problem(format!(
                "must be of the same amount, {}: it is of {}",
                before.amount, other.amount
            )),
        );
    }
    errors.finish()?;
    if before.matched != Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::AlreadyMatched,
            "a part of this bank payment is matched; reverse its payments first",
        ));
    }
    let stands_for = Entity::find().filter(Column::DuplicateOfId.eq(id)).one(change.tx()).await?;
    if stands_for.is_some()
        || [&before, &other].into_iter().any(|row| state(row) == State::Duplicate)
    {
        let words = "one of the two is a duplicate already or has duplicates; name the bank payment that counts";
        return Err(Error::conflict(ConflictReason::Duplicate, words));
    }
    bookkeeping::require_markable(change.tx(), Closing::load(change.tx()).await?, &before).await?;
    let mut after = before.clone();
    stand_for(&mut after, &other, ctx.clock.today());
    bank::replace(change, &before, after).await
}

/// Returns the duplicates of each of these bank payments, in the order of their arrival.
pub async fn of(db: &Database, ids: &[BankPaymentId]) -> Result<Vec<Model>> {
    let theirs = among(db.backend(), Expr::col(Column::DuplicateOfId), ids.iter().copied());
    Ok(Entity::find().filter(theirs).order_by_asc(Column::Id).all(db.read()).await?)
}

/// Payments that may be the same money as a bank payment.
#[derive(Clone, Debug, Default)]
pub struct Possible {
    /// Other bank payments, the earliest first.
    pub bank_payments: Vec<Model>,
    /// Payments of invoices that no bank file has reported, by day.
    pub payments: Vec<payment::Model>,
}

/// Returns the payments that may be the same money as each of these bank payments; none for a bank
/// payment that is not waiting.
pub async fn possible(
    ctx: Context<'_>,
    ids: &[BankPaymentId],
) -> Result<HashMap<BankPaymentId, Possible>> {
    let found = bank::by_ids(ctx, ids, &Model::every_column()).await?;
    let waiting: Vec<Model> = found
        .into_iter()
        .filter(|row| state(row) == State::Pending && row.amount > Money::ZERO)
        .collect();
    let (mut alike, recorded) =
        (twins::alike(ctx.db.read(), &waiting).await?, recorded(ctx.db, &waiting).await?);
    let of = |row: &Model| {
        let is_near = |payment: &&payment::Model| {
            payment.amount == row.amount
                && (payment.received_on - row.booked_on).num_days().abs() <= MAX_DAYS_APART
        };
        let payments = recorded.iter().filter(is_near).cloned().collect();
        (row.id, Possible { bank_payments: alike.remove(&row.id).unwrap_or_default(), payments })
    };
    Ok(waiting.iter().map(of).collect())
}

/// Returns payments with the same sums and close days that no bank file has reported.
async fn recorded(db: &Database, waiting: &[Model]) -> Result<Vec<payment::Model>> {
    let days = waiting.iter().map(|row| row.booked_on);
    let (Some(first), Some(last)) = (days.clone().min(), days.max()) else { return Ok(Vec::new()) };
    let apart = Days::new(MAX_DAYS_APART.unsigned_abs());
    let (from, to) = (
        first.checked_sub_days(apart).unwrap_or(first),
        last.checked_add_days(apart).unwrap_or(last),
    );
    let amounts: BTreeSet<Money> = waiting.iter().map(|row| row.amount).collect();
    let own = |column: payment::Column| Expr::col((payment::Entity, column));
    let of_bank = Query::select()
        .expr(Expr::cust("1"))
        .from(bank_payment_part::Entity)
        .and_where(
            Expr::col((bank_payment_part::Entity, bank_payment_part::Column::PaymentId))
                .eq(own(payment::Column::Id)),
        )
        .take();
    let found = payment::Entity::find()
        .filter(own(payment::Column::Amount).is_in(amounts))
        .filter(own(payment::Column::ReceivedOn).between(from, to))
        .filter(Expr::exists(of_bank).not())
        .order_by_asc(payment::Column::ReceivedOn)
        .order_by_asc(payment::Column::Id)
        .all(db.read())
        .await?;
    let reversed = reversed(db, &found).await?;
    Ok(found.into_iter().filter(|payment| !reversed.contains(&payment.id)).collect())
}

/// Returns those of these payments that were reversed.
async fn reversed(db: &Database, payments: &[payment::Model]) -> Result<BTreeSet<PaymentId>> {
    let columns = [payment::Column::ReversesId];
    let theirs = among(
        db.backend(),
        Expr::col(payment::Column::ReversesId),
        payments.iter().map(|payment| payment.id),
    );
    let select = Query::select().columns(columns).from(payment::Entity).and_where(theirs).take();
    let found: Vec<payment::Model> = rows(db.read(), &select, &columns).await?;
    Ok(found.into_iter().filter_map(|payment| payment.reverses_id).collect())
}
