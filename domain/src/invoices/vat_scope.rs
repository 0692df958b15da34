//! Items within the scope of VAT, whose invoices need a seller with a VAT number.

use sea_orm::{ConnectionTrait, Statement};

use crate::{database::Database, error::Result};

/// Returns `true` if a line of an invoice, a fee or a tax decision is within the scope of VAT.
///
/// # Errors
/// INTERNAL if the database can't be read.
pub async fn has_items_within(db: &Database) -> Result<bool> {
    const FIRST: &str = "SELECT 1 WHERE
        EXISTS (SELECT 1 FROM fee_schedule WHERE vat_rate <> 'OUTSIDE_SCOPE')
        OR EXISTS (
            SELECT 1 FROM agreement WHERE direction = 'INCOME' AND vat_rate <> 'OUTSIDE_SCOPE'
        )
        OR EXISTS (SELECT 1 FROM tax_decision WHERE vat_rate <> 'OUTSIDE_SCOPE')
        OR EXISTS (SELECT 1 FROM invoice_line WHERE vat_rate <> 'OUTSIDE_SCOPE')";
    let found = db.read().query_one_raw(Statement::from_string(db.backend(), FIRST)).await?;
    Ok(found.is_some())
}
