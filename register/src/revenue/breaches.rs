//! Whether what is stored of invoices and revenue is what it must be.

use std::collections::BTreeMap;

use ::entity::revenue_month;
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::{
    database::Database,
    error::Result,
    invoices::{self, months},
};

/// Every breach of what must hold between invoices, lines, payments, numbers and the totals by month that are kept of them: a sentence each.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn breaches(db: &Database) -> Result<Vec<String>> {
    // What somebody writes meanwhile must not look broken.
    let tx = db.snapshot().await?;
    let mut found = invoices::breaches::breaches(&tx).await?;
    found.extend(of_months(&tx).await?);
    Ok(found)
}

async fn of_months(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let by_key =
        |rows: Vec<revenue_month::Model>| -> BTreeMap<_, _> { rows.into_iter().map(|row| ((row.month, row.activity_id), row)).collect() };
    let stored = by_key(revenue_month::Entity::find().all(db).await?);
    let mut expected = by_key(months::expected(db).await?);
    let mut found = Vec::new();
    for (key, stored) in stored {
        let expected =
            expected.remove(&key).unwrap_or_else(|| revenue_month::Model { month: key.0, activity_id: key.1, ..Default::default() });
        if stored != expected {
            found.push(sentence(&stored, &expected));
        }
    }
    let none = |row: &revenue_month::Model| revenue_month::Model { month: row.month, activity_id: row.activity_id, ..Default::default() };
    found.extend(expected.into_values().filter(|row| *row != none(row)).map(|row| sentence(&none(&row), &row)));
    Ok(found)
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
