//! Payloads of the mutations of requisitions.

use async_graphql::SimpleObject;

use super::types::Requisition;

/// Payload of `requisitionIssue`.
#[derive(SimpleObject)]
pub struct RequisitionIssuePayload {
    /// The requisition.
    pub(super) requisition: Requisition,
}

/// Payload of `requisitionWithdraw`.
#[derive(SimpleObject)]
pub struct RequisitionWithdrawPayload {
    /// The requisition.
    pub(super) requisition: Requisition,
}
