//! reminders.csv: sent reminders of invoices.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    id::{InvoiceId, ReminderId},
    invoice,
    kind::InvoiceKind,
    money::Money,
    reminder::{Column, Entity, Model},
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use super::super::{
    File,
    bulk_insert::Batch,
    export::session::Sheet,
    import::session::Import,
    key_resolution,
    row::{Cells, Line},
};
use crate::{
    database::among,
    error::Result,
    invoices::claim_terms::{LATE_COMPENSATION, MAX_REMINDER_FEE},
};

/// A row of reminders.csv.
struct Draft {
    invoice: String,
    sent_on: NaiveDate,
    fee: Money,
}

fn read(cells: &mut Cells<'_>) -> Option<Draft> {
    let draft = Draft {
        invoice: cells.key("invoice"),
        sent_on: cells.day("sent_on"),
        fee: cells.decimal("fee"),
    };
    cells.check(|errors| {
        let is_lawful = (Money::ZERO..=MAX_REMINDER_FEE).contains(&draft.fee) || draft.fee == LATE_COMPENSATION;
        let message = "must be 0 to 60.00, the most that a reminder may cost, or 450.00 for the delay (lag 1981:739 4 and 4 a §§)";
        errors.expect(is_lawful, "fee", message);
    });
    Some(draft)
}

/// Imports reminders.csv. A reminder is identified by its invoice and day.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    let Some(mut table) = import.open(File::Reminders)? else { return Ok(()) };
    while let Some(mut lines) = import.chunk(&mut table, read)? {
        let name = |draft: &Draft| format!("{} {}", draft.invoice, draft.sent_on);
        import.check_names(File::Reminders, &mut lines, "", name).await?;
        merge(import, lines).await?;
    }
    Ok(())
}

async fn merge(import: &mut Import<'_>, lines: Vec<Line<Draft>>) -> Result<()> {
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
    let rows =
        key_resolution::by_ids::<invoice::Model>(import.tx(), ids.iter().map(|id| id.0).collect())
            .await?;
    let mut reminders: HashMap<InvoiceId, Vec<Model>> = HashMap::new();
    for reminder in of_invoices(import.tx(), ids).await? {
        reminders.entry(reminder.invoice_id).or_default().push(reminder);
    }
    let mut batch = Batch::default();
    for mut line in lines {
        let key = line.draft.invoice.clone();
        let row = invoices.find(&mut line, "invoice", Some(&key)).and_then(|id| rows.get(&id.0));
        let sent = reminders.entry(row.map(|row| row.id).unwrap_or_default()).or_default();
        if let Some(row) = row {
            check(&mut line, row, sent);
        }
        let (Some(draft), Some(row)) =
            (import.accept(File::Reminders, |_| String::new(), line), row)
        else {
            continue;
        };
        let before = sent.iter().find(|reminder| reminder.sent_on == draft.sent_on).cloned();
        let id = before.as_ref().map_or_else(ReminderId::new, |before| before.id);
        let after = Model { id, invoice_id: row.id, sent_on: draft.sent_on, fee: draft.fee };
        if before.is_none() {
            sent.push(after.clone());
        }
        import.put(File::Reminders, before.as_ref(), after, &mut batch)?;
    }
    batch.write(import.tx()).await?;
    import.settle().await
}

/// Adds an error if a reminder contradicts the invoice or the reminders that were sent of it.
fn check(line: &mut Line<Draft>, row: &invoice::Model, sent: &[Model]) {
    let Draft { sent_on, fee, .. } = line.draft;
    match (row.kind, row.due_on) {
        (InvoiceKind::CreditNote, _) => {
            line.error("invoice", "is a credit note, which is not paid")
        }
        (InvoiceKind::Invoice, None) => line.error("invoice", "is a draft, which is not due"),
        (InvoiceKind::Invoice, Some(due_on)) if sent_on <= due_on => {
            line.error("sent_on", format!("must be after {due_on}, the last day to pay"));
        }
        (InvoiceKind::Invoice, Some(_)) => {}
    }
    match sent.iter().find(|reminder| reminder.sent_on == sent_on) {
        Some(same) if same.fee != fee => line.error(
            "fee",
            format!("differs from the reminder that was sent, which cost {}", same.fee),
        ),
        Some(_) => {}
        None if fee > Money::ZERO && sent.iter().any(|reminder| reminder.fee > Money::ZERO) => {
            line.error("fee", "must be 0: an invoice has one reminder fee, and it was charged");
        }
        None => {}
    }
}

/// Returns the reminders of these invoices, in the order of their days.
pub(super) async fn of_invoices(
    tx: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<Vec<Model>> {
    if invoices.is_empty() {
        return Ok(Vec::new());
    }
    let theirs = among(tx.get_database_backend(), Expr::col(Column::InvoiceId), invoices);
    Ok(Entity::find()
        .filter(theirs)
        .order_by_asc(Column::InvoiceId)
        .order_by_asc(Column::SentOn)
        .all(tx)
        .await?)
}

/// Writes the reminders of an invoice.
pub(super) fn write(sheet: &mut Sheet, invoice: &str, reminders: &[Model]) -> Result<()> {
    let mut rows = reminders.iter();
    rows.try_for_each(|row| {
        sheet.write([invoice.to_owned(), row.sent_on.to_string(), row.fee.to_string()])
    })
}
