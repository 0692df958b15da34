//! Payloads of the mutations of bank payments.

use async_graphql::SimpleObject;

use super::types::BankPayment;

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

/// Payload of `bankPaymentMarkDuplicate`.
#[derive(SimpleObject)]
pub struct BankPaymentMarkDuplicatePayload {
    /// The duplicate.
    pub(super) bank_payment: BankPayment,
}
