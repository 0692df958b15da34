//! Integrity of invoices and revenue: stored values must agree with the facts that they are derived
//! from.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::revenue_month;
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::{
    database::Database,
    error::Result,
    findings::Findings,
    invoices::{
        self,
        monthly_totals::{self, Months},
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
    for month in days.into_iter().map(monthly_totals::month_of).collect::<BTreeSet<_>>() {
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

fn compare(stored: Vec<revenue_month::Model>, expected: Vec<revenue_month::Model>) -> Vec<String> {
    let by_key = |rows: Vec<revenue_month::Model>| -> BTreeMap<_, _> {
        rows.into_iter().map(|row| ((row.month, row.activity_id), row)).collect()
    };
    let (stored, mut expected) = (by_key(stored), by_key(expected));
    let mut found = Vec::new();
    for (key, stored) in stored {
        let expected = expected.remove(&key).unwrap_or_else(|| revenue_month::Model {
            month: key.0,
            activity_id: key.1,
            ..Default::default()
        });
        if stored != expected {
            found.push(sentence(&stored, &expected));
        }
    }
    let none = |row: &revenue_month::Model| revenue_month::Model {
        month: row.month,
        activity_id: row.activity_id,
        ..Default::default()
    };
    found.extend(
        expected
            .into_values()
            .filter(|row| *row != none(row))
            .map(|row| sentence(&none(&row), &row)),
    );
    found
}

fn sentence(stored: &revenue_month::Model, expected: &revenue_month::Model) -> String {
    let activity = if expected.activity_id.is_nil() {
        "no activity".to_owned()
    } else {
        format!("activity {}", expected.activity_id.simple())
    };
    let sums = |row: &revenue_month::Model| {
        format!(
            "{} invoiced, {} credited, {} paid, {} on no line and {} invoices",
            row.invoiced_net, row.credited_net, row.paid_net, row.unattributed, row.invoices
        )
    };
    format!(
        "the revenue of {} for {activity} is stored as {}, but comes to {}",
        expected.month.format("%Y-%m"),
        sums(stored),
        sums(expected)
    )
}
