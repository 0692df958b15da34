//! Bank payments in the books: a receipt is on the bank's account from its day there, and on an
//! observation account until it is matched.
//!
//! So the bank's account in the books equals the bank's statement every day, independent of later
//! matches and reversals. A payment or refund that is booked on the bank's own day comes straight
//! from the bank's account. Any other, and every reversal, moves the observation account.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment,
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::{AdjustmentId, BankPaymentId, PaymentId},
    kind::{AdjustmentKind, VoucherSource},
    money::Money,
    partial::PartialRow,
    payment, voucher,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query, SimpleExpr},
};

use crate::books::exported::{Exported, Key};
use crate::{
    books::Closing,
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

/// A payment or refund that was made of a bank payment, or the reversal of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The source of its vouchers.
    pub key: Key,
    /// Day in the books.
    pub day: NaiveDate,
    /// `true` if it reverses another.
    pub is_reversal: bool,
    /// Amount that it adds to the bank's account or subtracts from the observation account, öre;
    /// negative for a refund.
    pub amount: Money,
}

impl Part {
    /// Returns a payment as a part.
    #[must_use]
    pub fn of_payment(payment: &payment::Model) -> Self {
        Self {
            key: (VoucherSource::Payment, payment.id.into()),
            day: payment.day_in_books(),
            is_reversal: payment.reverses_id.is_some(),
            amount: payment.amount,
        }
    }

    /// Returns a refund as a part.
    #[must_use]
    pub fn of_refund(refund: &adjustment::Model) -> Self {
        Self {
            key: (VoucherSource::Adjustment, refund.id.into()),
            day: refund.day_in_books(),
            is_reversal: refund.reverses_id.is_some(),
            amount: -refund.amount,
        }
    }

    /// `true` if it is booked straight from the bank's account: on the day of the bank payment, and
    /// no reversal. A payment that was recorded manually on the bank's own day stays so if its row
    /// comes after that day was closed. A part of a bank payment that was exported on the
    /// observation account, or booked elsewhere, is taken from there. A payment that was booked
    /// elsewhere counts as booked on the bank's account there.
    #[must_use]
    pub fn is_direct(&self, row: &Model, exported: &Exported) -> bool {
        let of_row = (VoucherSource::BankPayment, row.id.into());
        let (is_elsewhere, is_row_elsewhere) =
            (exported.is_elsewhere(self.key), exported.is_elsewhere(of_row));
        if self.is_reversal {
            return false;
        }
        if is_elsewhere && !is_row_elsewhere {
            return true;
        }
        let is_observed = is_row_elsewhere || exported.is_exported(of_row);
        let is_own_day = self.day == row.day_in_books()
            || (row.posted_on.is_some() && self.day == row.booked_on);
        is_own_day && (is_elsewhere || !is_observed || exported.bank(self.key) != Money::ZERO)
    }
}

/// Returns the day of a bank payment's own voucher: its day in the books, or for a duplicate the
/// day on which it was marked. That day was open then, and a later closing does not move it.
#[must_use]
pub fn voucher_day(row: &Model) -> NaiveDate {
    row.set_aside_on.filter(|_| row.duplicate_of_id.is_some()).unwrap_or_else(|| row.day_in_books())
}

/// A bank payment with its parts.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Columns of the bank payment that are needed.
    pub row: Model,
    /// Its parts, in no order.
    pub parts: Vec<Part>,
}

impl Observed {
    /// Returns the sum on the observation account from its day on, öre: all but its direct parts.
    /// Negative for outgoing money. Zero for a duplicate.
    #[must_use]
    pub fn left(&self, exported: &Exported) -> Money {
        let amount = if self.row.duplicate_of_id.is_some() { Money::ZERO } else { self.row.amount };
        amount
            - self
                .parts
                .iter()
                .filter(|part| part.is_direct(&self.row, exported))
                .map(|part| part.amount)
                .sum()
    }
}

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
    let parts = payments_of(db, ids)
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

