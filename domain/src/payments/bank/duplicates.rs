//! Reads of duplicates of bank payments, and of payments that may be duplicates.

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
    EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};

use super::{
    deduplication::alike,
    manual_payments::MAX_DAYS_APART,
    status::{State, state},
};
use crate::{
    context::Context,
    database::{among, rows},
    error::Result,
    payments::bank,
};

/// Returns the duplicates of each of these bank payments, in the order of their arrival.
pub async fn of(ctx: Context<'_>, ids: &[BankPaymentId]) -> Result<Vec<Model>> {
    let theirs = among(ctx.db.backend(), Expr::col(Column::DuplicateOfId), ids.iter().copied());
    Ok(Entity::find().filter(theirs).order_by_asc(Column::Id).all(ctx.db.read()).await?)
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
        (alike(ctx.db.read(), &waiting).await?, recorded(ctx, &waiting).await?);
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
async fn recorded(ctx: Context<'_>, waiting: &[Model]) -> Result<Vec<payment::Model>> {
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
        .all(ctx.db.read())
        .await?;
    let reversed = reversed(ctx, &found).await?;
    Ok(found.into_iter().filter(|payment| !reversed.contains(&payment.id)).collect())
}

/// Returns those of these payments that were reversed.
async fn reversed(ctx: Context<'_>, payments: &[payment::Model]) -> Result<BTreeSet<PaymentId>> {
    let columns = [payment::Column::ReversesId];
    let theirs = among(
        ctx.db.backend(),
        Expr::col(payment::Column::ReversesId),
        payments.iter().map(|payment| payment.id),
    );
    let select = Query::select().columns(columns).from(payment::Entity).and_where(theirs).take();
    let found: Vec<payment::Model> = rows(ctx.db.read(), &select, &columns).await?;
    Ok(found.into_iter().filter_map(|payment| payment.reverses_id).collect())
}
