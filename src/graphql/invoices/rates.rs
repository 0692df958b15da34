//! Reference rates as the API tells of them.

use ::entity::reference_rate;
use async_graphql::{Context, Description, ID, InputObject, Object};

use crate::graphql::{
    batch::listed,
    cost::list_size,
    database,
    mutation::mutation,
    scalars::{Date, Parsed, node_id},
    viewer,
};
use domain::{
    error::{Result, ValidationErrors},
    interest::reference_rates::{self, last_day},
};

/// A reference rate (referensränta) of a half-year, which late interest is reckoned on.
#[derive(Description)]
pub struct ReferenceRate(reference_rate::Model);

#[Object(use_type_description)]
impl ReferenceRate {
    /// Opaque and globally unique.
    async fn id(&self) -> ID {
        node_id("reference_rate", self.0.id)
    }

    /// First day of the half-year: 1 January or 1 July.
    async fn valid_from(&self) -> Date {
        Date(self.0.valid_from)
    }

    /// Its last day.
    async fn valid_to(&self) -> Date {
        Date(last_day(self.0.valid_from))
    }

    /// Per cent a year, without the points that are added to it.
    async fn percent(&self) -> f64 {
        reference_rates::percent(self.0.hundredths)
    }

    /// Where it is published.
    async fn source(&self) -> &str {
        &self.0.source
    }
}

/// Questions about reference rates.
#[derive(Default)]
pub struct RateQuery;

#[Object]
impl RateQuery {
    /// The reference rates (referensränta) that are known, the latest half-year first. One that is
    /// missing is never guessed: interest over its days is null until `referenceRateSet` says it.
    #[graphql(directive = list_size::apply(Some(20), None))]
    async fn reference_rates(&self, ctx: &Context<'_>) -> Result<Vec<ReferenceRate>> {
        listed(ctx, Some(&reference_rates::all(database(ctx).read()).await?), ReferenceRate)
    }
}

/// The reference rate of a half-year.
#[derive(InputObject)]
pub struct ReferenceRateSetInput {
    /// First day of the half-year: 1 January or 1 July.
    valid_from: Parsed<Date>,
    /// Per cent a year, -100 to 100 with at most two decimals.
    percent: f64,
    /// Where it is published, as `SFS 2025:809`.
    source: String,
}

/// Deeds on reference rates.
#[derive(Default)]
pub struct RateMutation;

#[Object]
impl RateMutation {
    /// Says what the reference rate (referensränta) of a half-year is, in the place of what was
    /// known of it.
    async fn reference_rate_set(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The rate.")] input: ReferenceRateSetInput,
    ) -> Result<ReferenceRate> {
        let mut errors = ValidationErrors::default();
        let valid_from = input.valid_from.take("input.validFrom", &mut errors).0;
        let hundredths = errors.take("input.percent", reference_rates::hundredths(input.percent));
        let mutation = mutation(ctx);
        let rule = reference_rates::set(
            mutation.db(),
            viewer(ctx),
            valid_from,
            hundredths,
            &input.source,
            errors,
        );
        mutation
            .perform(rule, |id| async move {
                Ok(ReferenceRate(reference_rates::by_id(database(ctx).read(), id).await?))
            })
            .await
    }
}