async fn payments_of(
    db: &impl ConnectionTrait,
    ids: &BTreeSet<BankPaymentId>,
) -> Result<Vec<(BankPaymentId, payment::Model)>> {
    let part = |column| Expr::col((bank_payment_part::Entity, column));
    let columns = payment::Model::every_column();
    let select = Query::select()
        .columns(columns.iter().map(|column| (payment::Entity, *column)))
        .expr(part(bank_payment_part::Column::BankPaymentId))
        .from(bank_payment_part::Entity)
        .inner_join(
            payment::Entity,
            part(bank_payment_part::Column::PaymentId)
                .equals((payment::Entity, payment::Column::Id)),
        )
        .and_where(among(
            db.get_database_backend(),
            part(bank_payment_part::Column::BankPaymentId),
            ids.iter().copied(),
        ))
        .take();
    let found = db.query_all(&select).await?;
    found
        .iter()
        .map(|row| Ok((row.try_get_by_index(columns.len())?, payment::Model::read(row, &columns)?)))
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn row(ore: i64) -> Model {
        Model {
            id: BankPaymentId::new(),
            booked_on: day("2026-02-10"),
            amount: Money(ore),
            ..Model::default()
        }
    }

    fn payment(on: &str, ore: i64) -> payment::Model {
        payment::Model {
            id: PaymentId::new(),
            received_on: day(on),
            amount: Money(ore),
            ..payment::Model::default()
        }
    }

    #[test]
    fn only_bookings_on_the_banks_day_come_straight_from_the_bank() {
        let (row, nothing) = (row(800), Exported::default());
        let is_direct =
            |payment: &payment::Model| Part::of_payment(payment).is_direct(&row, &nothing);
        let own = payment("2026-02-10", 800);
        assert!(is_direct(&own) && !is_direct(&payment("2026-02-09", 800)));
        assert!(!is_direct(&payment::Model { booked_on: Some(day("2026-03-02")), ..own.clone() }));
        assert!(!is_direct(&payment::Model { reverses_id: Some(PaymentId::new()), ..own.clone() }));
        // A row that came after its day was closed.
        let late = Model { posted_on: Some(day("2026-03-01")), ..row.clone() };
        let late_payment = payment::Model { booked_on: Some(day("2026-03-01")), ..own.clone() };
        assert!(Part::of_payment(&late_payment).is_direct(&late, &nothing));
        assert!(
            Part::of_payment(&own).is_direct(&late, &nothing),
            "recorded manually before the day was closed"
        );
        assert!(!Part::of_payment(&payment("2026-02-09", 800)).is_direct(&late, &nothing));
    }

    #[test]
    fn the_rest_is_all_but_the_direct_parts() {
        let nothing = Exported::default();
        let paid = payment("2026-02-10", 500);
        let reversal = payment::Model {
            amount: Money(-500),
            reverses_id: Some(paid.id),
            ..payment("2026-02-12", 0)
        };
        let parts = vec![Part::of_payment(&paid), Part::of_payment(&reversal)];
        let aggregate = Observed { row: row(800), parts };
        assert_eq!(aggregate.left(&nothing), Money(300));
        // Nothing of a duplicate counts, not even a match that was reversed.
        let duplicate = Observed {
            row: Model { duplicate_of_id: Some(BankPaymentId::new()), ..aggregate.row.clone() },
            ..aggregate
        };
        assert_eq!(duplicate.left(&nothing), Money(-500));
        // A refund is negative, and its reversal is on the observation account.
        let refund = adjustment::Model {
            id: AdjustmentId::new(),
            dated_on: day("2026-02-10"),
            amount: Money(75),
            ..adjustment::Model::default()
        };
        let reversal = adjustment::Model {
            id: AdjustmentId::new(),
            amount: Money(-75),
            reverses_id: Some(refund.id),
            ..refund.clone()
        };
        let paid_back = Observed {
            row: row(-75),
            parts: vec![Part::of_refund(&refund), Part::of_refund(&reversal)],
        };
        assert_eq!(paid_back.left(&nothing), Money::ZERO);
    }
}
