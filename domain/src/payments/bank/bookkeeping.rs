//! Loading of bank payments with their bookings, and checks of changes on closed days.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{
    adjustment,
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::{AdjustmentId, BankPaymentId, PaymentId},
    kind::{AdjustmentKind, VoucherSource},
    money::Money,
    partial::PartialRow,
    voucher,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::{
    observation::{Observed, Part, voucher_day},
    parts,
};
use crate::{
    books::{
        Closing,
        exported::{Exported, Key},
    },
    database::{among, rows},
    error::{ConflictReason, Error, Result},
};

/// The columns of bank payments that their vouchers need.
const COLUMNS: [Column; 7] = [
    Column::Id,
    Column::BankReference,
    Column::BookedOn,
    Column::PostedOn,
    Column::Amount,
    Column::SetAsideOn,
    Column::DuplicateOfId,
];

/// Loads these bank payments with their parts.
pub async fn observed(
    db: &impl ConnectionTrait,
    ids: &BTreeSet<BankPaymentId>,
) -> Result<HashMap<BankPaymentId, Observed>> {
    let theirs = among(db.get_database_backend(), Expr::col(Column::Id), ids.iter().copied());
    let select = Query::select().columns(COLUMNS).from(Entity).and_where(theirs).take();
    let found = rows::<Model>(db, &select, &COLUMNS).await?;
    let mut found: HashMap<BankPaymentId, Observed> =
        found.into_iter().map(|row| (row.id, Observed { row, parts: Vec::new() })).collect();
    let parts = parts::payments_of(db, ids.iter().copied(), &[])
        .await?
        .into_iter()
        .map(|(row, payment)| (row, Part::of_payment(&payment)));
    let refunds =
        refunds_of(db, ids).await?.into_iter().map(|(row, refund)| (row, Part::of_refund(&refund)));
    for (row, part) in parts.chain(refunds) {
        if let Some(own) = found.get_mut(&row) {
            own.parts.push(part);
        }
    }
    Ok(found)
}

/// Returns the bank payment that each of these payments was made from; manually recorded payments
/// are left out.
pub async fn of_payments(
    db: &impl ConnectionTrait,
    payments: &[PaymentId],
) -> Result<HashMap<PaymentId, BankPaymentId>> {
    use bank_payment_part::Column as P;
    let select = Query::select()
        .columns([P::PaymentId, P::BankPaymentId])
        .from(bank_payment_part::Entity)
        .and_where(among(
            db.get_database_backend(),
            Expr::col(P::PaymentId),
            payments.iter().copied(),
        ))
        .take();
    db.query_all(&select)
        .await?
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}

/// Returns the bank payment that each of these refunds, or the refund that it reverses, was made
/// from; others are left out.
pub async fn of_refunds(
    db: &impl ConnectionTrait,
    refunds: &[adjustment::Model],
) -> Result<HashMap<AdjustmentId, BankPaymentId>> {
    use adjustment::Column as A;
    let reversed: Vec<AdjustmentId> = refunds.iter().filter_map(|own| own.reverses_id).collect();
    let columns = [A::Id, A::BankPaymentId];
    let theirs = among(db.get_database_backend(), Expr::col(A::Id), reversed);
    let select = Query::select().columns(columns).from(adjustment::Entity).and_where(theirs).take();
    let reversed: HashMap<AdjustmentId, Option<BankPaymentId>> =
        rows::<adjustment::Model>(db, &select, &columns)
            .await?
            .into_iter()
            .map(|row| (row.id, row.bank_payment_id))
            .collect();
    let of = |own: &adjustment::Model| {
        own.bank_payment_id.or_else(|| reversed.get(&own.reverses_id?).copied().flatten())
    };
    Ok(refunds.iter().filter_map(|own| Some((own.id, of(own)?))).collect())
}

/// Returns the refunds of these bank payments, and their reversals.
async fn refunds_of(
    db: &impl ConnectionTrait,
    ids: &BTreeSet<BankPaymentId>,
) -> Result<Vec<(BankPaymentId, adjustment::Model)>> {
    use adjustment::Column as A;
    let (backend, columns) = (db.get_database_backend(), adjustment::Model::every_column());
    let select = |theirs: SimpleExpr| {
        Query::select()
            .columns(columns.iter().copied())
            .from(adjustment::Entity)
            .and_where(theirs)
            .take()
    };
    let own: Vec<adjustment::Model> = rows(
        db,
        &select(among(backend, Expr::col(A::BankPaymentId), ids.iter().copied())),
        &columns,
    )
    .await?;
    let rows_of: HashMap<AdjustmentId, BankPaymentId> =
        own.iter().filter_map(|own| Some((own.id, own.bank_payment_id?))).collect();
    let reversing =
        among(backend, Expr::col(A::ReversesId), rows_of.keys().copied().collect::<Vec<_>>());
    let reversals: Vec<adjustment::Model> = rows(db, &select(reversing), &columns).await?;
    let row_of = |own: &adjustment::Model| {
        own.bank_payment_id.or_else(|| rows_of.get(&own.reverses_id?).copied())
    };
    let known: BTreeSet<AdjustmentId> = own.iter().map(|own| own.id).collect();
    let reversals = reversals.into_iter().filter(|own| !known.contains(&own.id));
    let all = own.iter().cloned().chain(reversals).filter(|own| own.kind == AdjustmentKind::Refund);
    Ok(all.filter_map(|own| Some((row_of(&own)?, own))).collect())
}

