//! Payloads of the mutations of costs and grants.

use async_graphql::SimpleObject;

use super::types::{Cost, Grant};
use crate::graphql::activities::types::Activity;

/// Payload of `costRecord`.
#[derive(SimpleObject)]
pub struct CostRecordPayload {
    /// The booked cost.
    pub(super) cost: Cost,
    /// Activity of the cost.
    pub(super) activity: Activity,
}

/// Payload of `grantRecord`.
#[derive(SimpleObject)]
pub struct GrantRecordPayload {
    /// The booked grant.
    pub(super) grant: Grant,
    /// Activity of the grant.
    pub(super) activity: Activity,
}

/// Payload of `costReverse`.
#[derive(SimpleObject)]
pub struct CostReversePayload {
    /// The reversed cost, with unchanged amounts.
    pub(super) cost: Cost,
    /// The reversal, with negative amounts.
    pub(super) reversal: Cost,
    /// Activity of both.
    pub(super) activity: Activity,
}

/// Payload of `grantReverse`.
#[derive(SimpleObject)]
pub struct GrantReversePayload {
    /// The reversed grant, with an unchanged amount.
    pub(super) grant: Grant,
    /// The reversal, with a negative amount.
    pub(super) reversal: Grant,
    /// Activity of both.
    pub(super) activity: Activity,
}
