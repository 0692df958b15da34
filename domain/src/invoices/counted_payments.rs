//! Payments of invoices: those that count for the days of settlement, and their order.

use std::collections::HashSet;

use crate::{
    database::{Database, among},
    error::Result,
};
use ::entity::{
    id::{InvoiceId, PaymentId},
    payment,
};
use chrono::NaiveDate;
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

/// Returns the payments that count for the days of settlement. A reversed payment never counts, on
/// any day.
pub fn counted(payments: &[payment::Model]) -> impl Iterator<Item = &payment::Model> {
    let reversed: HashSet<PaymentId> =
        payments.iter().filter_map(|payment| payment.reverses_id).collect();
    payments
        .iter()
        .filter(move |payment| payment.reverses_id.is_none() && !reversed.contains(&payment.id))
}

/// Returns the sort key of payments: the order in which they are applied to an invoice.
#[must_use]
pub fn order(payment: &payment::Model) -> (InvoiceId, NaiveDate, &str) {
    (payment.invoice_id, payment.received_on, &payment.reference)
}

/// Returns the payments of each of these invoices, the earliest first. The caller must have checked
/// that the viewer may read the invoices.
pub async fn of_invoices(db: &Database, invoices: &[InvoiceId]) -> Result<Vec<payment::Model>> {
    Ok(payment::Entity::find()
        .filter(among(
            db.backend(),
            Expr::col(payment::Column::InvoiceId),
            invoices.iter().copied(),
        ))
        .order_by_asc(payment::Column::ReceivedOn)
        .order_by_asc(payment::Column::Id)
        .all(db.read())
        .await?)
}
