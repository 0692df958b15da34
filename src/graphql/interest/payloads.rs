//! Payloads of the mutations of reference rates and interest invoices.

use async_graphql::SimpleObject;

use super::types::ReferenceRate;
use crate::graphql::invoices::types::Invoice;

/// Payload of `referenceRateSet`.
#[derive(SimpleObject)]
pub struct ReferenceRateSetPayload {
    /// The reference rate.
    pub(super) reference_rate: ReferenceRate,
}

/// Payload of `interestInvoiceIssue`.
#[derive(SimpleObject)]
pub struct InterestInvoiceIssuePayload {
    /// The issued interest invoice.
    pub(super) invoice: Invoice,
}
