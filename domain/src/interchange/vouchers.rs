//! export_batches.csv and vouchers.csv: the vouchers of each export batch, and the vouchers that
//! were booked elsewhere.
//!
//! A folder without vouchers.csv is the history of another program: its rows were booked there, and
//! are never exported from this register.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    adjustment, bank_payment, export_batch,
    id::{ExportBatchId, InvoiceId},
    invoice,
    kind::VoucherSource,
    partial::PartialRow,
    payment, reminder, voucher,
};
use chrono::{DateTime, NaiveDate, Utc};
use documents::sha256;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, Order,
    sea_query::{Expr, Query, SimpleExpr},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    File, attachments,
    bulk_insert::{Batch, insert},
    export::session::{Export, PAGE_SIZE, Sheet, instant, optional},
    import::session::{Import, RowEffect},
    key_resolution,
    keyed_rows::Keyed,
    row::{Cells, Line},
};
use crate::{
    audit::forms,
    database::{among, rows},
    error::{LINE, Result},
};

/// The folder of the batches' files, below that of the export.
const FOLDER: &str = "export_batches";
/// Maximum size of a file of a batch, in MiB.
const LONGEST: u64 = 256;
/// The table of sources that existed before the import, which it does not mark as booked elsewhere.
const TABLE: &str = "import_known_vouchers";

/// Selects the ids that may have a voucher.
const SOURCES: &str = "SELECT 'INVOICE' AS source, id FROM invoice WHERE issued_on IS NOT NULL
    UNION ALL SELECT 'PAYMENT', id FROM payment UNION ALL SELECT 'REMINDER', id FROM reminder
    UNION ALL SELECT 'ADJUSTMENT', id FROM adjustment UNION ALL SELECT 'BANK_PAYMENT', id FROM bank_payment";

/// Records the sources that exist before an import, unless the folder has vouchers.csv.
pub(super) async fn prepare(import: &Import<'_>) -> Result<()> {
    if is_given(import) {
        return Ok(());
    }
    let gone = if import.tx().get_database_backend() == DbBackend::Postgres {
        "ON COMMIT DROP"
    } else {
        ""
    };
    clear(import).await?;
    import
        .tx()
        .execute_unprepared(&format!("CREATE TEMP TABLE {TABLE} {gone} AS {SOURCES}"))
        .await?;
    import.tx().execute_unprepared(&format!("CREATE INDEX {TABLE}__id ON {TABLE} (id)")).await?;
    Ok(())
}

async fn clear(import: &Import<'_>) -> Result<()> {
    let schema =
        if import.tx().get_database_backend() == DbBackend::Postgres { "pg_temp" } else { "temp" };
    import.tx().execute_unprepared(&format!("DROP TABLE IF EXISTS {schema}.{TABLE}")).await?;
    Ok(())
}

fn is_given(import: &Import<'_>) -> bool {
    import.folder.join(File::Vouchers.name()).exists()
}

/// Imports both files, or marks the imported sources as booked elsewhere. In both cases the audit
/// trail has an entry of the added vouchers.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let mut added = Added::default();
    if is_given(import) {
        import_batches(import).await?;
        import_vouchers(import, &mut added).await?;
    } else {
        mark(import.tx(), &mut added).await?;
        clear(import).await?;
    }
    if let Some(entry) = added.entry() {
        import.change.record(None, Some(&entry))?;
    }
    import.settle().await
}

/// Marks the imported sources as booked elsewhere.
async fn mark(tx: &impl ConnectionTrait, added: &mut Added) -> Result<()> {
    use voucher::Column as V;
    let new = format!(
        "SELECT source, id FROM ({SOURCES}) AS s WHERE NOT EXISTS (SELECT 1 FROM {TABLE} k WHERE k.id = s.id)"
    );
    tx.execute_unprepared(&format!("INSERT INTO voucher (source, source_id) {new}")).await?;
    let (columns, mut last) = (voucher::Model::every_column(), None::<(VoucherSource, Uuid)>);
    loop {
        let key = |source: SimpleExpr, id: SimpleExpr| Expr::tuple([source, id]);
        let is_after = |(source, id): (VoucherSource, Uuid)| {
            let own = key(Expr::col(V::Source), Expr::col(V::SourceId));
            own.gt(key(Expr::val(source.word()), Expr::val(id)))
        };
        let select = Query::select()
            .columns(columns.iter().copied())
            .from(voucher::Entity)
            .and_where(V::BatchId.is_null())
            .and_where(Expr::cust(format!(
                "NOT EXISTS (SELECT 1 FROM {TABLE} k WHERE k.id = voucher.source_id)"
            )))
            .and_where_option(last.map(is_after))
            .order_by(V::Source, Order::Asc)
            .order_by(V::SourceId, Order::Asc)
            .limit(PAGE_SIZE as u64)
            .take();
        let found: Vec<voucher::Model> = rows(tx, &select, &columns).await?;
        let Some(end) = found.last() else { return Ok(()) };
        last = Some((end.source, end.source_id));
        added.add(&found);
    }
}

