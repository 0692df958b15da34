//! Mutations that reverse costs and grants.

use ::entity::id::{CostId, GrantId};
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::{
    activities::reversals::{self, NewReversal},
    error::{Result, ValidationErrors},
    revenue::bookings::Booked,
};

use super::{Cost, Grant, node};
use crate::graphql::{
    activities::{Activity, changed},
    mutation::mutation,
    scalars::{Date, Parsed, row_id, take},
};

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

/// Payload of `costReverse`.
#[derive(SimpleObject)]
pub struct CostReversePayload {
    /// The reversed cost, with unchanged amounts.
    cost: Cost,
    /// The reversal, with negative amounts.
    reversal: Cost,
    /// Activity of both.
    activity: Activity,
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

/// Payload of `grantReverse`.
#[derive(SimpleObject)]
pub struct GrantReversePayload {
    /// The reversed grant, with an unchanged amount.
    grant: Grant,
    /// The reversal, with a negative amount.
    reversal: Grant,
    /// Activity of both.
    activity: Activity,
}

/// Mutations of the ledger.
#[derive(Default)]
pub struct LedgerMutation;

#[Object]
impl LedgerMutation {
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
        Some(Box::pin(reverse_cost(ctx, *input)).await)
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
        Some(Box::pin(reverse_grant(ctx, *input)).await)
    }
}

async fn reverse_cost(ctx: &Context<'_>, input: CostReverseInput) -> Result<CostReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = NewReversal {
        id: row_id(&input.cost_id, "cost_id", &mut errors),
        reversed_on: take(input.reversed_on, "reversed_on", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let mutation = mutation(ctx);
    let payload = async |id: CostId| {
        let reversal = node::<Cost>(ctx, id.0).await?;
        let cost = node::<Cost>(ctx, reversal.0.reverses().unwrap_or_default()).await?;
        Ok(CostReversePayload {
            activity: changed(ctx, reversal.0.activity_id).await?,
            cost,
            reversal,
        })
    };
    mutation.perform(reversals::reverse_cost(mutation.context(), new, errors), payload).await
}

async fn reverse_grant(ctx: &Context<'_>, input: GrantReverseInput) -> Result<GrantReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = NewReversal {
        id: row_id(&input.grant_id, "grant_id", &mut errors),
        reversed_on: take(input.reversed_on, "reversed_on", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let mutation = mutation(ctx);
    let payload = async |id: GrantId| {
        let reversal = node::<Grant>(ctx, id.0).await?;
        let grant = node::<Grant>(ctx, reversal.0.reverses().unwrap_or_default()).await?;
        Ok(GrantReversePayload {
            activity: changed(ctx, reversal.0.activity_id).await?,
            grant,
            reversal,
        })
    };
    mutation.perform(reversals::reverse_grant(mutation.context(), new, errors), payload).await
}
