//! invoices.csv, invoice_lines.csv and payments.csv: three files that tell of one thing.
//!
//! Lines and payments are put aside first, whatever their order; then invoices are taken a few hundred at a time, each with its
//! lines and payments, so that an invoice is checked, compared, written and recorded as a whole. Credit notes come after the
//! invoices that they credit, and last come lines and payments of invoices that only the register has.

mod credits;
mod drafts;
mod files;
mod merging;
mod payments;

use std::collections::BTreeMap;

use ::entity::{invoice, kind::InvoiceKind};

pub(super) use files::export;

use self::{drafts::Incoming, merging::merge};
use super::{
    File,
    import::{CHUNK, Import},
    staging,
};
use crate::error::Result;

/// Reads the three files.
pub(super) async fn import(import: &mut Import<'_>) -> Result<()> {
    drafts::put_lines_aside(import).await?;
    drafts::put_payments_aside(import).await?;
    staging::index(import.tx()).await?;
    for kind in [InvoiceKind::Invoice, InvoiceKind::CreditNote] {
        let Some(mut table) = import.open(File::Invoices)? else { break };
        // What can't be read as a row at all was told the first time.
        table.is_quiet = kind == InvoiceKind::CreditNote;
        while let Some(mut lines) = import.chunk(&mut table, |cells| drafts::read(kind, cells))? {
            import.check_keys::<invoice::Model, _>(File::Invoices, &mut lines, |head| &head.key).await?;
            let incoming = lines.into_iter().map(Incoming::of_head).collect();
            // Much is kept while a chunk is merged, which is no thing for the stack.
            Box::pin(merge(import, with_parts(import, incoming).await?)).await?;
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
    credits::check(import).await
}

/// Gives each its lines and payments that were put aside.
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
        // A second row of the same key is bad, and must not have them too.
        incoming.lines = lines.remove(&incoming.key).unwrap_or_default();
        incoming.payments = payments.remove(&incoming.key).unwrap_or_default();
        incoming
    };
    Ok(incoming.into_iter().map(with).collect())
}
