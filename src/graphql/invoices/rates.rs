//! GraphQL type, query and mutation of reference rates.

use ::entity::money;
use ::entity::reference_rate;
use async_graphql::{Context, Description, ID, InputObject, Object};

use super::payloads::ReferenceRateSetPayload;
use crate::graphql::{
    batch::{BatchRow, listed},
    cost::{cost, list_size},
    database,
    mutation::mutation,
    scalars::{Date, DateTime, Decimal, Parsed, node_id},
    times,
};
use domain::{
    error::{Result, ValidationErrors},
    interest::reference_rates::{self, last_day},
};

/// Reference rate (referensränta) of a half-year, the base of late interest.
#[derive(Clone, Description)]
pub struct ReferenceRate(pub BatchRow<reference_rate::Model>);

#[Object(use_type_description)]
impl ReferenceRate {
    /// Global id of the reference rate, opaque. Pass it to `node`.
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

    /// First day of the half-year: 1 January or 1 July.
    async fn valid_from(&self) -> Date {
        Date(self.0.valid_from)
    }

    /// Last day of the half-year.
    async fn valid_to(&self) -> Date {
        Date(last_day(self.0.valid_from))
    }

    /// Rate in per cent a year, without the percentage points that are added to it.
    async fn percent(&self) -> Decimal {
        Decimal::new(money::Money(self.0.hundredths))
    }

    /// Publication, as `SFS 2025:809`.
    async fn source(&self) -> &str {
        &self.0.source
    }
}

/// Queries of reference rates.
#[derive(Default)]
pub struct RateQuery;

#[Object]
impl RateQuery {
    /// Recorded reference rates (referensränta), the latest half-year first. A missing rate is
    /// never estimated: interest over its days is null until `referenceRateSet` records it.
    #[graphql(directive = list_size::apply(Some(20), None))]
    async fn reference_rates(&self, ctx: &Context<'_>) -> Result<Vec<ReferenceRate>> {
        let found = Box::pin(reference_rates::all(database(ctx).read())).await?;
        listed(ctx, Some(&BatchRow::each(found)), ReferenceRate)
    }
}

/// Input of `referenceRateSet`.
#[derive(InputObject)]
pub struct ReferenceRateSetInput {
    /// First day of the half-year: 1 January or 1 July.
    valid_from: Parsed<Date>,
    /// Rate in per cent a year, -100 to 100 with at most two decimals.
    percent: Decimal,
    /// Publication, as `SFS 2025:809`.
    source: String,
}

/// Mutations of reference rates.
#[derive(Default)]
pub struct RateMutation;

#[Object]
impl RateMutation {
    /// Records the reference rate (referensränta) of a half-year; replaces a recorded one.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn reference_rate_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The reference rate.")] input: Box<ReferenceRateSetInput>,
    ) -> Option<Result<ReferenceRateSetPayload>> {
        let mut errors = ValidationErrors::default();
        let valid_from = input.valid_from.take("valid_from", &mut errors).0;
        let hundredths =
            errors.take("percent", reference_rates::hundredths(input.percent.as_str()));
        let mutation = mutation(ctx);
        let rule =
            reference_rates::set(mutation.context(), valid_from, hundredths, &input.source, errors);
        let payload = async |id| {
            let row = reference_rates::by_id(database(ctx).read(), id).await?;
            Ok(ReferenceRateSetPayload { reference_rate: ReferenceRate(BatchRow::single(row)) })
        };
        Some(mutation.perform(rule, payload).await)
    }
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(super) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&ReferenceRate(crate::graphql::future_sizes::row()));
}
