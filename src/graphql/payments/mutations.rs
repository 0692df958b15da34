//! GraphQL mutations of payments, refunds and write-offs.

use ::entity::id::{AdjustmentId, PaymentId};
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{
        InvoiceWriteOffPayload, PaymentRecordPayload, PaymentReversePayload, RefundRecordPayload,
        RefundReversePayload,
    },
    types::{Payment, Refund},
    write_off_limit,
};
use crate::graphql::{
    invoices::relations::{changed, part},
    mutation::mutation,
    scalars::{Date, Money, Parsed, row_id, take},
};
use domain::{
    error::{Result, ValidationErrors},
    invoices::write_off::{self, NewWriteOff},
    payments::{
        record::{self, NewPayment},
        refunds, reverse,
    },
};

/// Input of `paymentRecord`.
#[derive(InputObject)]
pub struct PaymentRecordInput {
    /// Id of the invoice; issued, and not a credit note.
    invoice_id: ID,
    /// Day at the bank, from the day of issue to today.
    received_on: Parsed<Date>,
    /// Received amount in kronor, above zero. It may be less or more than the outstanding sum.
    amount: Parsed<Money>,
    /// Reference of the bank. The same reference of the same invoice is the same payment, and so is
    /// a bank payment of this day and amount with it.
    reference: String,
    /// `true` if it is a different payment from a bank payment of the same amount within 7 days.
    #[graphql(default)]
    is_different_payment: bool,
}

/// Input of `paymentReverse`.
#[derive(InputObject)]
pub struct PaymentReverseInput {
    /// Id of the payment.
    payment_id: ID,
    /// Day from which the reversal applies, from the day of the payment to today, and in no closed
    /// period. Defaults to today.
    reversed_on: Option<Parsed<Date>>,
    /// Reason of the reversal.
    reason: String,
}

/// Mutations of payments.
#[derive(Default)]
pub struct PaymentMutation;

#[Object]
impl PaymentMutation {
    /// Records a payment of an invoice. It is allocated to the lines pro rata to the öre; an excess
    /// is stored as `Invoice.overpaid`. A difference of less than one krona is written off
    /// (`network.payments.write_off_limit`). Idempotent: the same input again changes nothing.
    ///
    /// CONFLICT with reason PAYMENT_DIFFERS when the invoice has a payment with this reference of
    /// another day or amount, PAYMENT_REVERSED when that was reversed, or POSSIBLE_DUPLICATE when a
    /// file of the bank reported a payment of the same amount within 7 days (see
    /// `isDifferentPayment`).
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn payment_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payment to record.")] input: Box<PaymentRecordInput>,
    ) -> Option<Result<PaymentRecordPayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewPayment {
            invoice: row_id(&input.invoice_id, "invoice_id", &mut errors),
            received_on: input.received_on.take("received_on", &mut errors).0,
            amount: input.amount.take("amount", &mut errors).0,
            reference: input.reference,
            is_different_payment: input.is_different_payment,
        };
        let id = new.invoice;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    record::record(mutation.context(), write_off_limit(ctx), new, errors),
                    async |payment: PaymentId| {
                        Ok(PaymentRecordPayload {
                            payment: part(ctx, payment.0).await?,
                            invoice: changed(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }

    /// Reverses a payment that was booked on the wrong invoice, or that the bank withdrew: books a
    /// payment of the negative amount on a day of its own, so that earlier bookings do not change.
    /// A payment that came from a file of the bank can then be matched again (`bankPayments`).
    ///
    /// CONFLICT with reason PAYMENT_REVERSED when it is already reversed, IS_REVERSAL for a
    /// reversal, or PERIOD_CLOSED when `reversedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn payment_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The payment to reverse.")] input: Box<PaymentReverseInput>,
    ) -> Option<Result<PaymentReversePayload>> {
        let mut errors = ValidationErrors::default();
        let new = reverse::Reversal {
            payment: row_id(&input.payment_id, "payment_id", &mut errors),
            reversed_on: take(input.reversed_on, "reversed_on", &mut errors).map(|day| day.0),
            reason: input.reason,
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    reverse::reverse(mutation.context(), write_off_limit(ctx), new, errors),
                    async |id: PaymentId| {
                        let payment: Payment = part(ctx, id.0).await?;
                        let invoice = changed(ctx, payment.0.invoice_id).await?;
                        Ok(PaymentReversePayload { payment, invoice })
                    },
                )
                .await,
        )
    }
}

/// Input of `refundRecord`.
#[derive(InputObject)]
pub struct RefundRecordInput {
    /// Id of the overpaid invoice.
    invoice_id: ID,
    /// Day at the bank, on which the invoice was already overpaid. Omit with `bankPaymentId`.
    paid_on: Option<Parsed<Date>>,
    /// Refunded amount in kronor, above zero and at most the overpaid sum. Omit with
    /// `bankPaymentId`.
    amount: Option<Parsed<Money>>,
    /// Reference of the bank. The same reference of the same invoice is the same refund. Omit with
    /// `bankPaymentId`.
    reference: Option<String>,
    /// Id of the outgoing bank payment that reports the refund. Its day, amount and reference
    /// become those of the refund.
    bank_payment_id: Option<ID>,
}

