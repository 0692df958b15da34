//! Payloads of the mutations of payments, refunds and write-offs.

use async_graphql::SimpleObject;

use super::types::{Payment, Refund, WriteOff};
use crate::graphql::invoices::types::Invoice;

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

/// Payload of `refundRecord`.
#[derive(SimpleObject)]
pub struct RefundRecordPayload {
    /// The refund; the recorded one when it was recorded before.
    pub(super) refund: Refund,
    /// The invoice, with the refund among its `refunds`.
    pub(super) invoice: Invoice,
}

/// Payload of `refundReverse`.
#[derive(SimpleObject)]
pub struct RefundReversePayload {
    /// The reversal, a refund of the negative amount.
    pub(super) refund: Refund,
    /// The invoice, with the reversal among its `refunds`.
    pub(super) invoice: Invoice,
}

/// Payload of `invoiceWriteOff`.
#[derive(SimpleObject)]
pub struct InvoiceWriteOffPayload {
    /// The write-off.
    pub(super) write_off: WriteOff,
    /// The invoice, with the write-off among its `writeOffs`.
    pub(super) invoice: Invoice,
}