/// The vouchers that an import adds, for the audit trail.
#[derive(Default)]
struct Added {
    vouchers: u64,
    digest: Sha256,
}

impl Added {
    fn add(&mut self, rows: &[voucher::Model]) {
        for voucher::Model { source, source_id, part, series, year, number, batch_id } in rows {
            let batch = optional(batch_id.map(|id| id.0.simple()));
            let cells =
                [optional(series.as_deref()), optional(*year), optional(*number), batch].join(" ");
            self.digest.update(format!("{source} {} {part} {cells}\n", source_id.simple()));
            self.vouchers += 1;
        }
    }

    /// Returns the entry; `None` if nothing was added.
    fn entry(self) -> Option<forms::VoucherImport> {
        let sha256 = hex::encode(self.digest.finalize());
        (self.vouchers > 0).then_some(forms::VoucherImport { vouchers: self.vouchers, sha256 })
    }
}

async fn import_vouchers(import: &mut Import<'_>, added: &mut Added) -> Result<()> {
    let Some(mut table) = import.open(File::Vouchers)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        let name = |draft: &Draft| {
            format!("{} {} {} {}", draft.source, draft.part, draft.invoice, draft.reference)
        };
        import.check_names(File::Vouchers, &mut lines, "", name).await?;
        merge(import, lines, added).await?;
    }
    Ok(())
}

/// A row of export_batches.csv.
struct BatchDraft {
    number: i32,
    made_at: DateTime<Utc>,
    through_on: NaiveDate,
    vouchers: i32,
    vouchers_sha256: String,
    file_sha256: String,
    content: Vec<u8>,
}

async fn import_batches(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::ExportBatches)? else { return Ok(()) };
    let folder = import.folder;
    let read = |cells: &mut Cells<'_>| {
        let (number, made_at, through_on) = (
            cells.integer("number", 1, i32::MAX),
            cells.instant("made_at"),
            cells.day("through_on"),
        );
        let vouchers = cells.integer("vouchers", 1, i32::MAX);
        let (vouchers_sha256, file_sha256) =
            (cells.digest("vouchers_sha256"), cells.digest("sha256"));
        let name = cells.text("file", LINE);
        let content = if name.is_empty() {
            Ok(Vec::new())
        } else {
            attachments::read(folder, &name, LONGEST)
        };
        let content = cells.errors.take("file", content);
        let draft = BatchDraft {
            number,
            made_at,
            through_on,
            vouchers,
            vouchers_sha256,
            file_sha256,
            content,
        };
        cells.check(|errors| {
            errors.expect(
                sha256(&draft.content) == draft.file_sha256,
                "sha256",
                "is not that of the file",
            )
        });
        Some(draft)
    };
    while let Some(mut lines) = import.chunk_of(20, &mut table, read)? {
        import
            .check_names(File::ExportBatches, &mut lines, "number", |draft| {
                draft.number.to_string()
            })
            .await?;
        let known: HashMap<i32, export_batch::Model> = export_batch::Entity::find()
            .all(import.tx())
            .await?
            .into_iter()
            .map(|row| (row.number, row))
            .collect();
        let mut batch = Batch::default();
        for mut line in lines {
            let before = known.get(&line.draft.number);
            if before.is_some_and(|before| before.file_sha256 != line.draft.file_sha256) {
                line.error(
                    "sha256",
                    "differs from the batch that was exported, which never changes",
                );
            }
            let Some(draft) = import.accept(File::ExportBatches, |_| String::new(), line) else {
                continue;
            };
            let after = export_batch::Model {
                id: before.map_or_else(ExportBatchId::new, |before| before.id),
                number: draft.number,
                made_at: draft.made_at,
                through_on: draft.through_on,
                vouchers: draft.vouchers,
                vouchers_sha256: draft.vouchers_sha256,
                file_sha256: draft.file_sha256,
                content: draft.content,
            };
            import.put(File::ExportBatches, before, after, &mut batch)?;
        }
        batch.write(import.tx()).await?;
        import.settle().await?;
    }
    Ok(())
}

