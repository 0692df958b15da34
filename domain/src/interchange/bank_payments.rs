//! bank_payments.csv: payments as the bank reported them. Their matched amounts follow from
//! payments.csv.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    id::BankPaymentId,
    kind::{BankFinding, VoucherSource},
    money::Money,
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};

use super::{
    File,
    bulk_insert::{Batch, replace},
    export::session::{Export, PAGE_SIZE, instant, optional},
    import::{
        report::BadRow,
        session::{CHUNK, Import},
    },
    key_resolution,
    row::{Cells, Line},
};
use crate::{
    audit::forms::ERASED,
    books::Closing,
    database::among,
    error::{LINE, Result, TEXT},
    payments::bank::bookkeeping,
};

/// A row of bank_payments.csv.
struct Draft {
    bank_reference: String,
    file_name: String,
    file_sha256: String,
    imported_at: DateTime<Utc>,
    account: String,
    booked_on: NaiveDate,
    amount: Money,
    reference: Option<String>,
    message: Option<String>,
    payer_name: Option<String>,
    payer_org_number: Option<String>,
    finding: BankFinding,
    set_aside_on: Option<NaiveDate>,
    set_aside_reason: Option<String>,
    /// `None` if the file doesn't have the column.
    entry_reference: Option<Option<String>>,
    /// The reference of the bank payment of which it is a duplicate; `None` if the file doesn't
    /// have the column.
    duplicate_of: Option<Option<String>>,
    /// `None` if the file doesn't have the column.
    posted_on: Option<Option<NaiveDate>>,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        bank_reference: cells.key("bank_reference"),
        file_name: cells.text("file_name", LINE),
        file_sha256: cells.digest("file_sha256"),
        imported_at: cells.instant("imported_at"),
        account: cells.text("account", LINE),
        booked_on: cells.day("booked_on"),
        amount: cells.decimal("amount"),
        reference: cells.optional_text("reference", TEXT),
        message: cells.optional_text("message", TEXT),
        payer_name: cells.optional_text("payer_name", TEXT),
        payer_org_number: cells
            .optional::<::entity::number::OrgNumber>("payer_org_number")
            .map(|number| number.to_string()),
        finding: cells.value("finding"),
        set_aside_on: cells.optional_day("set_aside_on"),
        set_aside_reason: cells.optional_text("set_aside_reason", LINE),
        entry_reference: cells
            .present("entry_reference")
            .then(|| cells.optional_text("entry_reference", LINE)),
        duplicate_of: cells.present("duplicate_of").then(|| cells.optional_key("duplicate_of")),
        posted_on: cells.present("posted_on").then(|| cells.optional_day("posted_on")),
    };
    cells.check(|errors| {
        errors.expect(draft.amount != Money::ZERO, "amount", "must not be zero");
        let has_both = draft.set_aside_on.is_some() == draft.set_aside_reason.is_some();
        errors.expect(has_both, "set_aside_reason", "must be given together with set_aside_on");
        let is_duplicate = draft.duplicate_of.as_ref().is_some_and(Option::is_some);
        errors.expect(
            !is_duplicate || draft.set_aside_on.is_some(),
            "duplicate_of",
            "must be given together with set_aside_on",
        );
        let is_in_order =
            draft.posted_on.flatten().is_none_or(|posted_on| posted_on > draft.booked_on);
        errors.expect(is_in_order, "posted_on", "must be after booked_on, or empty");
    });
    Some(draft)
}

/// Imports bank_payments.csv. A payment is identified by the bank's reference.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::BankPayments)? else { return Ok(()) };
    let mut duplicates = Vec::new();
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import
            .check_names(File::BankPayments, &mut lines, "bank_reference", |draft| {
                draft.bank_reference.clone()
            })
            .await?;
        merge(import, lines, &mut duplicates).await?;
    }
    for chunk in duplicates.chunks(CHUNK) {
        link(import, chunk).await?;
    }
    Ok(())
}

/// A row that names the bank payment of which it is a duplicate, or none.
struct Duplicate {
    line: u64,
    bank_reference: String,
    of: Option<String>,
}

