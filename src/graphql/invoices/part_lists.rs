//! Pages of the parts of all invoices: payments, refunds and reminders.

use async_graphql::Context;
use futures_util::future::BoxFuture;

use crate::graphql::{
    caller,
    connection::{self, Connection, ConnectionNode, ListRequest},
};
use domain::{
    error::{Result, ValidationErrors},
    invoices::parts::{self, Filter, ListedPart},
    page::{Args, Order},
};

/// Returns a page of parts of invoices.
pub(in crate::graphql) fn listed<'c, N: ConnectionNode<Row: ListedPart>>(
    ctx: &'c Context<'_>,
    filter: Filter,
    order: Order,
    args: Args,
    errors: ValidationErrors,
) -> BoxFuture<'c, Result<Connection<N>>> {
    connection::connection(
        ctx,
        ListRequest::<N, _>::new(filter, order, args, errors),
        |ctx, filter, page| Box::pin(parts::list::<N::Row>(caller(ctx), filter, page)),
        |ctx, filter| Box::pin(parts::count::<N::Row>(caller(ctx), filter)),
    )
}
