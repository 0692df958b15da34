//! GraphQL queries of fees.

use async_graphql::{Context, Object};

use super::{
    scenario::{ServiceFeeScenario, ServiceFeeScenarioInput, calculate},
    types::FeeSchedule,
};
use crate::graphql::{
    batch::{BatchRow, listed},
    caller,
    connection::{DIRECT, selected_columns},
    cost::{cost, list_size},
};
use domain::{error::Result, fees::schedules};

/// Queries of fees.
#[derive(Default)]
pub struct FeeQuery;

#[Object]
impl FeeQuery {
    /// Fees of the network itself, the latest first: PER_MILLE_OF_ALLOCATION is the service fee
    /// (serviceavgift), FIXED_PER_YEAR the membership fee (medlemsavgift).
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn network_fees(&self, ctx: &Context<'_>) -> Result<Vec<FeeSchedule>> {
        let found = Box::pin(schedules::of_network(
            caller(ctx),
            &selected_columns::<FeeSchedule>(ctx, DIRECT),
        ))
        .await?;
        listed(ctx, Some(&BatchRow::each(found)), FeeSchedule)
    }

    /// Calculates the fees of all members under another service-fee rule, and changes nothing.
    /// Includes the members whose data you may see: a MEMBER itself, an ACTIVITY_LEAD none.
    /// CONFLICT with reason TOO_LARGE when a total exceeds the largest amount.
    #[graphql(directive = cost::apply("500".into()))]
    async fn service_fee_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The rule to calculate with.")] input: Box<ServiceFeeScenarioInput>,
    ) -> Result<ServiceFeeScenario> {
        Box::pin(calculate(ctx, *input)).await
    }
}
