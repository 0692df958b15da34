//! GraphQL types and mutations of refunds and write-offs of invoices.

use ::entity::adjustment;
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};

use super::{Invoice, payments::changed};
use crate::graphql::{
    mutation::mutation,
    network,
    request::LongText,
    scalars::{Date, Money, Parsed, node_id, row_id, take},
    viewer,
};
use domain::{
    error::{Result, ValidationErrors},
    invoices::differences,
    payments::{
        refunds::{self, NewRefund, Reversal},
        small_differences::{self, NewWriteOff},
    },
};

/// Difference between the paid sum and the total of an invoice.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "differences::Difference")]
pub enum InvoiceDifference {
    /// Less than one krona is unpaid or overpaid.
    OreOnly,
    /// The overpaid sum equals one of two payments of the same amount.
    PaidTwice,
    /// At least twice the total of the invoice was paid.
    FarTooMuch,
    /// Another sum is overpaid.
    Overpaid,
}

/// A refund (återbetalning) of an overpayment of an invoice, or the reversal of one.
#[derive(Clone, Description)]
pub struct Refund(pub(super) adjustment::Model);

#[Object(use_type_description)]
impl Refund {
    /// Global id of the refund, opaque.
    async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Day at the bank; of a reversal, the day from which it applies.
    async fn paid_on(&self) -> Date {
        Date(self.0.dated_on)
    }

    /// Day in the books, which revenue, receivables and vouchers follow. It differs from `paidOn`
    /// when the period of that day was closed, or when a row of the bank's file was recorded again
    /// after a reversal.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Refunded amount in kronor; of a reversal, the whole refund as a negative amount.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Reference of the bank.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// Id of the outgoing bank payment that reported the refund; null when none did.
    async fn bank_payment_id(&self) -> Option<ID> {
        self.0.bank_payment_id.map(node_id)
    }

    /// Id of the refund that this one reverses (`refundReverse`); null for a refund.
    async fn reverses(&self) -> Option<ID> {
        self.0.reverses_id.map(node_id)
    }

    /// Reason of the reversal; null for a refund.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

/// A write-off (öresutjämning) of a difference of less than one krona, or the reversal of one.
#[derive(Clone, Description)]
pub struct WriteOff(pub(super) adjustment::Model);

#[Object(use_type_description)]
impl WriteOff {
    /// Global id of the write-off, opaque.
    async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Day from which it applies.
    async fn written_off_on(&self) -> Date {
        Date(self.0.dated_on)
    }

    /// Day in the books, which receivables and vouchers follow. It differs from `writtenOffOn` when
    /// the period of that day was closed, or the payments are booked later.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Written-off amount in kronor; negative for an overpayment that is not refunded.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Id of the write-off that this one reverses because the difference has changed; null for a
    /// write-off.
    async fn reverses(&self) -> Option<ID> {
        self.0.reverses_id.map(node_id)
    }

