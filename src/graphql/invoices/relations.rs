//! Invoices and their parts for mutations, and relations of parts: to their invoice, and between a
//! part and its reversal.

use std::collections::HashMap;

use ::entity::{id::InvoiceId, invoice};
use async_graphql::Context;
use uuid::Uuid;

use super::types::{Invoice, node};
use crate::graphql::{
    batch::{BatchRow, grouped},
    caller,
    connection::{self, ConnectionNode, DIRECT, and, every, selected_columns},
};
use domain::{
    error::{Error, Result},
    invoices::{
        self,
        parts::{self, InvoicePart, Reversible},
    },
};

/// Returns the invoice of each row of a batch; `None` for a row of an invoice that is not stored.
pub(in crate::graphql) async fn stored_invoice_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> InvoiceId,
) -> Result<Option<Invoice>> {
    let id = |row: &M| Some(id(row));
    connection::referenced::<Invoice, _, _>(
        ctx,
        row,
        id,
        |row: &invoice::Model| row.id,
        |ctx, ids, columns| Box::pin(invoices::by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// Returns the invoice of each row of a batch. Fails with NOT_FOUND.
pub(in crate::graphql) async fn invoice_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> InvoiceId,
) -> Result<Invoice> {
    let found = stored_invoice_of(ctx, row, id).await?;
    found.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// Returns the part that each row of a batch reverses.
pub(in crate::graphql) async fn original_of<N: ConnectionNode<Row: Reversible>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    let (id, key) = (Reversible::reverses, Reversible::part_id);
    connection::referenced::<N, _, _>(ctx, row, id, key, |ctx, ids, columns| {
        Box::pin(parts::by_ids::<N::Row>(caller(ctx), ids, columns))
    })
    .await
}

/// Returns the reversal of each row of a batch.
pub(in crate::graphql) async fn reversal_of<N: ConnectionNode<Row: Reversible>>(
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

/// Returns the invoice of a mutation. Fails with NOT_FOUND.
pub(in crate::graphql) async fn changed(ctx: &Context<'_>, id: InvoiceId) -> Result<Invoice> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// Returns the invoices of a bulk mutation.
pub(in crate::graphql) async fn changed_each(
    ctx: &Context<'_>,
    ids: &[InvoiceId],
) -> Result<HashMap<InvoiceId, Invoice>> {
    let rows = invoices::by_ids(caller(ctx), ids, &every::<Invoice>()).await?;
    Ok(BatchRow::each(rows).into_iter().map(|row| (row.id, Invoice(row))).collect())
}

/// Returns a part of an invoice, with all of its columns. Fails with NOT_FOUND.
pub(in crate::graphql) async fn part<N: ConnectionNode<Row: InvoicePart>>(
    ctx: &Context<'_>,
    id: Uuid,
) -> Result<N> {
    let found = parts::by_ids::<N::Row>(caller(ctx), &[id], &every::<N>()).await?;
    let row = found.into_iter().next();
    row.map(|row| N::of(BatchRow::single(row)))
        .ok_or_else(|| Error::NotFound("there is no such part of an invoice".into()))
}