/// A row of vouchers.csv.
struct Draft {
    source: VoucherSource,
    /// Empty for a bank payment, which belongs to no invoice.
    invoice: String,
    /// Reference of a payment or bank payment, kind and reference of an adjustment, or day of a
    /// reminder; empty for an invoice.
    reference: String,
    /// 1 for the voucher of the source; 2, 3 … for its corrections.
    part: i32,
    series: Option<String>,
    year: Option<i32>,
    number: Option<i32>,
    batch: Option<i32>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        source: cells.value("source"),
        invoice: cells.optional_key("invoice").unwrap_or_default(),
        // The kind of an adjustment precedes its reference.
        reference: cells.optional_text("reference", LINE + 20).unwrap_or_default(),
        part: cells.optional_integer("part", 1, i32::MAX).unwrap_or(1),
        series: cells.optional_text("series", 10),
        year: cells.optional_integer("year", 1900, 2999),
        number: cells.optional_integer("number", 1, i32::MAX),
        batch: cells.optional_integer("batch", 1, i32::MAX),
    };
    cells.check(|errors| {
        if draft.source == VoucherSource::BankPayment {
            errors.expect(draft.invoice.is_empty(), "invoice", "must be empty for a bank payment");
            errors.expect(!draft.reference.is_empty(), "reference", "must not be empty");
        } else {
            errors.expect(!draft.invoice.is_empty(), "invoice", "must not be empty");
        }
        let present = [
            draft.series.is_some(),
            draft.year.is_some(),
            draft.number.is_some(),
            draft.batch.is_some(),
        ];
        let is_complete =
            present.iter().all(|present| *present) || present.iter().all(|present| !present);
        errors.expect(
            is_complete,
            "batch",
            "must be given together with series, year and number, or none of them",
        );
        errors.expect(
            draft.part == 1 || draft.batch.is_some(),
            "part",
            "must be 1 for what was booked elsewhere",
        );
    });
    Some(draft)
}

async fn merge(
    import: &mut Import<'_>,
    lines: Vec<Line<Draft>>,
    added_up: &mut Added,
) -> Result<()> {
    let wanted =
        key_resolution::present(lines.iter().map(|line| Some(line.draft.invoice.as_str())));
    let invoices = key_resolution::references::<invoice::Model, InvoiceId>(
        import,
        "invoice",
        File::Invoices,
        wanted.clone(),
    )
    .await?;
    let ids: BTreeSet<InvoiceId> = wanted.iter().filter_map(|key| invoices.get(key)).collect();
    let sources = sources(import.tx(), &ids).await?;
    let named = lines.iter().filter(|line| line.draft.source == VoucherSource::BankPayment);
    let named: BTreeSet<String> = named.map(|line| line.draft.reference.clone()).collect();
    let bank_payments = key_resolution::bank_payments(import.tx(), &named).await?;
    let ids: Vec<Uuid> =
        sources.values().copied().chain(bank_payments.values().map(|row| row.id.0)).collect();
    let known = by_sources(import.tx(), ids.into_iter()).await?;
    let batches = batches(import.tx()).await?;
    let mut added = Vec::new();
    for mut line in lines {
        let key = line.draft.invoice.clone();
        let invoice = invoices.find(&mut line, "invoice", Some(&key));
        let (source, reference) = (line.draft.source, line.draft.reference.clone());
        let id = if source == VoucherSource::BankPayment {
            let id = bank_payments.get(&reference).map(|row| row.id.0);
            if id.is_none() {
                line.error("reference", format!("there is no bank payment {reference}"));
            }
            id
        } else {
            invoice.and_then(|invoice| sources.get(&(source, invoice, reference)).copied())
        };
        let batch_id = line.draft.batch.and_then(|number| batches.get(&number).copied());
        if invoice.is_some() && id.is_none() {
            line.error("reference", "names nothing of this invoice");
        }
        if line.draft.batch.is_some() && batch_id.is_none() {
            line.error("batch", "is no batch of export_batches.csv");
        }
        let (Some(draft), Some(source_id)) =
            (import.accept(File::Vouchers, |_| String::new(), line), id)
        else {
            continue;
        };
        let Draft { source, part, series, year, number, .. } = draft;
        let after = voucher::Model { source, source_id, part, series, year, number, batch_id };
        // An existing voucher never changes.
        let is_known = known.contains(&(source, source_id, part));
        import
            .count(File::Vouchers, if is_known { RowEffect::Unchanged } else { RowEffect::Added });
        if !is_known {
            added.push(after);
        }
    }
    added_up.add(&added);
    insert(import.tx(), added).await?;
    import.settle().await
}

