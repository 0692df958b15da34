//! Export batches against the register: each has the file and the vouchers that it was exported
//! with, and these agree with what they are of.

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
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{corrections, export_batches::digest};
use crate::books::exported::{Exported, Key, content};
use crate::{
    books::Closing,
    config::Accounts,
    database::{among, rows},
    documents::{sha256, sie_reading},
    error::Result,
    findings::Findings,
};

/// Sources that are looked at together.
const CHUNK: usize = 500;

/// Checks every batch: a sentence for each violation, and a note about what the next batch will
/// correct.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn findings(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut found = Findings::default();
    let columns = [Column::Id, Column::Number, Column::VouchersSha256, Column::FileSha256];
    let select =
        Query::select().columns(columns).from(Entity).order_by(Column::Number, Order::Asc).take();
    let batches: Vec<Model> = rows(db, &select, &columns).await?;
    // History that was booked elsewhere may be large, and nothing of it can differ from a batch.
    if batches.is_empty() {
        return Ok(found);
    }
    let mut is_readable = true;
    for (expected, batch) in (1..).zip(batches) {
        if batch.number != expected {
            found
                .violate(format!("export batch {} comes where {expected} should be", batch.number));
        }
        is_readable &= check(db, &batch, &mut found).await?;
    }
    if is_readable {
        let exported = Exported::load(db).await?;
        found.violations.extend(disagreements(db, &exported).await?);
        // Whatever the accounts are called today: there are as many.
        let pending =
            corrections::pending(db, &exported, Closing::load(db).await?, &Accounts::default())
                .await?;
        match pending.len() {
            0 => {}
            1 => found.note("a voucher that was exported is no longer what the register says; the next export batch corrects it"),
            count => found.note(format!(
                "{count} vouchers that were exported are no longer what the register says; the next export batch corrects them"
            )),
        }
    }
    Ok(found)
}

/// Checks a batch against its own file. Returns `true` if that can be read.
async fn check(db: &impl ConnectionTrait, batch: &Model, found: &mut Findings) -> Result<bool> {
    let name = format!("export batch {}", batch.number);
    let vouchers = of_batch(db, batch.id).await?;
    if digest(&vouchers) != batch.vouchers_sha256 {
        found.violate(format!("{name} does not have the vouchers that it was exported with"));
    }
    let content = content(db, batch.id).await?.unwrap_or_default();
    if sha256(&content) != batch.file_sha256 {
        found.violate(format!("{name} has another file than it was exported with"));
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
        found.violate(format!("{name} has other vouchers in its file than in the register"));
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

/// What the register says of a source: its day in the books, and what it adds to the receivables.
/// Null: any day, as of a bank payment that was first exported when it was found to be a duplicate.
type Said = (Option<NaiveDate>, Money);

/// Finds sources whose exported vouchers have another day or another sum on the account of
/// receivables than the register, or that are gone.
async fn disagreements(db: &impl ConnectionTrait, exported: &Exported) -> Result<Vec<String>> {
    let mut of_kind: HashMap<VoucherSource, Vec<Uuid>> = HashMap::new();
    for ((source, id), _) in exported.iter() {
        of_kind.entry(source).or_default().push(id);
    }
    let mut found = Vec::new();
    for (source, ids) in of_kind {
        for ids in ids.chunks(CHUNK) {
            let said = said(db, source, ids).await?;
            found.extend(
                ids.iter()
                    .filter_map(|id| disagreement((source, *id), said.get(id).copied(), exported)),
            );
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn disagreement(key: Key, said: Option<Said>, exported: &Exported) -> Option<String> {
    let parts = exported.of(key);
    let first = &parts.first()?.voucher;
    let name = format!(
        "voucher {}{} of {}",
        first.series,
        first.number.unwrap_or_default(),
        first.date.year()
    );
    let Some((day, claim)) = said else {
        return Some(format!("{name} is of what is not in the register"));
    };
    let sum: Money = parts.iter().map(|own| own.receivables).sum();
    if sum != claim {
        return Some(format!(
            "{name} was exported with {sum} of receivables, but the register has {claim}"
        ));
    }
    let day = day.filter(|day| *day != first.date)?;
    Some(format!("{name} was exported of {}, but the register has it on {day}", first.date))
}

/// Returns what the register says of these sources.
async fn said(
    db: &impl ConnectionTrait,
    source: VoucherSource,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Said>> {
    match source {
        VoucherSource::Invoice => {
            use invoice::Column as C;
            let columns = [C::Id, C::Kind, C::IssuedOn, C::Total];
            let claim = |row: &invoice::Model| {
                if row.kind == InvoiceKind::CreditNote { -row.total } else { row.total }
            };
            let said =
                |row: invoice::Model| Some((row.id.into(), (Some(row.issued_on?), claim(&row))));
            Ok(by_id::<invoice::Model>(db, C::Id, &columns, ids)
                .await?
                .into_iter()
                .filter_map(said)
                .collect())
        }
        VoucherSource::Payment => {
            let columns = payment::Model::every_column();
            let said =
                |row: payment::Model| (row.id.into(), (Some(row.day_in_books()), -row.amount));
            Ok(by_id::<payment::Model>(db, payment::Column::Id, &columns, ids)
                .await?
                .into_iter()
                .map(said)
                .collect())
        }
        VoucherSource::Reminder => {
            let columns = reminder::Model::every_column();
            let said = |row: reminder::Model| (row.id.into(), (Some(row.sent_on), row.fee));
            Ok(by_id::<reminder::Model>(db, reminder::Column::Id, &columns, ids)
                .await?
                .into_iter()
                .map(said)
                .collect())
        }
        VoucherSource::Adjustment => {
            let columns = adjustment::Model::every_column();
            let claim = |row: &adjustment::Model| {
                if row.kind == AdjustmentKind::Refund { row.amount } else { -row.amount }
            };
            let said =
                |row: adjustment::Model| (row.id.into(), (Some(row.day_in_books()), claim(&row)));
            Ok(by_id::<adjustment::Model>(db, adjustment::Column::Id, &columns, ids)
                .await?
                .into_iter()
                .map(said)
                .collect())
        }
        VoucherSource::BankPayment => {
            use bank_payment::Column as B;
            let said = |row: bank_payment::Model| (row.id.into(), (None, Money::ZERO));
            Ok(by_id::<bank_payment::Model>(db, B::Id, &[B::Id], ids)
                .await?
                .into_iter()
                .map(said)
                .collect())
        }
    }
}

/// The rows of a table with these ids.
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
