//! Service-fee scenarios as the API tells of them.

use ::entity::id::MemberId;
use async_graphql::{Context, Description, ID, InputObject, Object};

use super::{
    batch::{BatchRow, take_rows},
    cost::{cost, list_size},
    database,
    members::{AllocationBasis, Member, member_of},
    scalars::{Money, Parsed, row_id, take},
    viewer,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    fees::{
        scenario::{self, Ask, Row, Scenario},
        schedules,
    },
};

/// Another service-fee rule than the one in force.
#[derive(InputObject)]
pub struct ServiceFeeScenarioInput {
    /// Calendar year: of its allocations, and for those that are members on some day of it.
    year: i32,
    /// The rate, 0 to 1000 with at most three decimals.
    per_mille: f64,
    /// Nobody pays more than this (maxtak); leave out: no cap.
    cap: Option<Parsed<Money>>,
    /// Nobody pays less than this; leave out: no minimum.
    minimum: Option<Parsed<Money>>,
    /// The allocation that the rate is of; leave out: that of the rule in force, else ALL_PARTIES.
    allocation_basis: Option<AllocationBasis>,
    /// As if these members had left: they are in no row and no total but `withoutTotal`.
    without: Option<Vec<ID>>,
}

impl ServiceFeeScenarioInput {
    fn check(self, errors: &mut ValidationErrors) -> Ask {
        let money = |parsed, path: &str, errors: &mut ValidationErrors| {
            take(parsed, path, errors).map(|sum: Money| sum.0)
        };
        let id = |(position, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, "member", &format!("input.without.{position}"), errors)
        };
        Ask {
            year: self.year,
            per_mille: errors.take("input.perMille", schedules::rate(self.per_mille)),
            cap: money(self.cap, "input.cap", errors),
            minimum: money(self.minimum, "input.minimum", errors),
            allocation_basis: self.allocation_basis.map(Into::into),
            without: self
                .without
                .unwrap_or_default()
                .into_iter()
                .enumerate()
                .map(|each| id(each, errors))
                .collect(),
        }
    }
}

/// What every member would pay under other service-fee rules. Members without an allocation for the
/// year are in `missing`, never silently zero.
#[derive(Description)]
pub struct ServiceFeeScenario {
    found: Scenario,
    rows: Vec<BatchRow<Row>>,
    missing: Vec<BatchRow<MemberId>>,
}

#[Object(use_type_description)]
impl ServiceFeeScenario {
    /// A row for each member whose allocation (tilldelning) of the year is known, in order of name.
    #[graphql(directive = list_size::apply(Some(50), None))]
    async fn rows(&self) -> Vec<ServiceFeeScenarioRow> {
        self.rows.iter().cloned().map(ServiceFeeScenarioRow).collect()
    }

    /// What the rows would pay, net of VAT.
    async fn total(&self) -> Money {
        self.found.total.into()
    }

    /// What the rows pay under the rule in force, net of VAT; zero when there is none.
    async fn current_total(&self) -> Money {
        self.found.current_total.into()
    }

    /// What the members in `without` pay under the rule in force: what is lost with them before the
    /// new rule.
    async fn without_total(&self) -> Money {
        self.found.without_total.into()
    }

    /// How many pay the cap (maxtak) instead of more.
    async fn capped_members(&self) -> usize {
        self.found.capped_members
    }

    /// What the cap takes off in all.
    async fn lost_to_cap(&self) -> Money {
        self.found.lost_to_cap.into()
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

/// What one member would pay.
#[derive(Description)]
pub struct ServiceFeeScenarioRow(BatchRow<Row>);

#[Object(use_type_description)]
impl ServiceFeeScenarioRow {
    /// Who.
    async fn member(&self, ctx: &Context<'_>) -> Result<Member> {
        member_of(ctx, &self.0, |row| Some(row.member))
            .await?
            .ok_or_else(|| Error::NotFound("there is no such member".into()))
    }

    /// Its allocation of all parties in the year, which the rate is of.
    async fn allocation(&self) -> Money {
        self.0.allocation.into()
    }

    /// What it pays under the rule in force; zero when there is none.
    async fn current(&self) -> Money {
        self.0.current.into()
    }

    /// What it would pay.
    async fn proposed(&self) -> Money {
        self.0.proposed.into()
    }

    /// How much more that is; below zero when it would pay less.
    async fn change(&self) -> Money {
        (self.0.proposed - self.0.current).into()
    }

    /// Whether the cap makes it less.
    async fn capped(&self) -> bool {
        self.0.capped
    }

    /// What the cap takes off.
    async fn lost_to_cap(&self) -> Money {
        self.0.lost.into()
    }
}

/// Questions about fees that nobody has decided.
#[derive(Default)]
pub struct ScenarioQuery;

#[Object]
impl ScenarioQuery {
    /// What every member would pay under other service-fee rules; changes nothing. Tells of the
    /// members whose affairs you may see: a MEMBER of itself, an ACTIVITY_LEAD of none.
    #[graphql(directive = cost::apply("500".into()))]
    async fn service_fee_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The other rules.")] input: ServiceFeeScenarioInput,
    ) -> Result<ServiceFeeScenario> {
        let mut errors = ValidationErrors::default();
        let ask = input.check(&mut errors);
        let mut found = scenario::scenario(database(ctx), viewer(ctx), &ask, errors).await?;
        take_rows(ctx, found.rows.len() + found.missing.len())?;
        let rows = BatchRow::each(std::mem::take(&mut found.rows));
        let missing = BatchRow::each(std::mem::take(&mut found.missing));
        Ok(ServiceFeeScenario { found, rows, missing })
    }
}
