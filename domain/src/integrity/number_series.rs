//! Numbers of invoices, credit notes, vouchers and archived documents: gaps in their series, and
//! days out of order.

use sea_orm::ConnectionTrait;

use crate::{archived_documents, error::Result, findings::Findings, invoices, vouchers};

/// Returns the numbers that are missing in the series, and the days that do not follow the numbers.
/// They are violations, or notes for imported history.
pub(super) async fn findings(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut found = invoices::integrity::series(db).await?;
    found.extend(vouchers::integrity::findings(db).await?);
    found.violations.extend(archived_documents::integrity::violations(db).await?);
    Ok(found)
}
