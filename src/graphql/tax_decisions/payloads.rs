//! Payload of the mutation of tax decisions.

use async_graphql::SimpleObject;

use super::types::TaxDecision;

/// Payload of `taxDecisionRecord`.
#[derive(SimpleObject)]
pub struct TaxDecisionRecordPayload {
    /// The recorded decision.
    pub(super) tax_decision: TaxDecision,
}
