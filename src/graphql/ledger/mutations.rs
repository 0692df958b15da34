//! Mutations that record and reverse costs and grants.

use ::entity::id::{CostId, GrantId};
use async_graphql::{Context, ID, InputObject, Object};
use domain::{
    error::{Result, ValidationErrors},
    ledger::{
        booking::{CostDetails, NewBooking},
        record_cost::record_cost,
        record_grant::record_grant,
        reversal::NewReversal,
        reverse_cost::reverse_cost,
        reverse_grant::reverse_grant,
    },
};

use super::{
    payloads::{CostRecordPayload, CostReversePayload, GrantRecordPayload, GrantReversePayload},
    queries::supplier,
    types::{Cost, Grant, node, reversal_and_original},
};
use crate::graphql::{
    activities::types::changed,
    mutation::mutation,
    scalars::{Date, Money, Parsed, row_id, take},
};

/// Input of `costRecord`.
#[derive(InputObject)]
pub struct CostRecordInput {
    /// Id of the activity.
    activity_id: ID,
    /// Day in the books.
    booked_on: Parsed<Date>,
    /// Amount in kronor without deducted VAT: VAT that is not deducted is part of it. Negative for
    /// a cost that the supplier pays back. Correct a wrong cost with `costReverse`.
    amount: Parsed<Money>,
    /// Purpose, as `Lokalhyra maj`.
    description: String,
    /// Deducted input VAT (ingående moms) in kronor, not part of `amount` and with the same sign;
    /// omit when not known.
    vat: Option<Parsed<Money>>,
    /// Id of the supplier, a member or an organisation. Omit for the counterparty of the agreement.
    supplier_id: Option<ID>,
    /// The supplier's invoice number.
    reference: Option<String>,
    /// Id of the signed agreement by which the network owes the cost. It must be about this
    /// activity or about none.
    agreement_id: Option<ID>,
    /// Id of the supplier's voucher, which you have uploaded with `POST /files` within a day.
    file_id: Option<ID>,
}

/// Input of `grantRecord`.
#[derive(InputObject)]
pub struct GrantRecordInput {
    /// Id of the activity.
    activity_id: ID,
    /// Day in the books.
    booked_on: Parsed<Date>,
    /// Amount in kronor; negative for a grant that is paid back.
    amount: Parsed<Money>,
    /// Name of the body that pays the grant.
    funder: String,
    /// Id of the signed cooperation agreement by which the grant comes in. It must be about this
    /// activity or about none.
    agreement_id: Option<ID>,
}

/// Input of `costReverse`.
#[derive(InputObject)]
pub struct CostReverseInput {
    /// Id of the cost to reverse.
    cost_id: ID,
    /// Day in the books, from the cost's own day to today, and in no closed period. Defaults to
    /// today, or the first open day.
    reversed_on: Option<Parsed<Date>>,
    /// Reason of the reversal.
    reason: String,
}

/// Input of `grantReverse`.
#[derive(InputObject)]
pub struct GrantReverseInput {
    /// Id of the grant to reverse.
    grant_id: ID,
    /// Day in the books, from the grant's own day to today, and in no closed period. Defaults to
    /// today, or the first open day.
    reversed_on: Option<Parsed<Date>>,
    /// Reason of the reversal.
    reason: String,
}

/// Mutations that record costs and grants.
#[derive(Default)]
pub struct RecordMutation;

