//! Lines of invoices, and the VAT that follows from them.

use std::collections::HashMap;

use ::entity::{
    id::InvoiceId,
    invoice_line::{Column, Entity, Model},
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Query};

use super::amounts::{RateSum, by_rate};
use crate::{audit::Change, context::Context, error::Result, query};

/// Returns the lines of each of these invoices, in order. The caller must have checked that the
/// viewer may read the invoices.
pub async fn of_invoices(
    ctx: Context<'_>,
    invoices: &[InvoiceId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let (select, key) = (Query::select().from(Entity).take(), Column::InvoiceId);
    query::rows_among(ctx.db, select, key, invoices, &[key, Column::Position], columns).await
}

/// Returns the VAT of each of these invoices by rate, in descending order of rate. The caller must
/// have checked that the viewer may read the invoices.
pub async fn vat_of(
    ctx: Context<'_>,
    invoices: &[InvoiceId],
) -> Result<HashMap<InvoiceId, Vec<RateSum>>> {
    let lines =
        of_invoices(ctx, invoices, &[Column::InvoiceId, Column::VatRate, Column::Net, Column::Vat])
            .await?;
    // The lines are sorted by invoice.
    Ok(lines
        .chunk_by(|one, next| one.invoice_id == next.invoice_id)
        .map(|lines| (lines[0].invoice_id, by_rate(lines)))
        .collect())
}

/// Inserts lines.
pub(super) async fn insert(change: &Change, lines: &[Model]) -> Result<()> {
    for block in lines.chunks(250) {
        let rows = block.iter().cloned().map(IntoActiveModel::into_active_model);
        Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}

/// Deletes the lines of a draft.
pub(super) async fn delete(change: &Change, invoice: InvoiceId) -> Result<()> {
    Entity::delete_many().filter(Column::InvoiceId.eq(invoice)).exec(change.tx()).await?;
    Ok(())
}
