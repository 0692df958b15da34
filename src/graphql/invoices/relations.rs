//! Relations of the parts of invoices: to their invoice, and between a part and its reversal.

use ::entity::id::InvoiceId;
use async_graphql::Context;
use uuid::Uuid;

use super::Invoice;
use crate::graphql::{
    batch::{BatchRow, distinct, grouped},
    caller,
    connection::{ConnectionNode, DIRECT, and, selected_columns},
};
use domain::{
    error::{Error, Result},
    invoices::{
        self,
        parts::{self, Reversible},
    },
};

/// Returns the invoice of each row of a batch; `None` for a row of an invoice that is not stored.
pub(super) async fn stored_invoice_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> InvoiceId,
) -> Result<Option<Invoice>> {
    let found = row.load(ctx, "invoice", || async {
        let ids = distinct(row.batch_rows().iter().map(id));
        let columns = selected_columns::<Invoice>(ctx, DIRECT);
        let rows = invoices::by_ids(caller(ctx), &ids, &columns).await?;
        Ok(grouped(BatchRow::each(rows), |row| row.id))
    });
    Ok(found.await?.get(&id(row)).and_then(|rows| rows.first()).cloned().map(Invoice))
}

/// Returns the invoice of each row of a batch. Fails with NOT_FOUND.
pub(super) async fn invoice_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> InvoiceId,
) -> Result<Invoice> {
    let found = stored_invoice_of(ctx, row, id).await?;
    found.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// Returns the part that each row of a batch reverses.
pub(super) async fn original_of<N: ConnectionNode<Row: Reversible>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    let Some(own) = row.reverses() else { return Ok(None) };
    let found = row.load(ctx, "original", || async {
        let ids: Vec<Uuid> = row.batch_rows().iter().filter_map(Reversible::reverses).collect();
        let columns = selected_columns::<N>(ctx, DIRECT);
        let rows = parts::by_ids::<N::Row>(caller(ctx), &ids, &columns).await?;
        Ok(grouped(BatchRow::each(rows), |row| row.part_id()))
    });
    Ok(found.await?.get(&own).and_then(|rows| rows.first()).cloned().map(N::of))
}

/// Returns the reversal of each row of a batch.
pub(super) async fn reversal_of<N: ConnectionNode<Row: Reversible>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    let found = row.load(ctx, "reversal", || async {
        let ids: Vec<Uuid> = row.batch_rows().iter().map(Reversible::part_id).collect();
        let columns = and(selected_columns::<N>(ctx, DIRECT), <N::Row as Reversible>::REVERSES);
        let rows = parts::reversals_of::<N::Row>(caller(ctx), &ids, &columns).await?;
        Ok(grouped(BatchRow::each(rows), |row| row.reverses()))
    });
    let own = Some(row.part_id());
    Ok(found.await?.get(&own).and_then(|rows| rows.first()).cloned().map(N::of))
}
