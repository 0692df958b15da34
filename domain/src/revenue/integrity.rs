//! Integrity of invoices and revenue: stored values must agree with the facts that they are derived
//! from.

use std::collections::BTreeSet;

use ::entity::term::add_months;
use chrono::NaiveDate;
use sea_orm::ConnectionTrait;

use super::totals_comparison::compare;
use crate::{
    database::Database,
    error::Result,
    findings::Findings,
    invoices::{
        self,
        stored_totals::{self, Months, Totals},
        totals_delta::{month_of, year_of},
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

/// Returns the totals by month and activity, and by year and member, that do not agree with the
/// documents and payments, one sentence each.
pub async fn of_months(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    differences(db, &Totals::ALL, Months::All).await
}

/// Checks like [`of_months`], only the months of these days, and the years of these.
pub async fn of_months_with(
    db: &impl ConnectionTrait,
    days: impl IntoIterator<Item = NaiveDate>,
) -> Result<Vec<String>> {
    let months: BTreeSet<NaiveDate> = days.into_iter().map(month_of).collect();
    let mut found = Vec::new();
    for (first, last) in successive(&months, 1) {
        let months = Months::Between(first, last);
        found.extend(differences(db, &[Totals::Activities], months).await?);
    }
    let years = months.into_iter().map(year_of).collect();
    for (first, last) in successive(&years, 12) {
        let years = Months::Between(first, last);
        found.extend(differences(db, &[Totals::Members], years).await?);
    }
    Ok(found)
}

/// Returns the differences of these totals in these months.
async fn differences(
    db: &impl ConnectionTrait,
    of: &[Totals],
    months: Months,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for &totals in of {
        let stored = stored_totals::stored(db, totals, months).await?;
        let expected = stored_totals::expected(db, totals, months).await?;
        found.extend(compare(totals, stored, expected));
    }
    Ok(found)
}

/// Returns the first and the last of each series of successive periods of so many months. Periods
/// are named by their first day.
fn successive(periods: &BTreeSet<NaiveDate>, months: i32) -> Vec<(NaiveDate, NaiveDate)> {
    let mut series: Vec<(NaiveDate, NaiveDate)> = Vec::new();
    for &start in periods {
        match series.last_mut().filter(|(_, last)| add_months(*last, months) == start) {
            Some((_, last)) => *last = start,
            None => series.push((start, start)),
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
        assert_eq!(successive(&months, 1), series.map(|(first, last)| (day(first), day(last))));
        assert!(successive(&BTreeSet::new(), 1).is_empty());
        let years = ["2024-01-01", "2025-01-01", "2027-01-01"].map(day).into();
        let series = [("2024-01-01", "2025-01-01"), ("2027-01-01", "2027-01-01")];
        assert_eq!(successive(&years, 12), series.map(|(first, last)| (day(first), day(last))));
    }
}
