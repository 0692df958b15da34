//! GraphQL mutations of payments, their reversals, and reminders.

use ::entity::id::{InvoiceId, PaymentId, ReminderId};
use async_graphql::{Context, ID, InputObject, Object};
use uuid::Uuid;

use super::{
    Invoice, Payment, node,
    payloads::{InvoiceRemindPayload, PaymentRecordPayload, PaymentReversePayload},
};
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::{ConnectionNode, every},
    mutation::mutation,
    network,
    scalars::{Date, Money, Parsed, row_id, take},
};
use domain::{
    error::{Error, Result, ValidationErrors},
    invoices::parts::{self, InvoicePart},
    payments::record::{self, NewPayment, Reversal},
    receivables::reminders,
};

pub(super) async fn changed(ctx: &Context<'_>, id: InvoiceId) -> Result<Invoice> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// Returns a part of an invoice, with all of its columns. Fails with NOT_FOUND.
pub(super) async fn part<N: ConnectionNode<Row: InvoicePart>>(
    ctx: &Context<'_>,
    id: Uuid,
) -> Result<N> {
    let found = parts::by_ids::<N::Row>(caller(ctx), &[id], &every::<N>()).await?;
    let row = found.into_iter().next();
    row.map(|row| N::of(BatchRow::single(row)))
        .ok_or_else(|| Error::NotFound("there is no such part of an invoice".into()))
}

/// Returns the largest difference that is written off automatically.
pub(super) fn limit(ctx: &Context<'_>) -> ::entity::money::Money {
    network(ctx).payments.write_off_limit
}

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
    is_another: bool,
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

/// Input of `invoiceRemind`.
#[derive(InputObject)]
pub struct InvoiceRemindInput {
    /// Id of the invoice, overdue on that day.
    invoice_id: ID,
    /// Day on which the reminder was sent; defaults to today.
    sent_on: Option<Parsed<Date>>,
}

/// Mutations of payments and reminders.
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
    /// file of the bank reported a payment of the same amount within 7 days (see `isAnother`).
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
            is_another: input.is_another,
        };
        let id = new.invoice;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    record::record(mutation.context(), limit(ctx), new, errors),
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
        let new = Reversal {
            payment: row_id(&input.payment_id, "payment_id", &mut errors),
            reversed_on: take(input.reversed_on, "reversed_on", &mut errors).map(|day| day.0),
            reason: input.reason,
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    record::reverse(mutation.context(), limit(ctx), new, errors),
                    async |id: PaymentId| {
                        let payment: Payment = part(ctx, id.0).await?;
                        let invoice = changed(ctx, payment.0.invoice_id).await?;
                        Ok(PaymentReversePayload { payment, invoice })
                    },
                )
                .await,
        )
    }

    /// Records that a reminder of an overdue invoice was sent. The first reminder of an invoice has
    /// the reminder fee (påminnelseavgift) that an agreement or the statutes provided for at issue,
    /// at most 60.00 (lag 1981:739), or instead the compensation for the delay
    /// (förseningsersättning) of 450.00 where the settings provided for it. It has none where none
    /// was agreed, for imported history, whose terms are not known, and for later reminders. The
    /// fee is claimed in addition to the invoice, whose total never changes.
    ///
    /// CONFLICT with reason NOT_OVERDUE, PAID, CREDITED, DRAFT or CREDIT_NOTE when there was
    /// nothing to remind of on that day, ORE_ONLY when less than one krona was unpaid, or
    /// ALREADY_REMINDED when a reminder was sent on the same day.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn invoice_remind(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reminder to record.")] input: Box<InvoiceRemindInput>,
    ) -> Option<Result<InvoiceRemindPayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.invoice_id, "invoice_id", &mut errors);
        let sent_on = take(input.sent_on, "sent_on", &mut errors).map(|day| day.0);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    reminders::remind(mutation.context(), id, sent_on, errors),
                    async |reminder: ReminderId| {
                        Ok(InvoiceRemindPayload {
                            reminder: part(ctx, reminder.0).await?,
                            invoice: changed(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }
}
