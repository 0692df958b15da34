//! Correcting vouchers: differences between the bank's account and the observation account since a
//! voucher was exported.
//!
//! An exported voucher is never rewritten. A receipt may turn out to be a duplicate, to be reported
//! in details, or to be the same as a manually recorded payment. The difference is then a voucher
//! of its own, on the day of the first one or on the first open day after it.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment,
    id::{AdjustmentId, BankPaymentId, PaymentId},
    kind::{AdjustmentKind, VoucherSource},
    money::Money,
    partial::PartialRow,
};
use documents::sie::{Transaction, Voucher};
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Query},
};

use crate::{
    books::Closing,
    config::Accounts,
    database::{among, rows},
    error::Result,
};
use crate::{
    books::exported::{Exported, ExportedVoucher, Key},
    payments::bank::bookkeeping::{self, Observed},
};

/// Sources that are processed together.
const CHUNK: usize = 500;

/// A voucher that corrects the exported vouchers of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The source.
    pub key: Key,
    /// Number among the vouchers of the source: 2, 3 …
    pub part: i32,
    /// The voucher.
    pub voucher: Voucher,
}

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
            let wanted = wanted(&own, exported);
            found.extend(
                wanted.into_iter().filter_map(|(key, wanted)| {
                    correction(key, wanted, exported, closing, accounts)
                }),
            );
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

/// Returns the amount that each source of a bank payment adds to the bank's account by the current
/// data.
fn wanted(own: &Observed, exported: &Exported) -> HashMap<Key, Money> {
    let of_part = |part: &bookkeeping::Part| {
        if part.is_direct(&own.row, exported) { part.amount } else { Money::ZERO }
    };
    let parts = own.parts.iter().map(|part| (part.key, of_part(part)));
    parts.chain([((VoucherSource::BankPayment, own.row.id.into()), own.left(exported))]).collect()
}

/// Returns the voucher for the difference between the exported and the wanted sum on the bank's
/// account.
fn correction(
    key: Key,
    wanted: Money,
    exported: &Exported,
    closing: Closing,
    accounts: &Accounts,
) -> Option<Correction> {
    let parts = exported.of(key);
    let first = &parts.first()?.voucher;
    let difference = wanted - exported.bank(key);
    let account = |of: fn(&ExportedVoucher) -> Option<u32>, now: u16| {
        parts.iter().find_map(of).unwrap_or_else(|| now.into())
    };
    let bank = account(|own| own.bank_account, accounts.bank);
    let observation = account(|own| own.observation_account, accounts.observation);
    if difference == Money::ZERO || bank == observation {
        return None;
    }
    let line = |account, amount| Transaction { account, project: None, amount };
    Some(Correction {
        key,
        part: parts.last()?.part + 1,
        voucher: Voucher {
            series: first.series,
            number: None,
            date: closing.open_day(first.date),
            text: format!(
                "Rättelse av {}{} {}",
                first.series,
                first.number.unwrap_or_default(),
                first.date
            ),
            transactions: vec![line(bank, difference), line(observation, -difference)],
        },
    })
}
