//! GraphQL mutations of bank payments.

use ::entity::id::BankPaymentId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{
        BankPaymentExcludePayload, BankPaymentMarkDuplicatePayload, BankPaymentMatchPayload,
        BankPaymentReopenPayload,
    },
    types::BankPayment,
};
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::every,
    mutation::mutation,
    payments::write_off_limit,
    scalars::{Date, Money, Parsed, row_id, take},
};
use domain::{
    error::{Error, Result, ValidationErrors},
    payments::bank::{
        self, exclude, mark_duplicate,
        match_payment::{self, Match},
        reopen,
    },
};

/// Input of `bankPaymentMatch`.
#[derive(InputObject)]
pub struct BankPaymentMatchInput {
    /// Id of the bank payment.
    bank_payment_id: ID,
    /// Id of the invoice that it pays; issued, and not a credit note.
    invoice_id: ID,
    /// Amount to match, in kronor; defaults to the unmatched remainder. Match the rest in a second
    /// mutation.
    amount: Option<Parsed<Money>>,
    /// Day in the books, from the bank's day to today, in no closed period. Defaults to the bank's
    /// day. For money that arrived in an earlier month, or was released by a reversal in one,
    /// defaults to today, so that reports of that month do not change.
    booked_on: Option<Parsed<Date>>,
    /// Id of the manually recorded payment of the invoice that represents the same money: no other
    /// payment is booked. Defaults to a payment of the same day and amount, if there is one.
    recorded_payment_id: Option<ID>,
}

/// Input of `bankPaymentMarkDuplicate`.
#[derive(InputObject)]
pub struct BankPaymentMarkDuplicateInput {
    /// Id of the duplicate, which no longer counts; no part of it may be matched.
    bank_payment_id: ID,
    /// Id of the bank payment that represents the money; of the same amount.
    duplicate_of_id: ID,
}

/// Input of `bankPaymentExclude`.
#[derive(InputObject)]
pub struct BankPaymentExcludeInput {
    /// Id of the bank payment.
    bank_payment_id: ID,
    /// Reason, as what it is instead.
    reason: String,
}

/// Input of `bankPaymentReopen`.
#[derive(InputObject)]
pub struct BankPaymentReopenInput {
    /// Id of the bank payment.
    bank_payment_id: ID,
}

async fn changed(ctx: &Context<'_>, id: BankPaymentId) -> Result<BankPayment> {
    let found = bank::by_ids(caller(ctx), &[id], &every::<BankPayment>()).await?;
    let row = found
        .into_iter()
        .next()
        .ok_or_else(|| Error::NotFound("there is no such bank payment".into()))?;
    Ok(BankPayment(BatchRow::single(row)))
}

/// Mutations of bank payments.
#[derive(Default)]
pub struct BankPaymentMutation;

#[Object]
impl BankPaymentMutation {
    /// Matches a bank payment, or a part of it, with an invoice, and books it there as a payment of
    /// the same day; on the day of issue when the money arrived earlier (`BankPayment.receivedOn`
    /// retains the bank's day). It may pay the invoice in part, in full or in excess. A manually
    /// recorded payment of that day and amount is taken as the same money, so that nothing is
    /// booked twice. `paymentReverse` reverses a match.
    ///
    /// CONFLICT with reason ALREADY_MATCHED when nothing of it is unmatched, EXCLUDED when it was
    /// excluded, DUPLICATE when another represents its money, NOT_INCOMING when the bank withdrew
    /// it or the payer deducted it, or PERIOD_CLOSED when `bookedOn` is in a closed period, or when
    /// the manually recorded payment would change a closed period and is not yet in an export
    /// batch.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_match(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The bank payment and its invoice.")] input: Box<BankPaymentMatchInput>,
    ) -> Option<Result<BankPaymentMatchPayload>> {
        let mut errors = ValidationErrors::default();
        let new = Match {
            payment: row_id(&input.bank_payment_id, "bank_payment_id", &mut errors),
            invoice: row_id(&input.invoice_id, "invoice_id", &mut errors),
            amount: take(input.amount, "amount", &mut errors).map(|amount| amount.0),
            booked_on: take(input.booked_on, "booked_on", &mut errors).map(|day| day.0),
            recorded_payment: input
                .recorded_payment_id
                .map(|id| row_id(&id, "recorded_payment_id", &mut errors)),
        };
        let id = new.payment;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    match_payment::match_payment(
                        mutation.context(),
                        write_off_limit(ctx),
                        new,
                        errors,
                    ),
                    async |()| {
                        Ok(BankPaymentMatchPayload { bank_payment: changed(ctx, id).await? })
                    },
                )
                .await,
        )
    }

    /// Excludes the unmatched part of a bank payment, since it pays no invoice: a grant, money sent
    /// by mistake and returned, or money that the bank withdrew. CONFLICT with reason
    /// ALREADY_MATCHED, EXCLUDED or DUPLICATE.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_exclude(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The bank payment to exclude.")] input: Box<BankPaymentExcludeInput>,
    ) -> Option<Result<BankPaymentExcludePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.bank_payment_id, "bank_payment_id", &mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    exclude::exclude(mutation.context(), id, &input.reason, errors),
                    async |()| {
                        Ok(BankPaymentExcludePayload { bank_payment: changed(ctx, id).await? })
                    },
                )
                .await,
        )
    }

    /// Marks a waiting bank payment as a duplicate of another, which represents the same money: it
    /// no longer counts, and its data stays as reported. `bankPaymentReopen` reverses it.
    ///
    /// CONFLICT with reason ALREADY_MATCHED when a part of it is matched, DUPLICATE when one of the
    /// two is already a duplicate or this one has duplicates, or PERIOD_CLOSED when its own voucher
    /// is in a closed period and not yet in an export batch.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_mark_duplicate(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The duplicate and its original.")] input: Box<
            BankPaymentMarkDuplicateInput,
        >,
    ) -> Option<Result<BankPaymentMarkDuplicatePayload>> {
        Some(Box::pin(mark(ctx, *input)).await)
    }

    /// Reopens a bank payment that was excluded or marked as a duplicate, so that it can be
    /// matched. CONFLICT with reason NOT_EXCLUDED, IS_REFUND for one that is matched as a refund
    /// (see `refundReverse`), IN_DETAILS for the total of an entry whose individual payments count
    /// instead, IN_TOTAL for a payment whose entry's total counts instead, or PERIOD_CLOSED for a
    /// duplicate whose voucher is in a closed period and not yet in an export batch.
    ///
    /// Requires the role OFFICE or FINANCE, or the scope `invoices:write`.
    async fn bank_payment_reopen(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The bank payment to reopen.")] input: Box<BankPaymentReopenInput>,
    ) -> Option<Result<BankPaymentReopenPayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.bank_payment_id, "bank_payment_id", &mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(reopen::reopen(mutation.context(), id, errors), async |()| {
                    Ok(BankPaymentReopenPayload { bank_payment: changed(ctx, id).await? })
                })
                .await,
        )
    }
}

async fn mark(
    ctx: &Context<'_>,
    input: BankPaymentMarkDuplicateInput,
) -> Result<BankPaymentMarkDuplicatePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.bank_payment_id, "bank_payment_id", &mut errors);
    let of = row_id(&input.duplicate_of_id, "duplicate_of_id", &mut errors);
    let mutation = mutation(ctx);
    let payload =
        async |()| Ok(BankPaymentMarkDuplicatePayload { bank_payment: changed(ctx, id).await? });
    mutation
        .perform(mark_duplicate::mark_duplicate(mutation.context(), id, of, errors), payload)
        .await
}
