//! Integrity of export batches: each has the file and the vouchers that it was exported with, and
//! these agree with their sources.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment, bank_payment,
    export_batch::{Column, Entity, Model},
    id::ExportBatchId,
    invoice,
    kind::{AdjustmentKind, InvoiceKind, VoucherSource},
    money::Money,
    partial::{self, PartialRow},
    payment, reminder, voucher,
};
use chrono::Datelike;
use documents::{sha256, sie_reading};
use sea_orm::{
    ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    disagreements::{StoredFacts, disagreement},
    numbering::digest,
    pending_corrections,
};
use crate::books::exported::{Exported, content};
use crate::{
    books::Closing,
    config::Accounts,
    database::{among, rows},
    error::Result,
    findings::Findings,
};

/// Sources that are checked together.
const CHUNK: usize = 500;

/// Checks every batch. Returns a sentence for each violation, and a note about the corrections that
/// the next batch will have.
pub async fn findings(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut found = Findings::default();
    let columns = [Column::Id, Column::Number, Column::VouchersSha256, Column::FileSha256];
    let select =
        Query::select().columns(columns).from(Entity).order_by(Column::Number, Order::Asc).take();
    let batches: Vec<Model> = rows(db, &select, &columns).await?;
    // History that was booked elsewhere may be large, and can't differ from a batch.
    if batches.is_empty() {
        return Ok(found);
    }
    let mut is_readable = true;
    for (expected, batch) in (1..).zip(batches) {
        if batch.number != expected {
            found.violate(format!(
                "export batch {} is where batch {expected} should be",
                batch.number
            ));
        }
        is_readable &= check(db, &batch, &mut found).await?;
    }
    if is_readable {
        let exported = Exported::load(db).await?;
        found.violations.extend(disagreements(db, &exported).await?);
        // The number of accounts does not depend on their current names.
        let pending = pending_corrections::pending(
            db,
            &exported,
            Closing::load(db).await?,
            &Accounts::default(),
        )
        .await?;
        match pending.len() {
            0 => {}
            1 => found.note("an exported voucher no longer agrees with the database; the next export batch corrects it"),
            count => found.note(format!(
                "{count} exported vouchers no longer agree with the database; the next export batch corrects them"
            )),
        }
    }
    Ok(found)
}

/// Checks a batch against its own file. Returns `true` if the file can be parsed.
async fn check(db: &impl ConnectionTrait, batch: &Model, found: &mut Findings) -> Result<bool> {
    let name = format!("export batch {}", batch.number);
    let vouchers = of_batch(db, batch.id).await?;
    if digest(&vouchers) != batch.vouchers_sha256 {
        found.violate(format!("{name} does not have the vouchers that it was exported with"));
    }
    let content = content(db, batch.id).await?.unwrap_or_default();
    if sha256(&content) != batch.file_sha256 {
        found.violate(format!("{name} has a file that differs from the exported one"));
    }
    let file = match sie_reading::read(&content) {
        Ok(file) => file,
        Err(cause) => {
            found.violate(format!("{name} has a file that can't be read: {cause}"));
            return Ok(false);
        }
    };
    let in_file: BTreeSet<_> = file
        .vouchers
        .iter()
        .map(|own| (own.series.to_owned(), Some(own.date.year()), own.number))
        .collect();
    let stored: BTreeSet<_> = vouchers
        .into_iter()
        .map(|row| (row.series.unwrap_or_default(), row.year, row.number))
        .collect();
    if in_file != stored {
        found.violate(format!("{name} has different vouchers in its file and in the database"));
    }
    Ok(true)
}

async fn of_batch(db: &impl ConnectionTrait, batch: ExportBatchId) -> Result<Vec<voucher::Model>> {
    let columns = voucher::Model::every_column();
    let is_own = Expr::col(voucher::Column::BatchId).eq(batch);
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(voucher::Entity)
        .and_where(is_own)
        .take();
    rows(db, &select, &columns).await
}

/// Finds sources whose exported vouchers have another day or another sum on the account of
/// receivables than the stored data, or that no longer exist.
async fn disagreements(db: &impl ConnectionTrait, exported: &Exported) -> Result<Vec<String>> {
    let mut of_kind: HashMap<VoucherSource, Vec<Uuid>> = HashMap::new();
    for ((source, id), _) in exported.iter() {
        of_kind.entry(source).or_default().push(id);
    }
    let mut found = Vec::new();
    for (source, ids) in of_kind {
        for ids in ids.chunks(CHUNK) {
            let facts = facts(db, source, ids).await?;
            found
                .extend(ids.iter().filter_map(|id| {
                    disagreement((source, *id), facts.get(id).copied(), exported)
                }));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the stored facts of these sources.
async fn facts(
    db: &impl ConnectionTrait,
    source: VoucherSource,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, StoredFacts>> {
    match source {
        VoucherSource::Invoice => {
            use invoice::Column as C;
            let columns = [C::Id, C::Kind, C::IssuedOn, C::Total];
            let claim = |row: &invoice::Model| {
                if row.kind == InvoiceKind::CreditNote { -row.total } else { row.total }
            };
            let facts =
                |row: invoice::Model| Some((row.id.into(), (Some(row.issued_on?), claim(&row))));
            Ok(by_id::<invoice::Model>(db, C::Id, &columns, ids)
                .await?
                .into_iter()
                .filter_map(facts)
                .collect())
        }
        VoucherSource::Payment => {
            let columns = payment::Model::every_column();
            let facts =
                |row: payment::Model| (row.id.into(), (Some(row.day_in_books()), -row.amount));
            Ok(by_id::<payment::Model>(db, payment::Column::Id, &columns, ids)
                .await?
                .into_iter()
                .map(facts)
                .collect())
        }
        VoucherSource::Reminder => {
            let columns = reminder::Model::every_column();
            let facts = |row: reminder::Model| (row.id.into(), (Some(row.sent_on), row.fee));
            Ok(by_id::<reminder::Model>(db, reminder::Column::Id, &columns, ids)
                .await?
                .into_iter()
                .map(facts)
                .collect())
        }
        VoucherSource::Adjustment => {
            let columns = adjustment::Model::every_column();
            let claim = |row: &adjustment::Model| {
                if row.kind == AdjustmentKind::Refund { row.amount } else { -row.amount }
            };
            let facts =
                |row: adjustment::Model| (row.id.into(), (Some(row.day_in_books()), claim(&row)));
            Ok(by_id::<adjustment::Model>(db, adjustment::Column::Id, &columns, ids)
                .await?
                .into_iter()
                .map(facts)
                .collect())
        }
        VoucherSource::BankPayment => {
            use bank_payment::Column as B;
            let facts = |row: bank_payment::Model| (row.id.into(), (None, Money::ZERO));
            Ok(by_id::<bank_payment::Model>(db, B::Id, &[B::Id], ids)
                .await?
                .into_iter()
                .map(facts)
                .collect())
        }
    }
}

/// Returns the rows of a table with these ids.
async fn by_id<M: PartialRow>(
    db: &impl ConnectionTrait,
    id: partial::Column<M>,
    columns: &[partial::Column<M>],
    ids: &[Uuid],
) -> Result<Vec<M>> {
    let theirs = among(db.get_database_backend(), Expr::col(id), ids.iter().copied());
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(M::Entity::default())
        .and_where(theirs)
        .take();
    rows(db, &select, columns).await
}
