//! Refunds of overpayments, each with its own day and reference.

pub mod import;
mod overpayment;
mod recognition;
pub mod record;
pub mod reverse;

use ::entity::bank_payment;
use chrono::NaiveDate;

use super::bank::status;
use crate::{
    audit::{self, Change},
    error::Result,
    invoices::aggregate::InvoiceAggregate,
};

/// Records the refunded invoice in an outgoing row of the bank's file, which is excluded.
async fn exclude(
    change: &mut Change,
    row: &bank_payment::Model,
    aggregate: &InvoiceAggregate,
    today: NaiveDate,
) -> Result<bank_payment::Model> {
    let number = aggregate.row.number.as_deref().unwrap_or_default();
    let after = status::excluded(row, today, &format!("Återbetalning: faktura {number}"));
    audit::replace(change, after.clone()).await?;
    change.record(Some(row), Some(&after))?;
    Ok(after)
}
