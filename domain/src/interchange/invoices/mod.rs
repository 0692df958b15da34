//! invoices.csv, invoice_lines.csv and payments.csv, three files about one object, and the files
//! that belong to them: adjustments.csv, reminders.csv, fee_charges.csv and invoice_documents.csv.
//!
//! Lines and payments are staged first, in any order. Then invoices are imported in chunks, each
//! with its lines and payments, so that an invoice is checked, compared, written and recorded as a
//! whole. Credit notes follow the invoices that they credit. Lines and payments of invoices that
//! only the register has come last.

mod adjustments;
mod charges;
mod credits;
mod documents;
mod drafts;
mod files;
mod matches;
mod merging;
mod payments;
mod reminders;

use std::collections::{BTreeMap, BTreeSet};

use ::entity::{id::InvoiceId, invoice, kind::InvoiceKind};

pub(super) use files::export;

use self::{
    drafts::{Head, Incoming},
    merging::merge,
};
use super::{
    File,
    import::session::{CHUNK, Import},
    key_resolution,
    row::Line,
    staging,
};
use crate::error::Result;

/// Imports the files.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    drafts::stage_lines(import).await?;
    drafts::stage_payments(import).await?;
    staging::index(import.tx()).await?;
    for kind in [InvoiceKind::Invoice, InvoiceKind::CreditNote] {
        let Some(mut table) = import.open(File::Invoices)? else { break };
        // The first pass has reported malformed rows.
        table.is_quiet = kind == InvoiceKind::CreditNote;
        let mut postponed = Vec::new();
        while let Some(mut lines) = import.chunk(&mut table, |cells| drafts::read(kind, cells))? {
            import
                .check_keys::<invoice::Model, _>(File::Invoices, &mut lines, |head| &head.key)
                .await?;
            postponed.extend(take(import, lines, false).await?);
        }
        // A correction may precede the corrected invoice in the file. It is retried until a round
        // imports none.
        let mut is_last = false;
        while !postponed.is_empty() {
            let count = postponed.len();
            let mut rest = std::mem::take(&mut postponed).into_iter().peekable();
            while rest.peek().is_some() {
                let lines = rest.by_ref().take(CHUNK).collect();
                postponed.extend(take(import, lines, is_last).await?);
            }
            is_last = postponed.len() == count;
        }
    }
    let mut last = String::new();
    loop {
        let keys = staging::without_head(import.tx(), &last, CHUNK as u64).await?;
        let Some(key) = keys.last() else { break };
        last.clone_from(key);
        let incoming = keys.into_iter().map(Incoming::without_head).collect();
        Box::pin(merge(import, with_parts(import, incoming).await?)).await?;
    }
    credits::check(import).await?;
    adjustments::import(import).await?;
    reminders::import(import).await?;
    charges::import(import).await?;
    documents::import(import).await
}

/// Merges rows of invoices.csv with their lines and payments. Returns the rows that correct an
/// invoice that doesn't exist yet.
async fn take(
    import: &mut Import<'_>,
    lines: Vec<Line<Head>>,
    is_last: bool,
) -> Result<Vec<Line<Head>>> {
    let corrected = |line: &Line<Head>| line.draft.corrects.clone().flatten();
    let wanted: BTreeSet<String> = lines.iter().filter_map(corrected).collect();
    let mut postponed = Vec::new();
    let mut ready = lines;
    if !is_last && !wanted.is_empty() {
        let there = key_resolution::references::<invoice::Model, InvoiceId>(
            import,
            "invoice",
            File::Invoices,
            wanted,
        )
        .await?;
        // A corrected invoice of the same chunk may be a draft until the chunk is written.
        let same_chunk: BTreeSet<String> =
            ready.iter().map(|line| line.draft.key.clone()).collect();
        let waits = |line: &Line<Head>| {
            corrected(line).is_some_and(|key| there.is_missing(&key) || same_chunk.contains(&key))
        };
        (postponed, ready) = ready.into_iter().partition(waits);
    }
    if !ready.is_empty() {
        let incoming = ready.into_iter().map(Incoming::of_head).collect();
        // Boxed, since the future of a merge is too large for the stack.
        Box::pin(merge(import, with_parts(import, incoming).await?)).await?;
    }
    Ok(postponed)
}

/// Adds the staged lines and payments to invoices.
async fn with_parts(import: &Import<'_>, incoming: Vec<Incoming>) -> Result<Vec<Incoming>> {
    let keys = incoming.iter().map(|incoming| incoming.key.clone()).collect();
    let mut lines: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for row in staging::waiting(import.tx(), File::InvoiceLines, &keys).await? {
        lines.entry(row.key).or_default().push((row.line, drafts::parse(&row.record)?));
    }
    let mut payments: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for row in staging::waiting(import.tx(), File::Payments, &keys).await? {
        payments.entry(row.key).or_default().push((row.line, drafts::parse(&row.record)?));
    }
    let with = |mut incoming: Incoming| {
        // A second row of the same key is bad, and doesn't get them as well.
        incoming.lines = lines.remove(&incoming.key).unwrap_or_default();
        incoming.payments = payments.remove(&incoming.key).unwrap_or_default();
        incoming
    };
    Ok(incoming.into_iter().map(with).collect())
}
