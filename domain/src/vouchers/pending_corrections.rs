//! Loading of the correcting vouchers that are in no export batch yet.

use std::collections::BTreeSet;

use ::entity::{
    adjustment,
    id::{AdjustmentId, BankPaymentId, PaymentId},
    kind::{AdjustmentKind, VoucherSource},
    partial::PartialRow,
};
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};

use super::corrections::{Correction, of_bank_payment};
use crate::{
    books::{Closing, exported::Exported},
    config::Accounts,
    database::{among, rows},
    error::Result,
    payments::bank::bookkeeping,
};

/// Sources that are processed together.
const CHUNK: usize = 500;

/// Returns the correcting vouchers that are in no batch yet, in no order. Sources that were booked
/// elsewhere are corrected there.
pub async fn pending(
    db: &impl ConnectionTrait,
    exported: &Exported,
    closing: Closing,
    accounts: &Accounts,
) -> Result<Vec<Correction>> {
    let mut found = Vec::new();
    let ids: Vec<BankPaymentId> = bank_payments(db, exported).await?.into_iter().collect();
    for ids in ids.chunks(CHUNK) {
        for own in bookkeeping::observed(db, &ids.iter().copied().collect()).await?.into_values() {
            found.extend(of_bank_payment(&own, exported, closing, accounts));
        }
    }
    Ok(found)
}

/// Returns the bank payments that are exported, or from which an exported source was made.
async fn bank_payments(
    db: &impl ConnectionTrait,
    exported: &Exported,
) -> Result<BTreeSet<BankPaymentId>> {
    let (mut found, mut payments, mut adjustments) = (BTreeSet::new(), Vec::new(), Vec::new());
    for ((source, id), _) in exported.iter() {
        match source {
            VoucherSource::BankPayment => drop(found.insert(BankPaymentId(id))),
            VoucherSource::Payment => payments.push(PaymentId(id)),
            VoucherSource::Adjustment => adjustments.push(AdjustmentId(id)),
            VoucherSource::Invoice | VoucherSource::Reminder => {}
        }
    }
    for ids in payments.chunks(CHUNK) {
        found.extend(bookkeeping::of_payments(db, ids).await?.into_values());
    }
    for ids in adjustments.chunks(CHUNK) {
        use adjustment::Column as A;
        let columns = adjustment::Model::every_column();
        let theirs = among(db.get_database_backend(), Expr::col(A::Id), ids.iter().copied());
        let refunds = Expr::col(A::Kind).eq(AdjustmentKind::Refund);
        let select = Query::select()
            .columns(columns.iter().copied())
            .from(adjustment::Entity)
            .and_where(theirs)
            .and_where(refunds)
            .take();
        let refunds: Vec<adjustment::Model> = rows(db, &select, &columns).await?;
        found.extend(bookkeeping::of_refunds(db, &refunds).await?.into_values());
    }
    Ok(found)
}