/// Links duplicates after all rows were imported: a duplicate may precede the other payment in the
/// file.
async fn link(import: &mut Import<'_>, duplicates: &[Duplicate]) -> Result<()> {
    let named = duplicates
        .iter()
        .flat_map(|own| [Some(&own.bank_reference), own.of.as_ref()])
        .flatten()
        .cloned()
        .collect();
    let rows = key_resolution::bank_payments(import.tx(), &named).await?;
    let mut changed = Vec::new();
    for Duplicate { line, bank_reference, of } in duplicates {
        let Some(before) = rows.get(bank_reference) else { continue };
        let other = of.as_ref().map(|of| rows.get(of));
        match other {
            Some(None) => {
                let reason =
                    format!("there is no bank payment {}", of.as_deref().unwrap_or_default());
                import.reject(BadRow::new(File::BankPayments, *line, "duplicate_of", reason));
            }
            Some(Some(other)) if other.id == before.id => {
                import.reject(BadRow::new(
                    File::BankPayments,
                    *line,
                    "duplicate_of",
                    "must be another bank payment",
                ));
            }
            _ => {
                let after = Model {
                    duplicate_of_id: other.flatten().map(|other| other.id),
                    ..before.clone()
                };
                if after == *before {
                    continue;
                }
                if let Some((column, reason)) =
                    closed(import.tx(), import.closing, before, &after).await?
                {
                    import.reject(BadRow::new(File::BankPayments, *line, column, reason));
                } else {
                    import.change.record(Some(before), Some(&after))?;
                    changed.push(after);
                }
            }
        }
    }
    replace(import.tx(), changed).await?;
    import.settle().await
}

/// Returns the column and the reason if marking or unmarking a duplicate would change a closed day.
async fn closed(
    tx: &impl ConnectionTrait,
    closing: Closing,
    before: &Model,
    after: &Model,
) -> Result<Option<(&'static str, String)>> {
    let changes = before.duplicate_of_id.is_some() != after.duplicate_of_id.is_some();
    let Some(through) = closing.through.filter(|_| changes) else { return Ok(None) };
    let (key, day) = ((VoucherSource::BankPayment, before.id.into()), before.day_in_books());
    if !bookkeeping::is_correctable(tx, closing, key, day).await? {
        let reason = format!(
            "is in a closed period: the books are closed through {through}, and what they have of {day} is in no export batch yet"
        );
        return Ok(Some(("duplicate_of", reason)));
    }
    let marked_on =
        after.set_aside_on.filter(|day| after.duplicate_of_id.is_some() && *day <= through);
    Ok(marked_on.map(|_| {
        ("set_aside_on", format!("is in a closed period: the books are closed through {through}"))
    }))
}

