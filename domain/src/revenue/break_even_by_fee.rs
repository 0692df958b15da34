//! Break-even of an activity by each of its fees: the number of payers that cover its cost.

use std::{
    cmp::max,
    collections::{BTreeMap, HashSet},
};

use ::entity::{
    fee_schedule,
    id::MemberId,
    kind::{AllocationBasis, FeeBasis},
    money::{Money, PerMille},
    total::Total,
};

use super::{
    assumptions::{Allocations, assumed_years},
    sums::Committed,
};
use crate::fees::quote::{basis_of, quote};

/// The break-even of an activity in a year.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BreakEven {
    /// Costs booked in the year, öre.
    pub cost: Total,
    /// Grants booked in the year, öre.
    pub grants: Total,
    /// Costs in the year to which agreements in force commit the network.
    pub committed: Committed,
    /// Number of participation agreements in force today.
    pub joined: i64,
    /// Break-even by each of its fees in force today.
    pub by_fee: Vec<ByFee>,
}

/// The break-even of an activity that is funded only by one of its fees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByFee {
    /// Basis of the fee. It determines the unit of the counts: agreements for the whole year,
    /// agreements that begin in it, participants, or members that each pay by their own allocation.
    pub basis: FeeBasis,
    /// Fee per unit in öre; null for a per-mille fee.
    pub fee: Option<Money>,
    /// Rate; null unless it is a per-mille fee.
    pub per_mille: Option<PerMille>,
    /// Cost after grants in öre; never below zero.
    pub need: Total,
    /// The minimum number of units whose fees together cover the cost; for a per-mille fee, of the
    /// members with the highest fees. Null when all together do not cover it.
    pub count: Option<i64>,
    /// The existing number of units: participation agreements in force today, or those that begin
    /// in the year for a one-off fee. Null for participants, whose number is unknown.
    pub joined: Option<i64>,
    /// Number of additional units needed; for a per-mille fee, of the other members with the
    /// highest fees. Null when it is unknown, or when all together do not cover the cost.
    pub more: Option<i64>,
    /// Amount that is missing when all pay, öre; zero when they cover the cost.
    pub shortfall: Total,
    /// Members whose allocation is unknown for this year and all years before it, ordered by name
    /// in Swedish order; they are in no count and no sum.
    pub missing: Vec<MemberId>,
    /// Assumptions, one sentence each.
    pub assumptions: Vec<String>,
}

/// The members of a year, with their known allocations.
pub(super) struct Members {
    /// Ids, ordered by name in Swedish order.
    pub(super) ids: Vec<MemberId>,
    pub(super) allocations: Allocations,
    /// Allocations of the state's share.
    pub(super) state_shares: Allocations,
}

/// The participants of an activity.
#[derive(Debug, Default)]
pub(super) struct Participants {
    pub(super) agreements: i64,
    pub(super) members: HashSet<MemberId>,
}

/// Calculates the break-even by one fee.
pub(super) fn by_fee(
    rule: &fee_schedule::Model,
    need: Total,
    joined: &Participants,
    members: &Members,
    year: i32,
) -> ByFee {
    let mut found = ByFee {
        basis: rule.basis,
        fee: rule.amount,
        per_mille: rule.per_mille,
        need,
        count: None,
        joined: (rule.basis != FeeBasis::PerParticipant).then_some(joined.agreements),
        more: None,
        shortfall: Total::ZERO,
        missing: Vec::new(),
        assumptions: Vec::new(),
    };
    match rule.basis {
        FeeBasis::PerMilleOfAllocation => per_mille(&mut found, rule, joined, members, year),
        FeeBasis::FixedPerYear | FeeBasis::OneOff | FeeBasis::PerParticipant => {
            found.count = needed(need, rule.amount.unwrap_or_default());
            found.more =
                found.count.zip(found.joined).map(|(count, joined)| max(count - joined, 0));
            found.shortfall = if found.count.is_none() { need } else { Total::ZERO };
            found.assumptions.push(match rule.basis {
                FeeBasis::OneOff => format!("Each agreement begins in {year}, and pays once"),
                FeeBasis::PerParticipant => {
                    "The register does not know the number of participants".to_owned()
                }
                FeeBasis::FixedPerYear | FeeBasis::PerMilleOfAllocation => {
                    "Each agreement pays for the whole year".to_owned()
                }
            });
        }
    }
    found
}

/// Returns the minimum number of fees that cover a cost; `None` if it exceeds 64 bits or the fee is
/// zero.
fn needed(need: Total, fee: Money) -> Option<i64> {
    match (need <= Total::ZERO, fee <= Money::ZERO) {
        (true, _) => Some(0),
        (false, true) => None,
        (false, false) => i64::try_from((need.0 - 1) / i128::from(fee.0) + 1).ok(),
    }
}