/// Input of `refundReverse`.
#[derive(InputObject)]
pub struct RefundReverseInput {
    /// Id of the refund.
    refund_id: ID,
    /// Day from which the reversal applies, from the day of the refund to today, and in no closed
    /// period. Defaults to today.
    reversed_on: Option<Parsed<Date>>,
    /// Reason, in one line.
    reason: String,
}

/// Input of `invoiceWriteOff`.
#[derive(InputObject)]
pub struct InvoiceWriteOffInput {
    /// Id of an invoice of which less than one krona is unpaid or overpaid.
    invoice_id: ID,
    /// Day from which it applies, from the day of the last payment to today, and in no closed
    /// period. Defaults to today.
    written_off_on: Option<Parsed<Date>>,
    /// Reason, in one line.
    reason: String,
}

/// Mutations of refunds and write-offs.
#[derive(Default)]
pub struct AdjustmentMutation;

#[Object]
impl AdjustmentMutation {
    /// Records the refund of an overpaid sum of an invoice: `overpaid` decreases from the day of
    /// the refund on, and earlier days do not change. With `bankPaymentId`, an outgoing bank
    /// payment is matched with the invoice.
    ///
    /// CONFLICT with reason NOT_OVERPAID, REFUND_DIFFERS when the invoice has a refund with this
    /// reference of another day or amount, REFUND_REVERSED when that was reversed, or NOT_OUTGOING,
    /// EXCLUDED or DUPLICATE for a bank payment that can't be a refund.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn refund_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refund to record.")] input: Box<RefundRecordInput>,
    ) -> Option<Result<RefundRecordPayload>> {
        Some(Box::pin(record_refund(ctx, *input)).await)
    }

    /// Reverses a refund that was recorded by mistake or returned, on a day of its own. Its bank
    /// payment waits again, and can be recorded again.
    ///
    /// CONFLICT with reason REFUND_REVERSED when it is already reversed, IS_REVERSAL for a
    /// reversal, or PERIOD_CLOSED when `reversedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn refund_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refund to reverse.")] input: Box<RefundReverseInput>,
    ) -> Option<Result<RefundReversePayload>> {
        Some(Box::pin(reverse_refund(ctx, *input)).await)
    }

    /// Writes off the whole difference of less than one krona between an invoice and its payments
    /// and credits: the unpaid or the overpaid öre (öresutjämning, account 3740). Differences up to
    /// `network.payments.write_off_limit` are written off automatically when a payment is recorded.
    ///
    /// CONFLICT with reason NOTHING_TO_WRITE_OFF, BEYOND_LIMIT for a difference of one krona or
    /// more, or PERIOD_CLOSED when `writtenOffOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_write_off(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The invoice whose difference is written off.")] input: Box<
            InvoiceWriteOffInput,
        >,
    ) -> Option<Result<InvoiceWriteOffPayload>> {
        Some(Box::pin(write_off(ctx, *input)).await)
    }
}

async fn record_refund(ctx: &Context<'_>, input: RefundRecordInput) -> Result<RefundRecordPayload> {
    let mut errors = ValidationErrors::default();
    let new = refunds::record::NewRefund {
        invoice: row_id(&input.invoice_id, "invoice_id", &mut errors),
        paid_on: take(input.paid_on, "paid_on", &mut errors).map(|day| day.0),
        amount: take(input.amount, "amount", &mut errors).map(|amount| amount.0),
        reference: input.reference,
        bank_payment: input.bank_payment_id.map(|id| row_id(&id, "bank_payment_id", &mut errors)),
    };
    let (id, limit) = (new.invoice, write_off_limit(ctx));
    let mutation = mutation(ctx);
    let payload = async |refund: AdjustmentId| {
        Ok(RefundRecordPayload {
            refund: part(ctx, refund.0).await?,
            invoice: changed(ctx, id).await?,
        })
    };
    mutation.perform(refunds::record::record(mutation.context(), limit, new, errors), payload).await
}

async fn reverse_refund(
    ctx: &Context<'_>,
    input: RefundReverseInput,
) -> Result<RefundReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = refunds::reverse::Reversal {
        refund: row_id(&input.refund_id, "refund_id", &mut errors),
        reversed_on: take(input.reversed_on, "reversed_on", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let limit = write_off_limit(ctx);
    let mutation = mutation(ctx);
    let payload = async |id: AdjustmentId| {
        let refund: Refund = part(ctx, id.0).await?;
        let invoice = changed(ctx, refund.0.invoice_id).await?;
        Ok(RefundReversePayload { refund, invoice })
    };
    mutation
        .perform(refunds::reverse::reverse(mutation.context(), limit, new, errors), payload)
        .await
}

async fn write_off(
    ctx: &Context<'_>,
    input: InvoiceWriteOffInput,
) -> Result<InvoiceWriteOffPayload> {
    let mut errors = ValidationErrors::default();
    let new = NewWriteOff {
        invoice: row_id(&input.invoice_id, "invoice_id", &mut errors),
        written_off_on: take(input.written_off_on, "written_off_on", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let id = new.invoice;
    let mutation = mutation(ctx);
    let payload = async |id_of_write_off: AdjustmentId| {
        let write_off = part(ctx, id_of_write_off.0).await?;
        Ok(InvoiceWriteOffPayload { write_off, invoice: changed(ctx, id).await? })
    };
    mutation.perform(write_off::write_off(mutation.context(), new, errors), payload).await
}
