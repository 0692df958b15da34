//! Bank payments in the books: what came in stands on the bank's account from its day there, and on an observation account until it is matched.
//!
//! So the bank's account in the books equals the bank's statement every day, whatever is matched later, reversed and matched again.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment,
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::{BankPaymentId, PaymentId},
    kind::VoucherSource,
    money::Money,
    payment,
    sparse::Sparse,
    voucher,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};

use crate::{
    database::{among, rows},
    error::Result,
};

/// Bank payments that are looked at together.
const CHUNK: usize = 500;

/// A payment of an invoice that was made of a bank payment.
struct Part {
    bank_payment: BankPaymentId,
    payment: payment::Model,
}

impl Part {
    /// `true` if it is booked straight from the bank's account: on the bank's day, and no reversal.
    fn is_direct(&self, bank_day: NaiveDate) -> bool {
        is_direct(&self.payment, bank_day)
    }
}

/// `true` if a payment is booked straight from the bank's account: on the day on which the bank had the money, and no reversal.
#[must_use]
pub fn is_direct(payment: &payment::Model, bank_day: NaiveDate) -> bool {
    payment.reverses_id.is_none() && payment.day_in_books() == bank_day
}

/// The bank payment, and the bank's day, of each of these payments that was made of one.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn bank_days(db: &impl ConnectionTrait, payments: &[PaymentId]) -> Result<HashMap<PaymentId, (BankPaymentId, NaiveDate)>> {
    let part = |column| Expr::col((bank_payment_part::Entity, column));
    let select = Query::select()
        .exprs([part(bank_payment_part::Column::PaymentId), Expr::col((Entity, Column::Id)), Expr::col((Entity, Column::BookedOn))])
        .from(bank_payment_part::Entity)
        .inner_join(Entity, part(bank_payment_part::Column::BankPaymentId).equals((Entity, Column::Id)))
        .and_where(among(db.get_database_backend(), part(bank_payment_part::Column::PaymentId), payments.iter().copied()))
        .take();
    let read = |row: &sea_orm::QueryResult| Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)));
    db.query_all(&select).await?.iter().map(read).collect()
}

/// What of the bank payments that the condition holds for stands on the observation account from their day on: what was not matched on that
/// day. Duplicates are left out, and refunds, which are booked as such. Below zero for what went out.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn observed(db: &impl ConnectionTrait, is_in: Condition) -> Result<Vec<(Model, Money)>> {
    let columns = [Column::Id, Column::BankReference, Column::BookedOn, Column::Amount];
    let select =
        Query::select().columns(columns).from(Entity).cond_where(is_in).and_where(Expr::col(Column::DuplicateOfId).is_null()).take();
    let mut found = Vec::new();
    let told: Vec<Model> = rows(db, &select, &columns).await?;
    for chunk in told.chunks(CHUNK) {
        let ids: BTreeSet<BankPaymentId> = chunk.iter().map(|row| row.id).collect();
        let (parts, refunds) = (parts(db, &ids).await?, refunds(db, &ids).await?);
        for row in chunk.iter().filter(|row| !refunds.contains(&row.id)) {
            let direct = parts.iter().filter(|part| part.bank_payment == row.id && part.is_direct(row.booked_on));
            let left = row.amount - direct.map(|part| part.payment.amount).sum();
            if left != Money::ZERO {
                found.push((row.clone(), left));
            }
        }
    }
    Ok(found)
}

/// Those of these bank payments that have a voucher of their own: they stand on the observation account in what was exported, or in the books
/// that they were imported from.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn with_voucher(db: &impl ConnectionTrait, ids: &BTreeSet<BankPaymentId>) -> Result<BTreeSet<BankPaymentId>> {
    use voucher::Column as V;
    let select = Query::select()
        .column(V::SourceId)
        .from(voucher::Entity)
        .and_where(V::Source.eq(VoucherSource::BankPayment))
        .and_where(among(db.get_database_backend(), Expr::col(V::SourceId), ids.iter().copied()))
        .take();
    db.query_all(&select).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

async fn parts(db: &impl ConnectionTrait, ids: &BTreeSet<BankPaymentId>) -> Result<Vec<Part>> {
    let part = |column| Expr::col((bank_payment_part::Entity, column));
    let columns = payment::Model::every_column();
    let select = Query::select()
        .columns(columns.iter().map(|column| (payment::Entity, *column)))
        .expr(part(bank_payment_part::Column::BankPaymentId))
        .from(bank_payment_part::Entity)
        .inner_join(payment::Entity, part(bank_payment_part::Column::PaymentId).equals((payment::Entity, payment::Column::Id)))
        .and_where(among(db.get_database_backend(), part(bank_payment_part::Column::BankPaymentId), ids.iter().copied()))
        .take();
    let found = db.query_all(&select).await?;
    let part = |row: &sea_orm::QueryResult| {
        Ok(Part { bank_payment: row.try_get_by_index(columns.len())?, payment: payment::Model::read(row, &columns)? })
    };
    found.iter().map(part).collect()
}

/// Those of these bank payments that are refunds which were not reversed.
pub(super) async fn refunds(db: &impl ConnectionTrait, ids: &BTreeSet<BankPaymentId>) -> Result<BTreeSet<BankPaymentId>> {
    use adjustment::Column as A;
    let own = |column: A| Expr::col((adjustment::Entity, column));
    let reversed = Query::select()
        .expr(Expr::cust("1"))
        .from_as(adjustment::Entity, "reversal")
        .and_where(Expr::col(("reversal", A::ReversesId)).eq(own(A::Id)))
        .take();
    let select = Query::select()
        .expr(own(A::BankPaymentId))
        .from(adjustment::Entity)
        .and_where(among(db.get_database_backend(), own(A::BankPaymentId), ids.iter().copied()))
        .and_where(Expr::exists(reversed).not())
        .take();
    db.query_all(&select).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_booked_on_the_banks_day_comes_straight_from_the_bank() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let own = payment::Model { received_on: day("2026-02-10"), ..payment::Model::default() };
        assert!(is_direct(&own, day("2026-02-10")) && !is_direct(&own, day("2026-02-09")));
        assert!(!is_direct(&payment::Model { booked_on: Some(day("2026-03-02")), ..own.clone() }, day("2026-02-10")));
        assert!(!is_direct(&payment::Model { reverses_id: Some(PaymentId::new()), ..own }, day("2026-02-10")));
    }
}
