//! bank_payments.csv: what the bank's files told, kept as it was told. What of it was matched follows from payments.csv.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    bank_payment::{Column, Model},
    id::BankPaymentId,
    kind::BankFinding,
    money::Money,
};
use chrono::{DateTime, NaiveDate, Utc};

use super::{
    File,
    cells::{Cells, Line},
    export::{CHUNK, Export, instant, optional},
    import::Import,
    keys,
    writing::Batch,
};
use crate::{
    audit::forms::ERASED,
    error::{LINE, Result, TEXT},
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
        payer_org_number: cells.optional::<::entity::number::OrgNumber>("payer_org_number").map(|number| number.to_string()),
        finding: cells.value("finding"),
        set_aside_on: cells.optional_day("set_aside_on"),
        set_aside_reason: cells.optional_text("set_aside_reason", LINE),
    };
    cells.check(|faults| {
        faults.expect(draft.amount != Money::ZERO, "amount", "must not be nought");
        let has_both = draft.set_aside_on.is_some() == draft.set_aside_reason.is_some();
        faults.expect(has_both, "set_aside_reason", "must be given together with set_aside_on");
    });
    Some(draft)
}

/// Reads bank_payments.csv: one is known by what the bank knows it by.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::BankPayments)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        import.check_names(File::BankPayments, &mut lines, "bank_reference", |draft| draft.bank_reference.clone()).await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
    let references: BTreeSet<String> = lines.iter().map(|line| line.draft.bank_reference.clone()).collect();
    let existing: HashMap<String, Model> = keys::bank_payments(import.tx(), &references).await?;
    let mut batch = Batch::default();
    for mut line in lines {
        let before = existing.get(&line.draft.bank_reference);
        let after = build(&line.draft, before);
        if let Some(before) = before {
            keep(&mut line, before, &after);
        }
        if import.accept(File::BankPayments, |draft| draft.bank_reference.clone(), line).is_some() {
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
    }
}

/// Faults whatever would change about what the bank told.
fn keep(line: &mut Line<Draft>, before: &Model, after: &Model) {
    let differing = [
        ("file_name", before.file_name != after.file_name),
        ("file_sha256", before.file_sha256 != after.file_sha256),
        ("imported_at", before.imported_at != after.imported_at),
        ("account", before.account != after.account),
        ("booked_on", before.booked_on != after.booked_on),
        ("amount", before.amount != after.amount),
        ("reference", before.reference != after.reference),
        ("message", before.message != after.message),
        ("payer_name", before.payer_name != after.payer_name),
        ("payer_org_number", before.payer_org_number != after.payer_org_number),
        ("finding", before.finding != after.finding),
        // The reason of a payment that was set aside changes, but not from what an erasure left.
        ("set_aside_reason", before.set_aside_reason.as_deref() == Some(ERASED) && before.set_aside_reason != after.set_aside_reason),
    ];
    let was_good = line.is_good();
    let is_erased = [&before.reference, &before.message, &before.payer_name, &before.payer_org_number].into_iter().all(Option::is_none);
    for (column, _) in differing.into_iter().filter(|(_, differs)| *differs && was_good) {
        let is_personal = matches!(column, "reference" | "message" | "payer_name" | "payer_org_number" | "set_aside_reason");
        line.fault(
            column,
            if is_personal && is_erased {
                "is empty in the register, as after the erasure of the payer; what an older file says of a person must not come back"
            } else {
                "differs from what the bank reported before, which never changes"
            },
        );
    }
}

/// Writes bank_payments.csv.
pub(super) async fn export(export: &mut Export<'_>) -> Result<()> {
    let order = export.in_order(&[Column::Id, Column::BankReference], |row: &Model| row.bank_reference.clone()).await?;
    let mut sheet = export.begin(File::BankPayments, order.len())?;
    for ids in order.chunks(CHUNK) {
        for row in export.rows::<Model>(ids).await? {
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
            ])?;
        }
        export.tell(&sheet);
    }
    export.end(sheet)
}
