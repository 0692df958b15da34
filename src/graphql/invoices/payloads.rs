//! Payloads of the mutations of invoices.

use async_graphql::SimpleObject;

use super::types::{Invoice, run::InvoiceRun};

/// Payload of `invoiceDraft`.
#[derive(SimpleObject)]
pub struct InvoiceDraftPayload {
    /// The draft.
    pub(super) invoice: Invoice,
}

/// Payload of `invoiceDraftUpdate`.
#[derive(SimpleObject)]
pub struct InvoiceDraftUpdatePayload {
    /// The draft.
    pub(super) invoice: Invoice,
}

/// Payload of `invoiceDraftDiscard`.
#[derive(SimpleObject)]
pub struct InvoiceDraftDiscardPayload {
    /// The last content of the deleted draft.
    pub(super) invoice: Invoice,
}

/// Payload of `invoiceIssue`.
#[derive(SimpleObject)]
pub struct InvoiceIssuePayload {
    /// The issued invoice.
    pub(super) invoice: Invoice,
}

/// Payload of `invoiceCredit`.
#[derive(SimpleObject)]
pub struct InvoiceCreditPayload {
    /// The credit note.
    pub(super) credit_note: Invoice,
    /// The credited invoice.
    pub(super) invoice: Invoice,
}

/// Payload of `invoiceRun`.
#[derive(SimpleObject)]
pub struct InvoiceRunPayload {
    /// The run, with the issued invoices.
    pub(super) invoice_run: InvoiceRun,
}
