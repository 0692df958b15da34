//! Integrity of invoices and revenue: stored values must agree with the facts that they are derived
//! from.

use std::collections::BTreeSet;

use ::entity::revenue_month;
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::month_comparison::compare;
use crate::{
    database::Database,
    error::Result,
    findings::Findings,
    invoices::{
        self,
        monthly_totals::{self, Months},
        totals_delta::month_of,
    },
    payments::bank,
    vouchers,
};

/// Returns the violations in invoices, lines, payments, numbers and their stored totals by month,
/// one sentence each.
pub async fn violations(db: &Database) -> Result<Vec<String>> {
    // In a snapshot, so that concurrent writes do not look like violations.
    Ok(findings(&db.snapshot().await?).await?.violations)
}

/// Returns the violations, and notes about violations that came with imported history, in a
/// snapshot.
pub async fn findings(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut found = invoices::integrity::findings(db).await?;
    found.extend(vouchers::integrity::findings(db).await?);
    found.violations.extend(bank::integrity::violations(db).await?);
    found.violations.extend(of_months(db).await?);
    Ok(found)
}

/// Returns the totals by month and activity that do not agree with the documents and payments, one
/// sentence each.
pub async fn of_months(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let stored = revenue_month::Entity::find().all(db).await?;
    Ok(compare(stored, monthly_totals::expected(db, Months::All).await?))
}

/// Checks like [`of_months`], only the months of these days.
pub async fn of_months_with(
    db: &impl ConnectionTrait,
    days: impl IntoIterator<Item = NaiveDate>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for month in days.into_iter().map(month_of).collect::<BTreeSet<_>>() {
        let stored = revenue_month::Entity::find()
            .filter(revenue_month::Column::Month.eq(month))
            .all(db)
            .await?;
        found.extend(compare(
            stored,
            monthly_totals::expected(db, Months::Between(month, month)).await?,
        ));
    }
    Ok(found)
}
