//! Duplicates: bank payments that people find to be of the same money as others.

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
    audit,
    auth::viewer::{Permission, Viewer},
    books::Closing,
    database::{Database, among, rows},
    error::{Error, Result, ValidationErrors},
    payments::bank::{
        self, State, bookkeeping, import::stand_for, manual_payments::DAYS_APART, state,
    },
};

/// Notes that a bank payment is of the same money as another, which stands for it from now on: it
/// counts no more.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, INVALID for two of different amounts, NOT_FOUND,
/// CONFLICT `ALREADY_MATCHED` when some of it is matched, `DUPLICATE` when one of the two is a
/// duplicate itself or stands for others, or `PERIOD_CLOSED` for one whose own voucher is of a
/// closed day and of no export batch.
pub async fn mark(
    db: &Database,
    viewer: &Viewer,
    id: BankPaymentId,
    of: BankPaymentId,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    let change = audit::begin(db, viewer, "bankPaymentMarkDuplicate").await?;
    if !errors.is_empty() {
        return errors.finish();
    }
    let (before, other) = (bank::find(change.tx(), id).await?, bank::find(change.tx(), of).await?);
    errors.expect(id != of, "input.duplicateOf", "must be another bank payment");
    if before.amount != other.amount {
        errors.add(
            "input.duplicateOf",
            format!("must be of the same amount, {}: it is of {}", before.amount, other.amount),
        );
    }
    errors.finish()?;
    if before.matched != Money::ZERO {
        return Err(Error::conflict(
            "ALREADY_MATCHED",
            "some of this bank payment is matched: reverse the payments that were made of it first",
        ));
    }
    let stands_for = Entity::find().filter(Column::DuplicateOfId.eq(id)).one(change.tx()).await?;
    if stands_for.is_some()
        || [&before, &other].into_iter().any(|row| state(row) == State::Duplicate)
    {
        let words = "one of the two is a duplicate already, or stands for others: name the bank payment that counts";
        return Err(Error::conflict("DUPLICATE", words));
    }
    bookkeeping::require_markable(change.tx(), Closing::load(change.tx()).await?, &before).await?;
    let mut after = before.clone();
    stand_for(&mut after, &other, db.clock.today());
    bank::replace(change, &before, after).await
}

/// The bank payments that another stands for, in the order in which they came: those of each of
/// these.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of(db: &Database, ids: &[BankPaymentId]) -> Result<Vec<Model>> {
    let theirs = among(db.backend(), Expr::col(Column::DuplicateOfId), ids.iter().copied());
    Ok(Entity::find().filter(theirs).order_by_asc(Column::Id).all(db.read()).await?)
}

/// Payments that may be of the same money as a bank payment.
#[derive(Clone, Debug, Default)]
pub struct Possible {
    /// Other bank payments, the first one first.
    pub bank_payments: Vec<Model>,
    /// Payments of invoices that no file of the bank told of, by day.
    pub payments: Vec<payment::Model>,
}

/// Returns the payments that may be of the same money as each of these bank payments; none for one
/// that does not wait.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn possible(
    db: &Database,
    viewer: &Viewer,
    ids: &[BankPaymentId],
) -> Result<HashMap<BankPaymentId, Possible>> {
    let found = bank::by_ids(db, viewer, ids, &Model::every_column()).await?;
    let waiting: Vec<Model> = found
        .into_iter()
        .filter(|row| state(row) == State::Waiting && row.amount > Money::ZERO)
        .collect();
    let (mut alike, recorded) =
        (twins::alike(db.read(), &waiting).await?, recorded(db, &waiting).await?);
    let of = |row: &Model| {
        let is_near = |payment: &&payment::Model| {
            payment.amount == row.amount
                && (payment.received_on - row.booked_on).num_days().abs() <= DAYS_APART
        };
        let payments = recorded.iter().filter(is_near).cloned().collect();
        (row.id, Possible { bank_payments: alike.remove(&row.id).unwrap_or_default(), payments })
    };
    Ok(waiting.iter().map(of).collect())
}

/// Payments of the same sums and about the same days that no file of the bank told of.
async fn recorded(db: &Database, waiting: &[Model]) -> Result<Vec<payment::Model>> {
    let days = waiting.iter().map(|row| row.booked_on);
    let (Some(first), Some(last)) = (days.clone().min(), days.max()) else { return Ok(Vec::new()) };
    let apart = Days::new(DAYS_APART.unsigned_abs());
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
