//! Lines of invoices, and the VAT that follows from them.

use std::collections::HashMap;

use ::entity::{
    id::InvoiceId,
    invoice_line::{Column, Entity, Model},
};
use sea_orm::{
    Order,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::amounts::{RateSum, by_rate};
use crate::{
    database::{Database, among, rows},
    error::Result,
};

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Returns the lines of each of these invoices, in order. The caller must have checked that the
/// viewer may read the invoices.
pub async fn of_invoices(
    db: &Database,
    invoices: &[InvoiceId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let select = Query::select()
        .from(Entity)
        .columns(columns.iter().map(|column| (Entity, *column)))
        .and_where(among(db.backend(), column(Column::InvoiceId), invoices.iter().copied()))
        .order_by_expr(column(Column::InvoiceId), Order::Asc)
        .order_by_expr(column(Column::Position), Order::Asc)
        .take();
    rows(db.read(), &select, columns).await
}

/// Returns the VAT of each of these invoices by rate, in descending order of rate. The caller must
/// have checked that the viewer may read the invoices.
pub async fn vat_of(
    db: &Database,
    invoices: &[InvoiceId],
) -> Result<HashMap<InvoiceId, Vec<RateSum>>> {
    let lines =
        of_invoices(db, invoices, &[Column::InvoiceId, Column::VatRate, Column::Net, Column::Vat])
            .await?;
    // The lines are sorted by invoice.
    Ok(lines
        .chunk_by(|one, next| one.invoice_id == next.invoice_id)
        .map(|lines| (lines[0].invoice_id, by_rate(lines)))
        .collect())
}