/// Calculates the break-even by a per-mille fee: each member pays its own fee for the whole year,
/// and the highest fees count first.
fn per_mille(
    found: &mut ByFee,
    rule: &fee_schedule::Model,
    joined: &Participants,
    members: &Members,
    year: i32,
) {
    let mut years: BTreeMap<i32, usize> = BTreeMap::new();
    let (mut of_joined, mut of_others) = (Vec::new(), Vec::new());
    let allocations = if basis_of(rule) == AllocationBasis::StateShare {
        &members.state_shares
    } else {
        &members.allocations
    };
    for member in &members.ids {
        let Some((of_year, fee)) = allocations
            .get(member)
            .and_then(|(year, allocation)| Some((*year, quote(rule, Some(*allocation))?.amount)))
        else {
            found.missing.push(*member);
            continue;
        };
        if of_year != year {
            *years.entry(of_year).or_default() += 1;
        }
        if joined.members.contains(member) { of_joined.push(fee) } else { of_others.push(fee) }
    }
    let all: Vec<Money> = of_joined.iter().chain(&of_others).copied().collect();
    let covered: Total = of_joined.iter().copied().sum();
    found.more = fewest(found.need - covered, of_others);
    found.shortfall = max(found.need - all.iter().copied().sum(), Total::ZERO);
    found.count = fewest(found.need, all);
    found
        .assumptions
        .push(format!("Each member pays for the whole of {year}, those that pay the most first"));
    found.assumptions.extend(assumed_years(&years, year));
}

/// Returns the minimum number of these fees that cover a cost, the highest first; `None` if all
/// together do not cover it.
fn fewest(need: Total, mut fees: Vec<Money>) -> Option<i64> {
    fees.sort_unstable_by(|one, other| other.cmp(one));
    let mut covered = Total::ZERO;
    let mut count = 0;
    for fee in fees {
        if covered >= need {
            break;
        }
        covered += fee;
        count += 1;
    }
    (covered >= need).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_mille_rule(rate: i64, cap: Option<i64>, minimum: Option<i64>) -> fee_schedule::Model {
        fee_schedule::Model {
            basis: FeeBasis::PerMilleOfAllocation,
            per_mille: Some(PerMille(rate)),
            cap: cap.map(Money),
            minimum: minimum.map(Money),
            ..fee_schedule::Model::default()
        }
    }

    /// Returns members with these allocations of 2026 in kronor; zero: none.
    fn members(kronor: &[i64]) -> Members {
        let ids: Vec<_> = (1..=kronor.len())
            .map(|position| MemberId(uuid::Uuid::from_u128(position as u128)))
            .collect();
        let known = ids.iter().zip(kronor).filter(|(_, kronor)| **kronor > 0);
        let allocations = known.map(|(id, kronor)| (*id, (2026, Money(kronor * 100)))).collect();
        Members { allocations, state_shares: Allocations::new(), ids }
    }

    #[test]
    fn the_count_is_the_minimum_that_covers_the_cost() {
        for (need, fee, count) in [
            (0_i128, 100, Some(0)),
            (1, 100, Some(1)),
            (100, 100, Some(1)),
            (101, 100, Some(2)),
            (Money::MAX.0.into(), 1, Some(Money::MAX.0)),
            (1100 << 53, 1 << 53, Some(1100)),
            (1100 << 53, 1, None),
            (5, 0, None),
            (0, 0, Some(0)),
        ] {
            assert_eq!(needed(Total(need), Money(fee)), count, "{need} {fee}");
        }
    }

    #[test]
    fn the_members_that_pay_the_most_come_first() {
        // 2 per mille: 8 648, 26 800, 64 000 and 122 400 kronor.
        let members = members(&[4_324_000, 13_400_000, 32_000_000, 61_200_000, 0]);
        let ask = |rule: &fee_schedule::Model, need: i128, joined: &[usize]| {
            let joined = Participants {
                agreements: 7,
                members: joined.iter().map(|position| members.ids[*position]).collect(),
            };
            by_fee(rule, Total(need * 100), &joined, &members, 2026)
        };
        let plain = per_mille_rule(2000, None, None);
        for (need, count) in
            [(0, 0), (1, 1), (122_400, 1), (122_401, 2), (213_200, 3), (221_848, 4)]
        {
            assert_eq!(
                (ask(&plain, need, &[]).count, ask(&plain, need, &[]).more),
                (Some(count), Some(count)),
                "{need}"
            );
        }
        let short = ask(&plain, 221_849, &[3]);
        assert_eq!((short.count, short.more, short.shortfall), (None, None, Total(100)));
        assert_eq!((short.joined, short.missing), (Some(7), vec![members.ids[4]]));
        // The two smallest have joined: 35 448. The largest of the others comes next.
        for (need, more) in [(35_448, 0), (35_449, 1), (157_848, 1), (157_849, 2)] {
            assert_eq!(ask(&plain, need, &[0, 1]).more, Some(more), "{need}");
        }
        // A cap makes the large fees equal, and a minimum the small ones.
        assert_eq!(ask(&per_mille_rule(2000, Some(5_000_000), None), 100_001, &[]).count, Some(3));
        assert_eq!(
            ask(&per_mille_rule(2000, Some(5_000_000), Some(3_000_000)), 160_000, &[]).count,
            Some(4)
        );
    }

    #[test]
    fn an_allocation_of_an_earlier_year_is_an_assumption() {
        let mut members = members(&[4_324_000, 13_400_000]);
        let other = members.ids[0];
        members.allocations.insert(other, (2024, Money(100)));
        let found = by_fee(
            &per_mille_rule(2000, None, None),
            Total(1),
            &Participants::default(),
            &members,
            2026,
        );
        assert_eq!(
            found.assumptions,
            [
                "Each member pays for the whole of 2026, those that pay the most first",
                "Fees per mille are of the allocation of 2024 for 1 member whose allocation of 2026 is not known",
            ]
        );
    }
}