/// Returns the sources of these invoices that may have a voucher, by their names in vouchers.csv.
async fn sources(
    db: &impl ConnectionTrait,
    ids: &BTreeSet<InvoiceId>,
) -> Result<HashMap<(VoucherSource, InvoiceId, String), Uuid>> {
    let backend = db.get_database_backend();
    let mut found: HashMap<_, _> =
        ids.iter().map(|id| ((VoucherSource::Invoice, *id, String::new()), id.0)).collect();
    let columns = [payment::Column::Id, payment::Column::InvoiceId, payment::Column::Reference];
    let theirs = among(backend, Expr::col(payment::Column::InvoiceId), ids.iter().copied());
    let select = Query::select().columns(columns).from(payment::Entity).and_where(theirs).take();
    let payments: Vec<payment::Model> = rows(db, &select, &columns).await?;
    found.extend(
        payments
            .into_iter()
            .map(|row| ((VoucherSource::Payment, row.invoice_id, row.reference), row.id.0)),
    );
    let columns = [reminder::Column::Id, reminder::Column::InvoiceId, reminder::Column::SentOn];
    let theirs = among(backend, Expr::col(reminder::Column::InvoiceId), ids.iter().copied());
    let select = Query::select().columns(columns).from(reminder::Entity).and_where(theirs).take();
    let reminders: Vec<reminder::Model> = rows(db, &select, &columns).await?;
    found.extend(
        reminders.into_iter().map(|row| {
            ((VoucherSource::Reminder, row.invoice_id, row.sent_on.to_string()), row.id.0)
        }),
    );
    let columns = [
        adjustment::Column::Id,
        adjustment::Column::InvoiceId,
        adjustment::Column::Kind,
        adjustment::Column::Reference,
    ];
    let theirs = among(backend, Expr::col(adjustment::Column::InvoiceId), ids.iter().copied());
    let select = Query::select().columns(columns).from(adjustment::Entity).and_where(theirs).take();
    let adjustments: Vec<adjustment::Model> = rows(db, &select, &columns).await?;
    let named = |row: &adjustment::Model| format!("{} {}", row.kind, row.reference);
    found.extend(
        adjustments
            .into_iter()
            .map(|row| ((VoucherSource::Adjustment, row.invoice_id, named(&row)), row.id.0)),
    );
    Ok(found)
}

async fn by_sources(
    db: &impl ConnectionTrait,
    ids: impl Iterator<Item = Uuid>,
) -> Result<BTreeSet<(VoucherSource, Uuid, i32)>> {
    let columns = [voucher::Column::Source, voucher::Column::SourceId, voucher::Column::Part];
    let theirs = among(db.get_database_backend(), Expr::col(voucher::Column::SourceId), ids);
    let select = Query::select().columns(columns).from(voucher::Entity).and_where(theirs).take();
    let found: Vec<voucher::Model> = rows(db, &select, &columns).await?;
    Ok(found.into_iter().map(|row| (row.source, row.source_id, row.part)).collect())
}

async fn batches(db: &impl ConnectionTrait) -> Result<HashMap<i32, ExportBatchId>> {
    let columns = [export_batch::Column::Id, export_batch::Column::Number];
    let select = Query::select().columns(columns).from(export_batch::Entity).take();
    let found: Vec<export_batch::Model> = rows(db, &select, &columns).await?;
    Ok(found.into_iter().map(|row| (row.number, row.id)).collect())
}