async fn merge(
    import: &mut Import<'_>,
    lines: Vec<Line<Draft>>,
    duplicates: &mut Vec<Duplicate>,
) -> Result<()> {
    let references: BTreeSet<String> =
        lines.iter().map(|line| line.draft.bank_reference.clone()).collect();
    let existing: HashMap<String, Model> =
        key_resolution::bank_payments(import.tx(), &references).await?;
    let mut batch = Batch::default();
    for mut line in lines {
        let before = existing.get(&line.draft.bank_reference);
        let after = build(&line.draft, before);
        match (before, import.closing.through) {
            (Some(before), through) => {
                refuse_changes(&mut line, before, &after);
                // The reversal of a duplicate's match is booked on that day.
                let days = [before.set_aside_on, after.set_aside_on]
                    .map(|day| day.filter(|_| before.duplicate_of_id.is_some()));
                if let ([Some(was), Some(is)], Some(through)) = (days, through)
                    && was != is
                    && was.min(is) <= through
                {
                    line.error(
                        "set_aside_on",
                        format!("is in a closed period: the books are closed through {through}"),
                    );
                }
            }
            (None, Some(through)) if after.day_in_books() <= through => {
                line.error(
                    "posted_on",
                    format!("is in a closed period: the books are closed through {through}"),
                );
            }
            (None, _) => {}
        }
        let number = line.number;
        if let Some(draft) =
            import.accept(File::BankPayments, |draft| draft.bank_reference.clone(), line)
        {
            // A payment that is and was no duplicate needs no link.
            let was = before.is_some_and(|before| before.duplicate_of_id.is_some());
            let of = draft.duplicate_of.filter(|of| of.is_some() || was);
            duplicates.extend(of.map(|of| Duplicate {
                line: number,
                bank_reference: draft.bank_reference,
                of,
            }));
            import.put(File::BankPayments, before, after, &mut batch)?;
        }
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

fn build(draft: &Draft, before: Option<&Model>) -> Model {
    Model {
        id: before.map_or_else(BankPaymentId::new, |before| before.id),
        bank_reference: draft.bank_reference.clone(),
        file_name: draft.file_name.clone(),
        file_sha256: draft.file_sha256.clone(),
        imported_at: draft.imported_at,
        account: draft.account.clone(),
        booked_on: draft.booked_on,
        amount: draft.amount,
        reference: draft.reference.clone(),
        message: draft.message.clone(),
        payer_name: draft.payer_name.clone(),
        payer_org_number: draft.payer_org_number.clone(),
        finding: draft.finding,
        matched: before.map(|before| before.matched).unwrap_or_default(),
        set_aside_on: draft.set_aside_on,
        set_aside_reason: draft.set_aside_reason.clone(),
        entry_reference: draft
            .entry_reference
            .clone()
            .unwrap_or_else(|| before.and_then(|before| before.entry_reference.clone())),
        duplicate_of_id: before.and_then(|before| before.duplicate_of_id),
        posted_on: draft.posted_on.unwrap_or_else(|| before.and_then(|before| before.posted_on)),
    }
}

/// Adds an error for each change of the bank's data. The day in the books may move forward: a
/// payment that is reopened after it was marked as a duplicate is booked on an open day.
fn refuse_changes(line: &mut Line<Draft>, before: &Model, after: &Model) {
    let is_reopened = after.posted_on > before.posted_on
        && (before.duplicate_of_id.is_some() || before.posted_on.is_none());
    let differing = [
        ("file_name", before.file_name != after.file_name),
        ("file_sha256", before.file_sha256 != after.file_sha256),
        ("imported_at", before.imported_at != after.imported_at),
        ("account", before.account != after.account),
        ("booked_on", before.booked_on != after.booked_on),
        ("posted_on", before.posted_on != after.posted_on && !is_reopened),
        ("amount", before.amount != after.amount),
        ("reference", before.reference != after.reference),
        ("message", before.message != after.message),
        ("payer_name", before.payer_name != after.payer_name),
        ("payer_org_number", before.payer_org_number != after.payer_org_number),
        ("finding", before.finding != after.finding),
        // The reason of an exclusion may change, but not after an erasure.
        (
            "set_aside_reason",
            before.set_aside_reason.as_deref() == Some(ERASED)
                && before.set_aside_reason != after.set_aside_reason,
        ),
    ];
    let was_good = line.is_good();
    let is_erased =
        [&before.reference, &before.message, &before.payer_name, &before.payer_org_number]
            .into_iter()
            .all(Option::is_none);
    for (column, _) in differing.into_iter().filter(|(_, differs)| *differs && was_good) {
        let is_personal = matches!(
            column,
            "reference" | "message" | "payer_name" | "payer_org_number" | "set_aside_reason"
        );
        line.error(
            column,
            if is_personal && is_erased {
                "is empty in the register, as after the erasure of the payer; personal data of an older file is not restored"
            } else {
                "differs from what the bank reported before, which never changes"
            },
        );
    }
}

/// Returns the references of these bank payments.
pub(super) async fn references(
    tx: &impl ConnectionTrait,
    ids: BTreeSet<BankPaymentId>,
) -> Result<HashMap<BankPaymentId, String>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let theirs = among(tx.get_database_backend(), Expr::col(Column::Id), ids);
    let select = Query::select()
        .columns([Column::Id, Column::BankReference])
        .from(Entity)
        .and_where(theirs)
        .take();
    tx.query_all(&select)
        .await?
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}

/// Writes bank_payments.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export
        .in_order(&[Column::Id, Column::BankReference], |row: &Model| row.bank_reference.clone())
        .await?;
    let mut sheet = export.begin(File::BankPayments, order.len())?;
    for ids in order.chunks(PAGE_SIZE) {
        let rows = export.rows::<Model>(ids).await?;
        let others: BTreeSet<BankPaymentId> =
            rows.iter().filter_map(|row| row.duplicate_of_id).collect();
        let others = references(&export.tx, others).await?;
        for row in rows {
            sheet.write([
                row.bank_reference,
                row.file_name,
                row.file_sha256,
                instant(row.imported_at),
                row.account,
                row.booked_on.to_string(),
                row.amount.to_string(),
                optional(row.reference),
                optional(row.message),
                optional(row.payer_name),
                optional(row.payer_org_number),
                row.finding.to_string(),
                optional(row.set_aside_on),
                optional(row.set_aside_reason),
                optional(row.entry_reference),
                optional(row.duplicate_of_id.and_then(|id| others.get(&id))),
                optional(row.posted_on),
            ])?;
        }
        export.report(&sheet);
    }
    export.end(sheet)
}
