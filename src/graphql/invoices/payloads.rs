//! Payloads of the mutations of invoices.

use async_graphql::SimpleObject;

use super::{Invoice, Payment, ReferenceRate, Reminder, bank::BankPayment, run};

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
    pub(super) invoice_run: run::InvoiceRun,
}

/// Payload of `paymentRecord`.
#[derive(SimpleObject)]
pub struct PaymentRecordPayload {
    /// The payment; the recorded one when it was recorded before.
    pub(super) payment: Payment,
    /// The invoice.
    pub(super) invoice: Invoice,
}

/// Payload of `paymentReverse`.
#[derive(SimpleObject)]
pub struct PaymentReversePayload {
    /// The reversal, a payment of the negative amount.
    pub(super) payment: Payment,
    /// The invoice.
    pub(super) invoice: Invoice,
}

/// Payload of `invoiceRemind`.
#[derive(SimpleObject)]
pub struct InvoiceRemindPayload {
    /// The reminder.
    pub(super) reminder: Reminder,
    /// The invoice.
    pub(super) invoice: Invoice,
}

/// Payload of `bankPaymentMatch`.
#[derive(SimpleObject)]
pub struct BankPaymentMatchPayload {
    /// The bank payment.
    pub(super) bank_payment: BankPayment,
}

/// Payload of `bankPaymentExclude`.
#[derive(SimpleObject)]
pub struct BankPaymentExcludePayload {
    /// The bank payment.
    pub(super) bank_payment: BankPayment,
}

/// Payload of `bankPaymentReopen`.
#[derive(SimpleObject)]
pub struct BankPaymentReopenPayload {
    /// The bank payment.
    pub(super) bank_payment: BankPayment,
}

/// Payload of `referenceRateSet`.
#[derive(SimpleObject)]
pub struct ReferenceRateSetPayload {
    /// The reference rate.
    pub(super) reference_rate: ReferenceRate,
}
