//! Refunds and write-offs of invoices.

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

/// Difference of the paid sum from an invoice's total.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "differences::Difference")]
pub enum InvoiceDifference {
    /// Less than a krona is missing or overpaid.
    OreOnly,
    /// The overpaid sum is exactly one of two payments of the same amount.
    PaidTwice,
    /// Twice as much was paid as the invoice is over, or more.
    FarTooMuch,
    /// Something else is overpaid.
    Overpaid,
}

/// A refund (återbetalning) of what was paid too much of an invoice, or the reversal of one.
#[derive(Clone, Description)]
pub struct Refund(pub(super) adjustment::Model);

#[Object(use_type_description)]
impl Refund {
    /// Opaque and globally unique.
    async fn id(&self) -> ID {
        node_id("adjustment", self.0.id)
    }

    /// Day in the bank; of a reversal, the day that it counts from.
    async fn paid_on(&self) -> Date {
        Date(self.0.dated_on)
    }

    /// Day in the books: revenue, receivables and vouchers go by it. It is another than `paidOn`
    /// when the period of that day was closed, or when a row of the bank's file was recorded again
    /// after a reversal.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Amount paid back; of a reversal, all of what it reverses, below zero.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// The bank's own reference.
    async fn reference(&self) -> &str {
        &self.0.reference
    }

    /// The id of the outgoing row of the bank's file that told of it; null when none did.
    async fn bank_payment_id(&self) -> Option<ID> {
        self.0.bank_payment_id.map(|id| node_id("bank_payment", id))
    }

    /// The id of the refund that this one reverses (`refundReverse`); null: this is a refund.
    async fn reverses(&self) -> Option<ID> {
        self.0.reverses_id.map(|id| node_id("adjustment", id))
    }

    /// Reason of the reversal; null: this is a refund.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

/// A write-off (öresutjämning) of a difference of less than a krona, or the reversal of one.
#[derive(Clone, Description)]
pub struct WriteOff(pub(super) adjustment::Model);

#[Object(use_type_description)]
impl WriteOff {
    /// Opaque and globally unique.
    async fn id(&self) -> ID {
        node_id("adjustment", self.0.id)
    }

    /// The day that it counts from.
    async fn written_off_on(&self) -> Date {
        Date(self.0.dated_on)
    }

    /// Day in the books: receivables and vouchers go by it. It is another than `writtenOffOn` when
    /// the period of that day was closed, or what was paid is booked later.
    async fn booked_on(&self) -> Date {
        Date(self.0.day_in_books())
    }

    /// Part of the claim that was given up; below zero for an overpayment that is kept.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// The id of the write-off that this one reverses, since the difference has changed; null: this
    /// is a write-off.
    async fn reverses(&self) -> Option<ID> {
        self.0.reverses_id.map(|id| node_id("adjustment", id))
    }

    /// Reason for which it was written off manually, or reversed; null when a setting did it.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

/// A refund of what was paid too much of an invoice.
#[derive(InputObject)]
pub struct RefundRecordInput {
    /// The invoice; overpaid.
    invoice: ID,
    /// Day in the bank, on which it was overpaid already; left out together with `bankPayment`.
    paid_on: Option<Parsed<Date>>,
    /// Amount paid back, above zero and at most what is overpaid; left out together with
    /// `bankPayment`.
    amount: Option<Parsed<Money>>,
    /// The bank's own reference: the same one twice on an invoice is the same refund; left out
    /// together with `bankPayment`.
    reference: Option<String>,
    /// The outgoing row of the bank's file that tells of it: its day, amount and reference are
    /// those of the refund.
    bank_payment: Option<ID>,
}

/// The result of `refundRecord`.
#[derive(SimpleObject)]
pub struct RefundRecordPayload {
    /// The invoice, with the refund among its `refunds`.
    invoice: Invoice,
}

/// A refund to be reversed.
#[derive(InputObject)]
pub struct RefundReverseInput {
    /// The refund.
    refund: ID,
    /// The day that it counts from; from the day of the refund to today, which it is when left out,
    /// and none of a closed period.
    reversed_on: Option<Parsed<Date>>,
    /// Reason, in one line.
    reason: String,
}

/// The result of `refundReverse`.
#[derive(SimpleObject)]
pub struct RefundReversePayload {
    /// The invoice, with the reversal among its `refunds`.
    invoice: Invoice,
}

/// A difference of an invoice that is not worth claiming or paying back.
#[derive(InputObject)]
pub struct InvoiceWriteOffInput {
    /// The invoice; less than a krona of it is missing or overpaid.
    invoice: ID,
    /// The day that it counts from; from that of the last payment to today, which it is when left
    /// out, and none of a closed period.
    written_off_on: Option<Parsed<Date>>,
    /// Reason, in one line.
    reason: String,
}

/// The result of `invoiceWriteOff`.
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
    /// Records that what was paid too much of an invoice was paid back: `overpaid` ends, and
    /// nothing changes of earlier days. With `bankPayment`, an outgoing row of the bank's file is
    /// matched with the invoice.
    ///
    /// CONFLICT with reason NOT_OVERPAID, REFUND_DIFFERS when the invoice has a refund with this
    /// reference of another day or amount, REFUND_REVERSED when that was reversed, or NOT_OUTGOING,
    /// SET_ASIDE or DUPLICATE for a bank payment that can't be one.
    async fn refund_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: RefundRecordInput,
    ) -> Option<Result<RefundRecordPayload>> {
        Some(record(ctx, input).await)
    }

