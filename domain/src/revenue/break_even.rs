//! Break-even: the number of participants at today's fees at which an activity covers its cost.

use std::{
    cmp::max,
    collections::{BTreeMap, HashMap, HashSet},
};

use ::entity::{
    agreement::{Column, Entity},
    fee_schedule,
    id::{ActivityId, MemberId},
    kind::{AllocationBasis, FeeBasis},
    money::{Money, PerMille},
    total::Total,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, ExprTrait,
    sea_query::{Expr, Query},
};

use super::{
    committed,
    forecast::{Allocations, allocations, assumed_years},
    grouping::{Grouping, Range},
    ledger::{self},
    report_filter::Scope,
    sums::{Committed, Groups},
};
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::among,
    error::{Error, FieldErrorCode, Result},
    fees::{self, quote, scenario, schedules},
    term_sql,
};

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
struct Members {
    /// Ids, ordered by name in Swedish order.
    ids: Vec<MemberId>,
    allocations: Allocations,
    /// Allocations of the state's share.
    state_shares: Allocations,
}

/// Calculates the break-even of each of these activities whose costs the viewer can read. A
/// per-mille fee is omitted for a viewer who cannot read the allocations of all members.
///
/// # Errors
/// INVALID for an unsupported year.
pub async fn break_even_of(
    ctx: Context<'_>,
    activities: &[ActivityId],
    year: i32,
) -> Result<HashMap<ActivityId, BreakEven>> {
    let range = Range::year(year).filter(|_| (1900..=2999).contains(&year)).ok_or_else(|| {
        Error::invalid(
            "year",
            FieldErrorCode::OutOfRange
                .problem("must be 1900 to 2999")
                .with("min", 1900)
                .with("max", 2999),
        )
    })?;
    let scope = Scope::of_activities(ctx, activities).await?;
    let seen: Vec<ActivityId> =
        activities.iter().copied().filter(|activity| scope.can_read_costs_of(*activity)).collect();
    if seen.is_empty() {
        return Ok(HashMap::new());
    }
    let mut rules = rules(ctx, &seen).await?;
    if !ctx.viewer.visibility(Resource::MemberAffairs).all {
        rules.retain(|(_, rule)| rule.basis != FeeBasis::PerMilleOfAllocation);
    }
    let is_per_mille = rules.iter().any(|(_, rule)| rule.basis == FeeBasis::PerMilleOfAllocation);
    let ids = if is_per_mille { scenario::of_year(ctx, year).await? } else { Vec::new() };

    let tx = ctx.db.snapshot().await?;
    let mut found: HashMap<ActivityId, BreakEven> =
        seen.iter().map(|activity| (*activity, BreakEven::default())).collect();
    let mut booked = Groups::default();
    let by_activity = Grouping { activity: true, ..Grouping::default() };
    ledger::costs(&tx, &scope, by_activity, range, &mut booked).await?;
    committed::sums(&tx, ctx.clock.today(), &scope, by_activity, range, &mut booked).await?;
    for (group, sums) in booked.0 {
        if let Some(own) = group.activity.and_then(|activity| found.get_mut(&activity)) {
            (own.cost, own.grants, own.committed) =
                (sums.cost, sums.grants, sums.committed.unwrap_or_default());
        }
    }
    let (joined, begun) = (
        joined(&tx, &seen, None, ctx.clock.today()).await?,
        joined(&tx, &seen, Some(range), ctx.clock.today()).await?,
    );
    let of_state =
        rules.iter().any(|(_, rule)| fees::basis_of(rule) == AllocationBasis::StateShare);
    let with_share = if of_state { ids.clone() } else { Vec::new() };
    let members = Members {
        allocations: allocations(&tx, ids.clone(), year, AllocationBasis::AllParties).await?,
        state_shares: allocations(&tx, with_share, year, AllocationBasis::StateShare).await?,
        ids,
    };
    tx.rollback().await?;

    for (activity, own) in &mut found {
        own.joined = joined.get(activity).map_or(0, |joined| joined.agreements);
    }
    for (activity, rule) in rules {
        let Some(own) = found.get_mut(&activity) else { continue };
        let need = max(own.cost - own.grants, Total::ZERO);
        let participants = if rule.basis == FeeBasis::OneOff {
            begun.get(&activity)
        } else {
            joined.get(&activity)
        };
        own.by_fee.push(by_fee(
            &rule,
            need,
            participants.unwrap_or(&Participants::default()),
            &members,
            year,
        ));
    }
    Ok(found)
}

/// Calculates the break-even by one fee.
fn by_fee(
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
    let allocations = if fees::basis_of(rule) == AllocationBasis::StateShare {
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

/// Returns the fees of these activities in force today, ordered by basis.
async fn rules(
    ctx: Context<'_>,
    activities: &[ActivityId],
) -> Result<Vec<(ActivityId, fee_schedule::Model)>> {
    use fee_schedule::Column as C;
    let columns = [
        C::ActivityId,
        C::ValidFrom,
        C::ValidTo,
        C::Basis,
        C::Amount,
        C::PerMille,
        C::Cap,
        C::Minimum,
    ];
    let (db, today) = (ctx.db, ctx.clock.today());
    let is_today = |row: &fee_schedule::Model| {
        row.valid_from <= today && row.valid_to.is_none_or(|last| last >= today)
    };
    let rows = schedules::of_activities(db, activities, &columns).await?;
    let mut rules: Vec<_> =
        rows.into_iter().filter(is_today).filter_map(|row| Some((row.activity_id?, row))).collect();
    rules.sort_by_key(|(activity, rule)| (*activity, rule.basis as u8));
    Ok(rules)
}

/// The participants of an activity.
#[derive(Debug, Default)]
struct Participants {
    agreements: i64,
    members: HashSet<MemberId>,
}

/// Returns the participation agreements of these activities in force today or, with `begun`, the
/// signed ones that begin in that range.
async fn joined(
    tx: &DatabaseTransaction,
    activities: &[ActivityId],
    begun: Option<Range>,
    today: NaiveDate,
) -> Result<HashMap<ActivityId, Participants>> {
    let column = |column: Column| Expr::col((Entity, column));
    let mut select = Query::select();
    select
        .exprs([column(Column::ActivityId), column(Column::MemberId)])
        .from(Entity)
        .and_where(term_sql::is_participation())
        .and_where(among(
            tx.get_database_backend(),
            column(Column::ActivityId),
            activities.iter().copied(),
        ));
    match begun {
        None => select.cond_where(term_sql::in_force(today)),
        Some(days) => select
            .and_where(column(Column::SignedOn).lte(today))
            .and_where(column(Column::WithdrawnOn).is_null())
            .and_where(column(Column::StartsOn).between(days.from, days.to)),
    };
    let mut found: HashMap<ActivityId, Participants> = HashMap::new();
    for row in tx.query_all(&select).await? {
        let own = found.entry(row.try_get_by_index(0)?).or_default();
        own.agreements += 1;
        own.members.extend(row.try_get_by_index::<Option<MemberId>>(1)?);
    }
    Ok(found)
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
