//! GraphQL types and mutations of refunds and write-offs of invoices.

use ::entity::{adjustment, id::AdjustmentId};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};

use super::{
    Invoice,
    bank::BankPayment,
    payments::{changed, part},
    relations::{invoice_of, original_of, reversal_of},
};
use crate::graphql::{
    batch::{BatchRow, distinct, grouped},
    caller,
    connection::{Column, ConnectionNode, DIRECT, selected_columns},
    cost::cost,
    mutation::mutation,
    network,
    request::LongText,
    scalars::{Date, DateTime, Money, Parsed, node_id, row_id, take},
    times,
};
use domain::{
    error::{Result, ValidationErrors},
    invoices::differences,
    payments::{
        bank,
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
pub struct Refund(pub BatchRow<adjustment::Model>);

#[Object(use_type_description)]
impl Refund {
    /// Global id of the refund, opaque. Pass it to `node` and to inputs.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Invoice whose overpayment it refunds.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
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

    /// Outgoing bank payment that reported the refund; null when none did, or you may not see it.
    async fn bank_payment(&self, ctx: &Context<'_>) -> Option<Result<BankPayment>> {
        bank_payment_of(ctx, &self.0).await.transpose()
    }

    /// Refund that this one reverses (`refundReverse`); null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this refund; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of the reversal; null for a refund.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

impl ConnectionNode for Refund {
    type Row = adjustment::Model;
    const NAME: &'static str = "Refund";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use adjustment::Column as C;
        match field {
            "paidOn" => &[C::DatedOn],
            "bookedOn" => &[C::DatedOn, C::BookedOn],
            "amount" => &[C::Amount],
            "reference" => &[C::Reference],
            "bankPayment" => &[C::BankPaymentId],
            "reverses" => &[C::ReversesId],
            "reason" => &[C::Reason],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[adjustment::Column::Id, adjustment::Column::InvoiceId]
    }
}

/// Returns the bank payment that reported each row of a batch.
async fn bank_payment_of(
    ctx: &Context<'_>,
    row: &BatchRow<adjustment::Model>,
) -> Result<Option<BankPayment>> {
    let Some(own) = row.bank_payment_id else { return Ok(None) };
    let found = row.load(ctx, "bank payment", || async {
        let ids = distinct(row.batch_rows().iter().filter_map(|row| row.bank_payment_id));
        let columns = selected_columns::<BankPayment>(ctx, DIRECT);
        let rows = bank::by_ids(caller(ctx), &ids, &columns).await?;
        Ok(grouped(BatchRow::each(rows), |row| row.id))
    });
    Ok(found.await?.get(&own).and_then(|rows| rows.first()).cloned().map(BankPayment))
}

/// A write-off (öresutjämning) of a difference of less than one krona, or the reversal of one.
#[derive(Clone, Description)]
pub struct WriteOff(pub BatchRow<adjustment::Model>);

#[Object(use_type_description)]
impl WriteOff {
    /// Global id of the write-off, opaque. Pass it to `node`.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Invoice whose difference is written off.
    async fn invoice(&self, ctx: &Context<'_>) -> Result<Invoice> {
        invoice_of(ctx, &self.0, |row| row.invoice_id).await
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

    /// Write-off that this one reverses because the difference has changed; null unless it is a
    /// reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this write-off; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of a manual write-off or of a reversal; null when it was automatic.
    async fn reason(&self) -> Option<LongText<&str>> {
        self.0.reason.as_deref().map(LongText)
    }
}

impl ConnectionNode for WriteOff {
    type Row = adjustment::Model;
    const NAME: &'static str = "WriteOff";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use adjustment::Column as C;
        match field {
            "writtenOffOn" => &[C::DatedOn],
            "bookedOn" => &[C::DatedOn, C::BookedOn],
            "amount" => &[C::Amount],
            "reverses" => &[C::ReversesId],
            "reason" => &[C::Reason],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[adjustment::Column::Id, adjustment::Column::InvoiceId]
    }
}

/// Input of `refundRecord`.
#[derive(InputObject)]
pub struct RefundRecordInput {
    /// Id of the overpaid invoice.
    invoice_id: ID,
    /// Day at the bank, on which the invoice was already overpaid. Omit with `bankPayment`.
    paid_on: Option<Parsed<Date>>,
    /// Refunded amount in kronor, above zero and at most the overpaid sum. Omit with `bankPayment`.
    amount: Option<Parsed<Money>>,
    /// Reference of the bank. The same reference of the same invoice is the same refund. Omit with
    /// `bankPayment`.
    reference: Option<String>,
    /// Id of the outgoing bank payment that reports the refund. Its day, amount and reference
    /// become those of the refund.
    bank_payment_id: Option<ID>,
}

/// Payload of `refundRecord`.
#[derive(SimpleObject)]
pub struct RefundRecordPayload {
    /// The refund; the recorded one when it was recorded before.
    refund: Refund,
    /// The invoice, with the refund among its `refunds`.
    invoice: Invoice,
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

/// Payload of `refundReverse`.
#[derive(SimpleObject)]
pub struct RefundReversePayload {
    /// The reversal, a refund of the negative amount.
    refund: Refund,
    /// The invoice, with the reversal among its `refunds`.
    invoice: Invoice,
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

/// Payload of `invoiceWriteOff`.
#[derive(SimpleObject)]
pub struct InvoiceWriteOffPayload {
    /// The write-off.
    write_off: WriteOff,
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
    /// EXCLUDED or DUPLICATE for a bank payment that can't be a refund.
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
        invoice: row_id(&input.invoice_id, "invoice_id", &mut errors),
        paid_on: take(input.paid_on, "paid_on", &mut errors).map(|day| day.0),
        amount: take(input.amount, "amount", &mut errors).map(|amount| amount.0),
        reference: input.reference,
        bank_payment: input.bank_payment_id.map(|id| row_id(&id, "bank_payment_id", &mut errors)),
    };
    let (id, limit) = (new.invoice, network(ctx).payments.write_off_limit);
    let mutation = mutation(ctx);
    let payload = async |refund: AdjustmentId| {
        Ok(RefundRecordPayload {
            refund: part(ctx, refund.0).await?,
            invoice: changed(ctx, id).await?,
        })
    };
    mutation.perform(refunds::record(mutation.context(), limit, new, errors), payload).await
}

async fn reverse(ctx: &Context<'_>, input: RefundReverseInput) -> Result<RefundReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = Reversal {
        refund: row_id(&input.refund_id, "refund_id", &mut errors),
        reversed_on: take(input.reversed_on, "reversed_on", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let limit = network(ctx).payments.write_off_limit;
    let mutation = mutation(ctx);
    let payload = async |id: AdjustmentId| {
        let refund: Refund = part(ctx, id.0).await?;
        let invoice = changed(ctx, refund.0.invoice_id).await?;
        Ok(RefundReversePayload { refund, invoice })
    };
    mutation.perform(refunds::reverse(mutation.context(), limit, new, errors), payload).await
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
    mutation.perform(small_differences::write_off(mutation.context(), new, errors), payload).await
}