    /// Reverses a refund that was recorded by mistake or came back, on a day of its own. The row of
    /// the bank's file waits again, and can be recorded again.
    ///
    /// CONFLICT with reason REFUND_REVERSED when that is done, IS_REVERSAL for a reversal itself,
    /// or PERIOD_CLOSED when `reversedOn` is in a closed period.
    async fn refund_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: RefundReverseInput,
    ) -> Option<Result<RefundReversePayload>> {
        Some(reverse(ctx, input).await)
    }

    /// Writes off all of the difference between an invoice and what covers it, when it is less than
    /// a krona: what is still owed, or what is overpaid (öresutjämning, account 3740). Differences
    /// up to `network.payments.write_off_limit` are written off automatically when a payment comes
    /// in.
    ///
    /// CONFLICT with reason NOTHING_TO_WRITE_OFF, BEYOND_LIMIT for a difference of a krona or more,
    /// or PERIOD_CLOSED when `writtenOffOn` is in a closed period.
    async fn invoice_write_off(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: InvoiceWriteOffInput,
    ) -> Option<Result<InvoiceWriteOffPayload>> {
        Some(write_off(ctx, input).await)
    }
}

async fn record(ctx: &Context<'_>, input: RefundRecordInput) -> Result<RefundRecordPayload> {
    let mut errors = ValidationErrors::default();
    let new = NewRefund {
        invoice: row_id(&input.invoice, "invoice", "input.invoice", &mut errors),
        paid_on: take(input.paid_on, "input.paidOn", &mut errors).map(|day| day.0),
        amount: take(input.amount, "input.amount", &mut errors).map(|amount| amount.0),
        reference: input.reference,
        bank_payment: input
            .bank_payment
            .map(|id| row_id(&id, "bank_payment", "input.bankPayment", &mut errors)),
    };
    let (id, limit) = (new.invoice, network(ctx).payments.write_off_limit);
    let mutation = mutation(ctx);
    let payload = async |()| Ok(RefundRecordPayload { invoice: changed(ctx, id).await? });
    mutation.perform(refunds::record(mutation.db(), viewer(ctx), limit, new, errors), payload).await
}

async fn reverse(ctx: &Context<'_>, input: RefundReverseInput) -> Result<RefundReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = Reversal {
        refund: row_id(&input.refund, "adjustment", "input.refund", &mut errors),
        reversed_on: take(input.reversed_on, "input.reversedOn", &mut errors).map(|day| day.0),
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
        invoice: row_id(&input.invoice, "invoice", "input.invoice", &mut errors),
        written_off_on: take(input.written_off_on, "input.writtenOffOn", &mut errors)
            .map(|day| day.0),
        reason: input.reason,
    };
    let id = new.invoice;
    let mutation = mutation(ctx);
    let payload = async |()| Ok(InvoiceWriteOffPayload { invoice: changed(ctx, id).await? });
    mutation
        .perform(small_differences::write_off(mutation.db(), viewer(ctx), new, errors), payload)
        .await
}
