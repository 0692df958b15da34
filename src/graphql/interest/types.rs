//! GraphQL type of reference rates.

use ::entity::{money, reference_rate};
use async_graphql::{Context, Description, ID, Object};

use crate::graphql::{
    batch::BatchRow,
    cost::cost,
    scalars::{Date, DateTime, Decimal, node_id},
    times,
};
use domain::{error::Result, interest::rates::last_day};

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

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&ReferenceRate(crate::graphql::future_sizes::row()));
}
