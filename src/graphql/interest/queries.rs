//! GraphQL query of reference rates.

use async_graphql::{Context, Object};

use super::types::ReferenceRate;
use crate::graphql::{
    batch::{BatchRow, listed},
    cost::list_size,
    database,
};
use domain::{error::Result, interest::reference_rates};

/// Queries of reference rates.
#[derive(Default)]
pub struct RateQuery;

#[Object]
impl RateQuery {
    /// Recorded reference rates (referensränta), two a year, the latest half-year first. A missing
    /// rate is never estimated: interest over its days is null until `referenceRateSet` records it.
    #[graphql(directive = list_size::apply(Some(20), None))]
    async fn reference_rates(&self, ctx: &Context<'_>) -> Result<Vec<ReferenceRate>> {
        let found = Box::pin(reference_rates::all(database(ctx).read())).await?;
        listed(ctx, Some(&BatchRow::each(found)), ReferenceRate)
    }
}