/// Writes both files, and the files of the batches.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let columns = export_batch::Model::every_column();
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(export_batch::Entity)
        .order_by(export_batch::Column::Number, Order::Asc)
        .take();
    let batches: Vec<export_batch::Model> = rows(&export.tx, &select, &columns).await?;
    let numbers: HashMap<ExportBatchId, i32> =
        batches.iter().map(|row| (row.id, row.number)).collect();
    let mut sheet = export.begin(File::ExportBatches, batches.len())?;
    for row in batches {
        let file = format!("{FOLDER}/{}.si", row.file_sha256);
        export.write_file(&file, &row.content)?;
        let (number, vouchers) = (row.number.to_string(), row.vouchers.to_string());
        sheet.write([
            number,
            instant(row.made_at),
            row.through_on.to_string(),
            vouchers,
            row.vouchers_sha256,
            row.file_sha256,
            file,
        ])?;
    }
    export.end(sheet)?;

    let order = export.in_order_of_keys::<invoice::Model>().await?;
    let mut sheet = export.begin(File::Vouchers, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let invoices = export.rows::<invoice::Model>(ids).await?;
        let of = sources(&export.tx, &invoices.iter().map(|row| row.id).collect()).await?;
        let columns = voucher::Model::every_column();
        let theirs = among(
            export.tx.get_database_backend(),
            Expr::col(voucher::Column::SourceId),
            of.values().copied(),
        );
        let select = Query::select()
            .columns(columns.iter().copied())
            .from(voucher::Entity)
            .and_where(theirs)
            .take();
        let known: Vec<voucher::Model> = rows(&export.tx, &select, &columns).await?;
        let mut own: HashMap<(VoucherSource, Uuid), Vec<voucher::Model>> = HashMap::new();
        for row in known {
            own.entry((row.source, row.source_id)).or_default().push(row);
        }
        own.values_mut().for_each(|parts| parts.sort_by_key(|row| row.part));
        let mut theirs: Vec<_> = of.into_iter().collect();
        theirs.sort_unstable();
        for invoice in invoices {
            for ((source, _, reference), id) in
                theirs.iter().filter(|((_, of, _), _)| *of == invoice.id)
            {
                for row in own.get(&(*source, *id)).into_iter().flatten() {
                    write(&mut sheet, row, invoice.key(), reference.clone(), &numbers)?;
                }
            }
        }
        export.report(&sheet);
    }
    export_bank_payments(export, &mut sheet, &numbers).await?;
    export.end(sheet)
}

/// Writes the vouchers of bank payments, which belong to no invoice, in order of the bank's
/// references.
async fn export_bank_payments(
    export: &mut Export<'_>,
    sheet: &mut Sheet,
    numbers: &HashMap<ExportBatchId, i32>,
) -> Result<()> {
    use voucher::Column as V;
    let columns = voucher::Model::every_column();
    let select = Query::select()
        .columns(columns.iter().copied())
        .from(voucher::Entity)
        .and_where(V::Source.eq(VoucherSource::BankPayment))
        .order_by(V::SourceId, Order::Asc)
        .take();
    let mut named = Vec::new();
    for vouchers in rows::<voucher::Model>(&export.tx, &select, &columns).await?.chunks(PAGE_SIZE) {
        let columns = [bank_payment::Column::Id, bank_payment::Column::BankReference];
        let ids = vouchers.iter().map(|row| row.source_id).collect::<Vec<_>>();
        let theirs =
            among(export.tx.get_database_backend(), Expr::col(bank_payment::Column::Id), ids);
        let select =
            Query::select().columns(columns).from(bank_payment::Entity).and_where(theirs).take();
        let found: Vec<bank_payment::Model> = rows(&export.tx, &select, &columns).await?;
        let references: HashMap<Uuid, String> =
            found.into_iter().map(|row| (row.id.0, row.bank_reference)).collect();
        named.extend(
            vouchers
                .iter()
                .filter_map(|row| Some((references.get(&row.source_id)?.clone(), row.clone()))),
        );
    }
    named.sort_unstable_by(|(one, row), (other, after)| (one, row.part).cmp(&(other, after.part)));
    named
        .into_iter()
        .try_for_each(|(reference, row)| write(sheet, &row, String::new(), reference, numbers))
}

fn write(
    sheet: &mut Sheet,
    row: &voucher::Model,
    invoice: String,
    reference: String,
    numbers: &HashMap<ExportBatchId, i32>,
) -> Result<()> {
    let batch = row.batch_id.and_then(|id| numbers.get(&id));
    let [year, number, batch] = [optional(row.year), optional(row.number), optional(batch)];
    let series = row.series.clone().unwrap_or_default();
    sheet.write([
        row.source.to_string(),
        invoice,
        reference,
        series,
        year,
        number,
        batch,
        row.part.to_string(),
    ])
}
