//! Deeds on what comes in on invoices: payments, their reversals, and reminders of what does not
//! come in.

use ::entity::id::InvoiceId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{Invoice, node};
use crate::graphql::{
    mutation::mutation,
    network,
    scalars::{Date, Money, Parsed, row_id, take},
    viewer,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    payments::record::{self, NewPayment, Reversal},
    receivables::reminders,
};

pub(super) async fn changed(ctx: &Context<'_>, id: InvoiceId) -> Result<Invoice> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// The largest difference that is written off automatically.
pub(super) fn limit(ctx: &Context<'_>) -> ::entity::money::Money {
    network(ctx).payments.write_off_limit
}

/// A payment of an invoice.
#[derive(InputObject)]
pub struct PaymentRecordInput {
    /// The invoice; issued, and no credit note.
    invoice: ID,
    /// Day in the bank; from the day of issue to today.
    received_on: Parsed<Date>,
    /// What came in, above zero. It may be less than what is to be paid, or more.
    amount: Parsed<Money>,
    /// The bank's own reference: the same one twice on an invoice is the same payment, and so is
    /// one of this day and sum that a file of the bank told of with it.
    reference: String,
    /// `true` if it is another payment than one of the same amount within 7 days that a file of the
    /// bank told of.
    #[graphql(default)]
    is_another: bool,
}

/// A payment to be taken back.
#[derive(InputObject)]
pub struct PaymentReverseInput {
    /// The payment.
    payment: ID,
    /// The day that it counts from; from the day of the payment to today, which it is when left
    /// out, and none of a closed period.
    reversed_on: Option<Parsed<Date>>,
    /// Why.
    reason: String,
}

/// A reminder (påminnelse) that was sent of an invoice.
#[derive(InputObject)]
pub struct InvoiceRemindInput {
    /// The invoice; overdue on that day.
    invoice: ID,
    /// When; today when left out.
    sent_on: Option<Parsed<Date>>,
}

/// Deeds on what comes in on invoices.
#[derive(Default)]
pub struct PaymentMutation;

#[Object]
impl PaymentMutation {
    /// Records a payment of an invoice. It is shared out over the lines pro rata to the öre, so
    /// that what came in by activity is always what came in; what is beyond the total is kept as
    /// `Invoice.overpaid`. A difference of less than a krona is written off
    /// (`network.payments.write_off_limit`). The same again changes nothing.
    ///
    /// CONFLICT with reason PAYMENT_DIFFERS when the invoice has a payment with this reference of
    /// another day or sum, or PAYMENT_REVERSED when that was reversed, or POSSIBLE_DUPLICATE when a
    /// file of the bank told of a payment of the same amount within 7 days (see `isAnother`).
    async fn payment_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: PaymentRecordInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let new = NewPayment {
            invoice: row_id(&input.invoice, "invoice", "input.invoice", &mut errors),
            received_on: input.received_on.take("input.receivedOn", &mut errors).0,
            amount: input.amount.take("input.amount", &mut errors).0,
            reference: input.reference,
            is_another: input.is_another,
        };
        let id = new.invoice;
        let mutation = mutation(ctx);
        mutation
            .perform(record::record(mutation.db(), viewer(ctx), limit(ctx), new, errors), |()| {
                changed(ctx, id)
            })
            .await
    }

    /// Takes a payment back that was booked on the wrong invoice, or that the bank took back: by a
    /// payment of the same sum below zero with a day of its own, so that nothing changes in what
    /// was booked before. A payment that came from a file of the bank is then there to be matched
    /// again (`bankPayments`).
    ///
    /// CONFLICT with reason PAYMENT_REVERSED when that is done, IS_REVERSAL for a reversal itself,
    /// or PERIOD_CLOSED when `reversedOn` is in a closed period.
    async fn payment_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: PaymentReverseInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let new = Reversal {
            payment: row_id(&input.payment, "payment", "input.payment", &mut errors),
            reversed_on: take(input.reversed_on, "input.reversedOn", &mut errors).map(|day| day.0),
            reason: input.reason,
        };
        let mutation = mutation(ctx);
        mutation
            .perform(record::reverse(mutation.db(), viewer(ctx), limit(ctx), new, errors), |id| {
                changed(ctx, id)
            })
            .await
    }

    /// Notes that a reminder of an overdue invoice was sent. The first one of an invoice has the
    /// reminder fee (påminnelseavgift) that was agreed when it was issued, by an agreement or the
    /// statutes, at most 60.00 (lag 1981:739), or in its place the compensation for the delay
    /// (förseningsersättning) of 450.00 where the settings said so; where none was agreed, of
    /// imported history, whose terms nobody knows, and on later ones there is none. It is claimed
    /// next to the invoice, whose total never changes.
    ///
    /// CONFLICT with reason NOT_OVERDUE, PAID, CREDITED, DRAFT or CREDIT_NOTE when there was
    /// nothing to remind of on that day, ORE_ONLY when payments had left less than a krona, or
    /// ALREADY_REMINDED when a reminder was sent on the same day.
    async fn invoice_remind(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to do")] input: InvoiceRemindInput,
    ) -> Result<Invoice> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.invoice, "invoice", "input.invoice", &mut errors);
        let sent_on = take(input.sent_on, "input.sentOn", &mut errors).map(|day| day.0);
        let mutation = mutation(ctx);
        mutation
            .perform(reminders::remind(mutation.db(), viewer(ctx), id, sent_on, errors), |()| {
                changed(ctx, id)
            })
            .await
    }
}
