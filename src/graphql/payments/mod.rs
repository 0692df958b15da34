//! GraphQL API of payments, refunds and write-offs of invoices, and of bank payments.

pub mod bank;
pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;

use ::entity::money::Money;
use async_graphql::Context;

use super::network;

/// Returns the largest difference that is written off automatically.
fn write_off_limit(ctx: &Context<'_>) -> Money {
    network(ctx).payments.write_off_limit
}
