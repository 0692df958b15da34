//! The state of the register that a chunk of invoices is merged with.

use std::collections::{BTreeSet, HashMap, HashSet};

use ::entity::{invoice, kind::InvoiceKind, number, partial::PartialRow};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::super::{
    credits::{self, Credits},
    drafts::{Head, Incoming},
    matches::{self, Matches},
};
use crate::{
    collation,
    database::among_words,
    error::Result,
    interchange::{
        File,
        import::session::Import,
        key_resolution::{self, Claims, Party, References},
        staging,
    },
    invoices::{aggregate::InvoiceAggregate, loading::parts_of, revenue_accounts::LineAccounts},
};

/// The stored invoices of a chunk, the rows that it refers to, and the values that only one invoice
/// may have.
pub(super) struct Lookups {
    pub existing: HashMap<String, InvoiceAggregate>,
    /// Keys of invoices with bad rows in any file.
    pub bad_keys: HashSet<String>,
    pub parties: References<Party>,
    pub credits: Credits,
    pub matches: Matches,
    pub numbers: Claims<String>,
    pub ocrs: Claims<String>,
    pub accounts: LineAccounts,
}

/// Loads the state that a chunk needs, in a handful of statements.
pub(super) async fn load(import: &Import<'_>, incoming: &[Incoming]) -> Result<Lookups> {
    let tx = import.tx();
    let heads =
        || incoming.iter().filter_map(|incoming| incoming.head.as_ref()).map(|line| &line.draft);
    let own = key_resolution::present(incoming.iter().map(|incoming| Some(incoming.key.as_str())));
    let rows =
        key_resolution::existing::<invoice::Model>(tx, &own, &invoice::Model::every_column())
            .await?;
    let mut parts = parts_of(tx, rows.values().map(|row| row.id).collect()).await?;
    let existing: HashMap<String, InvoiceAggregate> = rows
        .into_iter()
        .map(|(key, row)| {
            let (lines, payments, adjustments) = parts.remove(&row.id).unwrap_or_default();
            (key, InvoiceAggregate { row, lines, payments, adjustments })
        })
        .collect();
    let bad_keys = if import.is_good() {
        HashSet::new()
    } else {
        staging::bad(tx, File::Invoices, &own).await?
    };
    let numbers: BTreeSet<&str> = heads().filter_map(|head| head.number.as_deref()).collect();
    let ocrs = heads()
        .flat_map(|head| [head.ocr.clone().flatten(), derived_ocr(head)])
        .flatten()
        .collect();
    Ok(Lookups {
        bad_keys,
        matches: matches::load(
            import,
            incoming,
            existing
                .values()
                .flat_map(|invoice| &invoice.payments)
                .map(|payment| payment.id)
                .collect(),
        )
        .await?,
        parties: key_resolution::parties(
            import,
            key_resolution::present(heads().map(|head| Some(head.buyer.as_str()))),
        )
        .await?,
        credits: credits::load(import, incoming, &existing).await?,
        numbers: Claims::new(numbers_of(tx, numbers).await?),
        ocrs: Claims::new(
            key_resolution::owners::<invoice::Model>(tx, invoice::Column::Ocr, &ocrs).await?,
        ),
        accounts: LineAccounts::load(tx, import.network).await?,
        existing,
    })
}

/// Returns the document with each of these numbers, by kind and number: invoices and credit notes
/// have a series each.
async fn numbers_of(
    tx: &impl ConnectionTrait,
    numbers: BTreeSet<&str>,
) -> Result<HashMap<String, Uuid>> {
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    // The index is on the numbers' sort keys; several numbers may share one.
    let keys: BTreeSet<String> = numbers.into_iter().map(collation::number_key).collect();
    let select = Query::select()
        .columns([invoice::Column::Kind, invoice::Column::Number, invoice::Column::Id])
        .from(invoice::Entity)
        .and_where(among_words(
            tx.get_database_backend(),
            Expr::col(invoice::Column::NumberKey),
            &keys,
        ))
        .take();
    let found = tx.query_all(&select).await?;
    let row = |row: &sea_orm::QueryResult| -> Result<_> {
        let (kind, number): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok((format!("{kind} {number}"), row.try_get_by_index(2)?))
    };
    found.iter().map(row).collect()
}

/// Returns the OCR reference that follows from an invoice's number; `None` unless the number
/// consists of digits and hyphens.
pub(super) fn derived_ocr(head: &Head) -> Option<String> {
    let number = head.number.as_deref().filter(|_| head.kind == InvoiceKind::Invoice)?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    number::ocr(&number.replace('-', "")).filter(|_| is_plain)
}
