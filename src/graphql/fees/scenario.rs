//! GraphQL types of service-fee scenarios.

use ::entity::id::MemberId;
use async_graphql::{Context, Description, ID, InputObject, Object};

use crate::graphql::{
    batch::{BatchRow, take_rows},
    caller,
    cost::list_size,
    errors,
    members::types::{AllocationBasis, Member, member_of},
    scalars::{Decimal, Money, Parsed, row_id, take},
};
use domain::{
    error::{Error, Result, ValidationErrors},
    fees::scenario::{
        self,
        comparison::{Proposal, Row, Scenario},
    },
};

/// A service-fee rule to compare to the one in force.
#[derive(InputObject)]
pub struct ServiceFeeScenarioInput {
    /// Calendar year of the allocations; members on some day of it are included.
    year: i32,
    /// Rate in per mille of the allocation, 0 to 1000 with at most three decimals.
    per_mille: Decimal,
    /// Maximum of a year (maxtak) in kronor; omit: no cap.
    cap: Option<Parsed<Money>>,
    /// Minimum of a year in kronor; omit: no minimum.
    minimum: Option<Parsed<Money>>,
    /// Allocation that the rate applies to. Defaults to that of the rule in force, else to
    /// ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// Ids of members to leave out, as if they had left: they are in no row and no total but
    /// `withoutTotal`.
    without_member_ids: Option<Vec<ID>>,
}

impl ServiceFeeScenarioInput {
    fn check(self, errors: &mut ValidationErrors) -> Proposal {
        let money = |parsed, path: &str, errors: &mut ValidationErrors| {
            take(parsed, path, errors).map(|sum: Money| sum.0)
        };
        let id = |(position, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, &format!("without_member_ids[{position}]"), errors)
        };
        Proposal {
            year: self.year,
            per_mille: self.per_mille.read("per_mille", errors),
            cap: money(self.cap, "cap", errors),
            minimum: money(self.minimum, "minimum", errors),
            allocation_basis: self.allocation_basis.map(Into::into),
            without: self
                .without_member_ids
                .unwrap_or_default()
                .into_iter()
                .enumerate()
                .map(|each| id(each, errors))
                .collect(),
        }
    }
}

/// Fees of all members under another service-fee rule. Members without an allocation for the year
/// are in `missing`, and never count as zero. The sums and numbers over all members are null when
/// you may not see the allocations of all of them.
#[derive(Description)]
pub struct ServiceFeeScenario {
    found: Scenario,
    rows: Vec<BatchRow<Row>>,
    missing: Vec<BatchRow<MemberId>>,
}

impl ServiceFeeScenario {
    /// Returns a figure over all members; `None` if the scenario does not include all of them.
    fn over_all<T>(&self, figure: T) -> Option<T> {
        self.found.is_complete.then_some(figure)
    }
}

#[Object(use_type_description)]
impl ServiceFeeScenario {
    /// A row for each member whose allocation (tilldelning) of the year is known, in order of name.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn rows(&self) -> Vec<ServiceFeeScenarioRow> {
        self.rows.iter().cloned().map(ServiceFeeScenarioRow).collect()
    }

    /// Sum of the proposed fees in kronor, net of VAT.
    async fn total(&self) -> Option<Money> {
        self.over_all(self.found.total.into())
    }

    /// Sum of the fees of the rows under the rule in force in kronor, net of VAT; zero when there
    /// is none.
    async fn current_total(&self) -> Option<Money> {
        self.over_all(self.found.current_total.into())
    }

    /// Sum of the fees of the members in `withoutMemberIds` under the rule in force, in kronor: the
    /// loss before the new rule.
    async fn without_total(&self) -> Option<Money> {
        self.over_all(self.found.without_total.into())
    }

    /// Number of members whose fee the cap (maxtak) reduces.
    async fn capped_member_count(&self) -> Option<usize> {
        self.over_all(self.found.capped_members)
    }

    /// Sum in kronor by which the cap reduces fees.
    async fn lost_to_cap(&self) -> Option<Money> {
        self.over_all(self.found.lost_to_cap.into())
    }

    /// Members whose allocation of the rate's basis is not known for the year, in order of name;
    /// they are in no sum.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn missing(&self, ctx: &Context<'_>) -> Result<Vec<Member>> {
        let mut members = Vec::new();
        for row in &self.missing {
            members.extend(member_of(ctx, row, |id| Some(*id)).await?);
        }
        Ok(members)
    }
}

/// Fee of one member.
#[derive(Description)]
pub struct ServiceFeeScenarioRow(BatchRow<Row>);

#[Object(use_type_description)]
impl ServiceFeeScenarioRow {
    /// The member.
    async fn member(&self, ctx: &Context<'_>) -> Result<Member> {
        member_of(ctx, &self.0, |row| Some(row.member))
            .await?
            .ok_or_else(|| Error::NotFound("there is no such member".into()))
    }

    /// Its allocation of the year in kronor, which the rate applies to.
    async fn allocation(&self) -> Money {
        self.0.allocation.into()
    }

    /// Fee in kronor under the rule in force; zero when there is none.
    async fn current(&self) -> Money {
        self.0.current.into()
    }

    /// Proposed fee in kronor.
    async fn proposed(&self) -> Money {
        self.0.proposed.into()
    }

    /// Difference in kronor: `proposed` less `current`; negative when the fee decreases.
    async fn change(&self) -> Money {
        (self.0.proposed - self.0.current).into()
    }

    /// `true` if the cap reduces the fee.
    async fn capped(&self) -> bool {
        self.0.capped
    }

    /// Amount in kronor by which the cap reduces the fee.
    async fn lost_to_cap(&self) -> Money {
        self.0.lost.into()
    }
}

/// Calculates a scenario.
pub(super) async fn calculate(
    ctx: &Context<'_>,
    input: ServiceFeeScenarioInput,
) -> Result<ServiceFeeScenario> {
    let mut errors = ValidationErrors::default();
    let ask = input.check(&mut errors);
    let mut found =
        scenario::scenario(caller(ctx), &ask, errors).await.map_err(errors::within_input)?;
    take_rows(ctx, found.rows.len() + found.missing.len())?;
    let rows = BatchRow::each(std::mem::take(&mut found.rows));
    let missing = BatchRow::each(std::mem::take(&mut found.missing));
    Ok(ServiceFeeScenario { found, rows, missing })
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&ServiceFeeScenario {
        found: Scenario::default(),
        rows: Vec::new(),
        missing: Vec::new(),
    });
    sizes.add(&ServiceFeeScenarioRow(crate::graphql::future_sizes::row()));
}
