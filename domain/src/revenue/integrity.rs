//! Whether what is stored of invoices and revenue is what it must be.

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
};

/// Every breach of what must hold between invoices, lines, payments, numbers and the totals by
/// month that are kept of them: a sentence each.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn violations(db: &Database) -> Result<Vec<String>> {
    // What somebody writes meanwhile must not look broken.
    Ok(findings(&db.snapshot().await?).await?.violations)
}

/// The same with notes of what came so with imported history, in a snapshot.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn findings(db: &impl ConnectionTrait) -> Result<Findings> {
    let mut found = invoices::integrity::findings(db).await?;
    found.violations.extend(of_months(db).await?);
    Ok(found)
}

/// Totals by month and activity that are not what documents and payments come to: a sentence each.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of_months(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let stored = revenue_month::Entity::find().all(db).await?;
    Ok(compare(stored, monthly_totals::expected(db, Months::All).await?))
}

/// The same of the months of these days alone.
///
/// # Errors
/// INTERNAL when the database fails.
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
        "what belongs to no activity".to_owned()
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
