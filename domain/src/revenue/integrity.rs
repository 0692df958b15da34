//! Integrity of invoices and revenue: stored values must agree with the facts that they are derived
//! from.

use std::collections::BTreeSet;

use ::entity::{revenue_month, term::add_months};
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
    let months: BTreeSet<NaiveDate> = days.into_iter().map(month_of).collect();
    let mut found = Vec::new();
    for (first, last) in successive(&months) {
        let stored = revenue_month::Entity::find()
            .filter(revenue_month::Column::Month.between(first, last))
            .all(db)
            .await?;
        found.extend(compare(
            stored,
            monthly_totals::expected(db, Months::Between(first, last)).await?,
        ));
    }
    Ok(found)
}

/// Returns the first and the last of each series of successive months. Months are named by their
/// first day.
fn successive(months: &BTreeSet<NaiveDate>) -> Vec<(NaiveDate, NaiveDate)> {
    let mut series: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for &month in months {
        match series.last_mut().filter(|(_, last)| add_months(*last, 1) == month) {
            Some((_, last)) => *last = month,
            None => series.push((month, month)),
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successive_months_are_compared_together() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let months = ["2025-12-01", "2026-01-01", "2026-02-01", "2026-04-01"].map(day).into();
        let series = [("2025-12-01", "2026-02-01"), ("2026-04-01", "2026-04-01")];
        assert_eq!(successive(&months), series.map(|(first, last)| (day(first), day(last))));
        assert!(successive(&BTreeSet::new()).is_empty());
    }
}
