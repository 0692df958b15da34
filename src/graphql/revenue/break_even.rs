//! Break-even of activities as GraphQL types.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    activity,
    id::{ActivityId, MemberId},
    kind, member,
    money::Money as Ore,
    total::Total,
};
use async_graphql::{Context, Description, Object};
use domain::{
    error::Result,
    members,
    revenue::{self, Committed},
};

use crate::graphql::{
    activities::types::ids,
    batch::{BatchRow, distinct},
    caller,
    fees::types::FeeBasis,
    scalars::{Decimal, Money, Sum},
};

/// Break-even figures of a batch of activities.
pub struct BreakEvens {
    found: HashMap<ActivityId, revenue::BreakEven>,
    /// Names of the members in any `missing` list.
    names: HashMap<MemberId, String>,
}

impl BreakEvens {
    /// Returns the figures of the activities of a batch in a calendar year, shared by all fields
    /// that are derived from them.
    pub async fn of(
        ctx: &Context<'_>,
        activity: &BatchRow<activity::Model>,
        year: i32,
    ) -> Result<Arc<Self>> {
        let fetch = || async {
            let found = revenue::break_even_of(caller(ctx), &ids(activity), year).await?;
            let missing = distinct(
                found
                    .values()
                    .flat_map(|own| &own.by_fee)
                    .flat_map(|by_fee| by_fee.missing.iter().copied()),
            );
            let columns = [member::Column::Id, member::Column::Name];
            let names = members::by_ids(caller(ctx), &missing, &columns).await?;
            Ok(Self { names: names.into_iter().map(|row| (row.id, row.name)).collect(), found })
        };
        activity.share(format!("break-even {year}"), fetch).await
    }
}

/// Number of agreements at today's fee that cover the costs of an activity.
#[derive(Clone, Copy, Description)]
pub struct BreakEven {
    cost: Total,
    grants: Total,
    committed: Committed,
    joined: i64,
    agreements: i64,
    fee: Ore,
}

impl BreakEven {
    /// Returns the break-even at an activity's fixed yearly fee; `None` when it has none above
    /// zero.
    pub fn of(all: &BreakEvens, activity: ActivityId) -> Option<Self> {
        let found = all.found.get(&activity)?;
        let fixed =
            found.by_fee.iter().find(|by_fee| by_fee.basis == kind::FeeBasis::FixedPerYear)?;
        let fee = fixed.fee.filter(|fee| fee.0 > 0)?;
        Some(Self {
            cost: found.cost,
            grants: found.grants,
            committed: found.committed,
            joined: found.joined,
            agreements: fixed.count?,
            fee,
        })
    }
}

#[Object(use_type_description)]
impl BreakEven {
    /// Least number of agreements whose fees of a whole year cover `cost` less `grants`; zero when
    /// grants cover it.
    async fn agreement_count(&self) -> i64 {
        self.agreements
    }

    /// Today's fee of one agreement for a whole year in kronor, net of VAT.
    async fn fee(&self) -> Money {
        self.fee.into()
    }

    /// Costs booked during the year, in kronor.
    async fn cost(&self) -> Sum {
        self.cost.into()
    }

    /// Grants booked during the year, in kronor.
    async fn grants(&self) -> Sum {
        self.grants.into()
    }

    /// Costs in kronor, without VAT, that agreements in force commit the network to in the year, by
    /// the months that they pay for. Not included in `cost`, which has the booked costs. Per-mille
    /// fees and fees per participant count as zero.
    async fn committed_cost(&self) -> Sum {
        self.committed.cost.into()
    }

    /// Costs booked in the year for agreements (`agreement` of a cost) that have a committed cost
    /// in it, less reversals.
    async fn committed_cost_booked(&self) -> Sum {
        self.committed.booked.into()
    }

    /// Committed cost that is not booked; negative if more is booked.
    async fn committed_cost_remaining(&self) -> Sum {
        self.committed.left().into()
    }

    /// Number of participation agreements in force today.
    async fn joined_count(&self) -> i64 {
        self.joined
    }
}

/// Number of payers of one of today's fees that alone cover the costs of an activity. The unit
/// follows from `basis`: agreements that run the whole year (FIXED_PER_YEAR), agreements that begin
/// in the year (ONE_OFF), participants (PER_PARTICIPANT), or members that each pay by their own
/// allocation (PER_MILLE_OF_ALLOCATION).
#[derive(Clone, Description)]
pub struct BreakEvenByFee {
    found: revenue::ByFee,
    missing: Vec<String>,
}

impl BreakEvenByFee {
    /// Returns the break-even by each of an activity's fees; `None` when the viewer may not see its
    /// costs.
    pub fn each(all: &BreakEvens, activity: ActivityId) -> Option<Vec<Self>> {
        let missing = |by_fee: &revenue::ByFee| {
            by_fee.missing.iter().filter_map(|id| all.names.get(id).cloned()).collect::<Vec<_>>()
        };
        let by_fee = all.found.get(&activity)?.by_fee.iter();
        Some(
            by_fee.map(|by_fee| Self { missing: missing(by_fee), found: by_fee.clone() }).collect(),
        )
    }

    /// Returns the number of rows in an answer: itself, and the members that it names.
    pub fn rows(&self) -> usize {
        1 + self.missing.len()
    }
}

#[Object(use_type_description)]
impl BreakEvenByFee {
    /// Basis of the fee.
    async fn basis(&self) -> FeeBasis {
        self.found.basis.into()
    }

    /// Fee of each payer in kronor, net of VAT; null for PER_MILLE_OF_ALLOCATION.
    async fn fee(&self) -> Option<Money> {
        self.found.fee.map(Into::into)
    }

    /// Rate in per mille; null unless `basis` is PER_MILLE_OF_ALLOCATION.
    async fn per_mille(&self) -> Option<Decimal> {
        self.found.per_mille.map(Decimal::new)
    }

    /// Sum to cover in kronor: costs booked during the year less grants, never below zero.
    async fn need(&self) -> Sum {
        self.found.need.into()
    }

    /// Least number of payers whose fees cover `need`; for per-mille fees, of the members that pay
    /// most. Null when all together don't cover it.
    async fn needed_count(&self) -> Option<i64> {
        self.found.count
    }

    /// Present number of payers: participation agreements in force today, or for ONE_OFF signed
    /// agreements that begin in the year. Null for participants, whose number is not recorded.
    async fn joined_count(&self) -> Option<i64> {
        self.found.joined
    }

    /// Number of further payers needed in addition to `joinedCount`; for per-mille fees, of the
    /// other members that pay most. Null for participants, and when all together don't cover
    /// `need`.
    async fn more_count(&self) -> Option<i64> {
        self.found.more
    }

    /// Part of `need` in kronor that remains when all pay; zero when they cover it.
    async fn shortfall(&self) -> Sum {
        self.found.shortfall.into()
    }

    /// Names of the members whose allocation (tilldelning) is not known for the year or any earlier
    /// one; they are in no number.
    async fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Assumptions, a sentence each in English.
    async fn assumptions(&self) -> &[String] {
        &self.found.assumptions
    }
}