/// Returns those of these bank payments that are refunds that were not reversed.
pub(super) async fn refunds(
    db: &impl ConnectionTrait,
    ids: &BTreeSet<BankPaymentId>,
) -> Result<BTreeSet<BankPaymentId>> {
    let found = refunds_of(db, ids).await?;
    let reversed: BTreeSet<AdjustmentId> =
        found.iter().filter_map(|(_, own)| own.reverses_id).collect();
    let in_force = found
        .into_iter()
        .filter(|(_, own)| own.reverses_id.is_none() && !reversed.contains(&own.id));
    Ok(in_force.map(|(row, _)| row).collect())
}

/// Returns the last day in the books on which a refund made from a bank payment was reversed;
/// `None` if there is none.
pub async fn refund_reversed_on(
    db: &impl ConnectionTrait,
    id: BankPaymentId,
) -> Result<Option<NaiveDate>> {
    let found = refunds_of(db, &BTreeSet::from([id])).await?;
    Ok(found
        .into_iter()
        .filter(|(_, own)| own.reverses_id.is_some())
        .map(|(_, own)| own.day_in_books())
        .max())
}

/// Rejects a change of a source on a closed day, unless the source was exported or booked
/// elsewhere: then the exported voucher stays, and a correcting voucher follows on an open day.
///
/// # Errors
/// CONFLICT `PERIOD_CLOSED`.
pub async fn require_correctable(
    db: &impl ConnectionTrait,
    closing: Closing,
    key: Key,
    day: NaiveDate,
) -> Result<()> {
    if is_correctable(db, closing, key, day).await? {
        Ok(())
    } else {
        Err(not_correctable(closing, day))
    }
}

/// `true` if the day is open, or if the source was exported or booked elsewhere, so that no closed
/// day changes with it.
pub async fn is_correctable(
    db: &impl ConnectionTrait,
    closing: Closing,
    key: Key,
    day: NaiveDate,
) -> Result<bool> {
    Ok(!closing.is_closed(day) || has_voucher(db, key).await?)
}

/// `true` if a source was exported or booked elsewhere.
pub async fn has_voucher(db: &impl ConnectionTrait, (source, id): Key) -> Result<bool> {
    let select = Query::select()
        .expr(Expr::cust("1"))
        .from(voucher::Entity)
        .and_where(Expr::col(voucher::Column::Source).eq(source))
        .and_where(Expr::col(voucher::Column::SourceId).eq(id))
        .limit(1)
        .take();
    Ok(db.query_one(&select).await?.is_some())
}

/// Returns those of these bank payments that were exported or booked elsewhere.
pub async fn with_voucher(
    db: &impl ConnectionTrait,
    ids: &[BankPaymentId],
) -> Result<HashSet<BankPaymentId>> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let theirs =
        among(db.get_database_backend(), Expr::col(voucher::Column::SourceId), ids.iter().copied());
    let select = Query::select()
        .column(voucher::Column::SourceId)
        .from(voucher::Entity)
        .and_where(Expr::col(voucher::Column::Source).eq(VoucherSource::BankPayment))
        .and_where(theirs)
        .take();
    db.query_all(&select).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Rejects marking a bank payment as a duplicate, or reopening one, if that would change a closed
/// day of it. A bank payment whose payments were all booked straight from the bank's account has no
/// voucher of its own, and changes no closed day.
///
/// # Errors
/// CONFLICT `PERIOD_CLOSED`.
pub async fn require_markable(
    db: &impl ConnectionTrait,
    closing: Closing,
    row: &Model,
) -> Result<()> {
    let day = voucher_day(row);
    if is_correctable(db, closing, (VoucherSource::BankPayment, row.id.into()), day).await? {
        return Ok(());
    }
    let exported = Exported::load(db).await?;
    let own = observed(db, &BTreeSet::from([row.id])).await?.remove(&row.id);
    let has_none = own.is_some_and(|own| own.left(&exported) == Money::ZERO);
    if has_none { Ok(()) } else { Err(not_correctable(closing, day)) }
}

fn not_correctable(closing: Closing, day: NaiveDate) -> Error {
    let through = closing.through.unwrap_or(day);
    let words = format!(
        "the books are closed through {through}, and the bookings of {day} are in no export batch yet: make the next batch first, so that a later \
         one corrects it, or reopen the period"
    );
    Error::conflict(ConflictReason::PeriodClosed, words)
}
