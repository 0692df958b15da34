//! GraphQL query of tax decisions.

use async_graphql::{Context, Object};

use super::types::TaxDecision;
use crate::graphql::{
    batch::{BatchRow, listed},
    cost::list_size,
    database,
};
use domain::{error::Result, tax_decisions};

/// Queries of tax decisions.
#[derive(Default)]
pub struct TaxDecisionQuery;

#[Object]
impl TaxDecisionQuery {
    /// Tax decisions of the network, the latest first: a few for each fee.
    #[graphql(directive = list_size::apply(Some(10), None))]
    async fn tax_decisions(&self, ctx: &Context<'_>) -> Result<Vec<TaxDecision>> {
        let found = Box::pin(tax_decisions::all(database(ctx).read())).await?;
        listed(ctx, Some(&BatchRow::each(found)), TaxDecision)
    }
}