    /// Reason of a manual write-off or of a reversal; null when it was automatic.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

/// Input of `refundRecord`.
#[derive(InputObject)]
pub struct RefundRecordInput {
    /// Id of the overpaid invoice.
    invoice: ID,
    /// Day at the bank, on which the invoice was already overpaid. Omit with `bankPayment`.
    paid_on: Option<Parsed<Date>>,
    /// Refunded amount in kronor, above zero and at most the overpaid sum. Omit with `bankPayment`.
    amount: Option<Parsed<Money>>,
    /// Reference of the bank. The same reference of the same invoice is the same refund. Omit with
    /// `bankPayment`.
    reference: Option<String>,
    /// Id of the outgoing bank payment that reports the refund. Its day, amount and reference
    /// become those of the refund.
    bank_payment: Option<ID>,
}

/// Payload of `refundRecord`.
#[derive(SimpleObject)]
pub struct RefundRecordPayload {
    /// The invoice, with the refund among its `refunds`.
    invoice: Invoice,
}

/// Input of `refundReverse`.
#[derive(InputObject)]
pub struct RefundReverseInput {
    /// Id of the refund.
    refund: ID,
    /// Day from which the reversal applies, from the day of the refund to today, and in no closed
    /// period. Defaults to today.
    reversed_on: Option<Parsed<Date>>,
    /// Reason, in one line.
    reason: String,
}

/// Payload of `refundReverse`.
#[derive(SimpleObject)]
pub struct RefundReversePayload {
    /// The invoice, with the reversal among its `refunds`.
    invoice: Invoice,
}

/// Input of `invoiceWriteOff`.
#[derive(InputObject)]
pub struct InvoiceWriteOffInput {
    /// Id of an invoice of which less than one krona is unpaid or overpaid.
    invoice: ID,
    /// Day from which it applies, from the day of the last payment to today, and in no closed
    /// period. Defaults to today.
    written_off_on: Option<Parsed<Date>>,
    /// Reason, in one line.
    reason: String,
}

/// Payload of `invoiceWriteOff`.
#[derive(SimpleObject)]
pub struct InvoiceWriteOffPayload {
    /// The invoice, with the write-off among its `writeOffs`.
    invoice: Invoice,
}

/// Mutations of refunds and write-offs.
#[derive(Default)]
pub struct AdjustmentMutation;

#[Object]
impl AdjustmentMutation {
    /// Records the refund of an overpaid sum of an invoice: `overpaid` decreases from the day of
    /// the refund on, and earlier days do not change. With `bankPayment`, an outgoing bank payment
    /// is matched with the invoice.
    ///
    /// CONFLICT with reason NOT_OVERPAID, REFUND_DIFFERS when the invoice has a refund with this
    /// reference of another day or amount, REFUND_REVERSED when that was reversed, or NOT_OUTGOING,
    /// SET_ASIDE or DUPLICATE for a bank payment that can't be a refund.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn refund_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The refund to record.")] input: Box<RefundRecordInput>,
    ) -> Option<Result<RefundRecordPayload>> {
        Some(Box::pin(record(ctx, *input)).await)
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
        Some(Box::pin(reverse(ctx, *input)).await)
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

async fn record(ctx: &Context<'_>, input: RefundRecordInput) -> Result<RefundRecordPayload> {
    let mut errors = ValidationErrors::default();
    let new = NewRefund {
        invoice: row_id(&input.invoice, "invoice", &mut errors),
        paid_on: take(input.paid_on, "paid_on", &mut errors).map(|day| day.0),
        amount: take(input.amount, "amount", &mut errors).map(|amount| amount.0),
        reference: input.reference,
        bank_payment: input.bank_payment.map(|id| row_id(&id, "bank_payment", &mut errors)),
    };
    let (id, limit) = (new.invoice, network(ctx).payments.write_off_limit);
    let mutation = mutation(ctx);
    let payload = async |()| Ok(RefundRecordPayload { invoice: changed(ctx, id).await? });
    mutation.perform(refunds::record(mutation.db(), viewer(ctx), limit, new, errors), payload).await
}

async fn reverse(ctx: &Context<'_>, input: RefundReverseInput) -> Result<RefundReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = Reversal {
        refund: row_id(&input.refund, "refund", &mut errors),
        reversed_on: take(input.reversed_on, "reversed_on", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let limit = network(ctx).payments.write_off_limit;
    let mutation = mutation(ctx);
    let payload = async |id| Ok(RefundReversePayload { invoice: changed(ctx, id).await? });
    mutation
        .perform(refunds::reverse(mutation.db(), viewer(ctx), limit, new, errors), payload)
        .await
}

async fn write_off(
    ctx: &Context<'_>,
    input: InvoiceWriteOffInput,
) -> Result<InvoiceWriteOffPayload> {
    let mut errors = ValidationErrors::default();
    let new = NewWriteOff {
        invoice: row_id(&input.invoice, "invoice", &mut errors),
        written_off_on: take(input.written_off_on, "written_off_on", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let id = new.invoice;
    let mutation = mutation(ctx);
    let payload = async |()| Ok(InvoiceWriteOffPayload { invoice: changed(ctx, id).await? });
    mutation
        .perform(small_differences::write_off(mutation.db(), viewer(ctx), new, errors), payload)
        .await
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&Refund(adjustment::Model::default()));
    sizes.add(&WriteOff(adjustment::Model::default()));
}