#[Object]
impl RecordMutation {
    /// Books a cost of an activity. Without an Idempotency-Key, the same input twice books two
    /// costs. CONFLICT with reason PERIOD_CLOSED when `bookedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn cost_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cost to book.")] input: Box<CostRecordInput>,
    ) -> Option<Result<CostRecordPayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewBooking {
            activity: row_id(&input.activity_id, "activity_id", &mut errors),
            booked_on: input.booked_on.take("booked_on", &mut errors).0,
            amount: input.amount.take("amount", &mut errors).0,
            text: input.description,
            agreement_id: input.agreement_id.map(|id| row_id(&id, "agreement_id", &mut errors)),
        };
        let details = CostDetails {
            supplier_id: input.supplier_id.and_then(|id| supplier(&id, "supplier_id", &mut errors)),
            reference: input.reference,
            vat: take(input.vat, "vat", &mut errors).map(|vat| vat.0),
            file_id: input.file_id.map(|id| row_id(&id, "file_id", &mut errors)),
        };
        let id = new.activity;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    record_cost(mutation.context(), new, details, errors),
                    async |cost: CostId| {
                        Ok(CostRecordPayload {
                            cost: node::<Cost>(ctx, cost.0).await?,
                            activity: changed(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }

    /// Books a grant (bidrag) to an activity. Not idempotent: the same input twice books two
    /// grants. CONFLICT with reason PERIOD_CLOSED when `bookedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn grant_record(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The grant to book.")] input: Box<GrantRecordInput>,
    ) -> Option<Result<GrantRecordPayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewBooking {
            activity: row_id(&input.activity_id, "activity_id", &mut errors),
            booked_on: input.booked_on.take("booked_on", &mut errors).0,
            amount: input.amount.take("amount", &mut errors).0,
            text: input.funder,
            agreement_id: input.agreement_id.map(|id| row_id(&id, "agreement_id", &mut errors)),
        };
        let id = new.activity;
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(record_grant(mutation.context(), new, errors), async |grant: GrantId| {
                    Ok(GrantRecordPayload {
                        grant: node::<Grant>(ctx, grant.0).await?,
                        activity: changed(ctx, id).await?,
                    })
                })
                .await,
        )
    }
}

/// Mutations that reverse costs and grants.
#[derive(Default)]
pub struct ReverseMutation;

#[Object]
impl ReverseMutation {
    /// Reverses a cost: books the negative amount on a day of its own, for the same activity,
    /// supplier and agreement. Reports of the cost's own day do not change. Record the correct cost
    /// with `costRecord`.
    ///
    /// CONFLICT with reason ALREADY_REVERSED, IS_REVERSAL for a reversal, or PERIOD_CLOSED when
    /// `reversedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn cost_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cost to reverse.")] input: Box<CostReverseInput>,
    ) -> Option<Result<CostReversePayload>> {
        Some(Box::pin(cost_reversed(ctx, *input)).await)
    }

    /// Reverses a grant: books the negative amount on a day of its own. Record the correct grant
    /// with `grantRecord`.
    ///
    /// CONFLICT with reason ALREADY_REVERSED, IS_REVERSAL for a reversal, or PERIOD_CLOSED when
    /// `reversedOn` is in a closed period.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn grant_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The grant to reverse.")] input: Box<GrantReverseInput>,
    ) -> Option<Result<GrantReversePayload>> {
        Some(Box::pin(grant_reversed(ctx, *input)).await)
    }
}

async fn cost_reversed(ctx: &Context<'_>, input: CostReverseInput) -> Result<CostReversePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.cost_id, "cost_id", &mut errors);
    let new = new_reversal(id, input.reversed_on, input.reason, &mut errors);
    let mutation = mutation(ctx);
    let payload = async |id: CostId| {
        let (reversal, cost) = reversal_and_original::<Cost>(ctx, id.0).await?;
        let activity = changed(ctx, reversal.0.activity_id).await?;
        Ok(CostReversePayload { cost, reversal, activity })
    };
    mutation.perform(reverse_cost(mutation.context(), new, errors), payload).await
}

async fn grant_reversed(
    ctx: &Context<'_>,
    input: GrantReverseInput,
) -> Result<GrantReversePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.grant_id, "grant_id", &mut errors);
    let new = new_reversal(id, input.reversed_on, input.reason, &mut errors);
    let mutation = mutation(ctx);
    let payload = async |id: GrantId| {
        let (reversal, grant) = reversal_and_original::<Grant>(ctx, id.0).await?;
        let activity = changed(ctx, reversal.0.activity_id).await?;
        Ok(GrantReversePayload { grant, reversal, activity })
    };
    mutation.perform(reverse_grant(mutation.context(), new, errors), payload).await
}

/// Reads the fields of a reversal that costs and grants have in common.
fn new_reversal<I>(
    id: I,
    reversed_on: Option<Parsed<Date>>,
    reason: String,
    errors: &mut ValidationErrors,
) -> NewReversal<I> {
    let reversed_on = take(reversed_on, "reversed_on", errors).map(|day| day.0);
    NewReversal { id, reversed_on, reason }
}
