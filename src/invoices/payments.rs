//! What has come in on invoices, and the reminders of what has not.

use ::entity::{id::InvoiceId, payment, reminder};
use chrono::NaiveDate;
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use crate::{
    database::{Database, among},
    error::Result,
};

/// The order in which payments of an invoice pay it.
#[must_use]
pub fn order(payment: &payment::Model) -> (InvoiceId, NaiveDate, &str) {
    (payment.invoice_id, payment.received_on, &payment.reference)
}

/// The payments of each of these invoices, which the viewer must be known to see, the first one first.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of_invoices(db: &Database, invoices: &[InvoiceId]) -> Result<Vec<payment::Model>> {
    Ok(payment::Entity::find()
        .filter(among(db.backend(), Expr::col(payment::Column::InvoiceId), invoices.iter().copied()))
        .order_by_asc(payment::Column::ReceivedOn)
        .order_by_asc(payment::Column::Id)
        .all(db.read())
        .await?)
}

/// The reminders of each of these invoices, which the viewer must be known to see, the first one first.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn reminders_of(db: &Database, invoices: &[InvoiceId]) -> Result<Vec<reminder::Model>> {
    Ok(reminder::Entity::find()
        .filter(among(db.backend(), Expr::col(reminder::Column::InvoiceId), invoices.iter().copied()))
        .order_by_asc(reminder::Column::SentOn)
        .order_by_asc(reminder::Column::Id)
        .all(db.read())
        .await?)
}
