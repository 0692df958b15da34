//! Break-even: the number of participants at today's fees at which an activity covers its cost.

use std::{cmp::max, collections::HashMap};

use ::entity::{
    agreement::{Column, Entity},
    fee_schedule,
    id::{ActivityId, MemberId},
    kind::{AllocationBasis, FeeBasis},
    total::Total,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, DatabaseTransaction, ExprTrait, sea_query::Query};

use super::{
    allocations::allocations,
    break_even_by_fee::{BreakEven, Members, Participants, by_fee},
    committed_sums,
    grouping::{Grouping, Range},
    recorded_sums,
    report_filter::Scope,
    sums::Groups,
};
use crate::{
    auth::viewer::Resource,
    context::Context,
    database::among,
    error::Result,
    fees::{quote::basis_of, scenario, schedules},
    query::column,
    term_sql,
};

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
    let range = Range::requested(year)?;
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
    recorded_sums::costs(&tx, &scope, by_activity, range, &mut booked).await?;
    committed_sums::sums(&tx, ctx.clock.today(), &scope, by_activity, range, &mut booked).await?;
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
    let of_state = rules.iter().any(|(_, rule)| basis_of(rule) == AllocationBasis::StateShare);
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
    let today = ctx.clock.today();
    let is_today = |row: &fee_schedule::Model| {
        row.valid_from <= today && row.valid_to.is_none_or(|last| last >= today)
    };
    let rows = schedules::of_activities(ctx, activities, &columns).await?;
    let mut rules: Vec<_> =
        rows.into_iter().filter(is_today).filter_map(|row| Some((row.activity_id?, row))).collect();
    rules.sort_by_key(|(activity, rule)| (*activity, rule.basis as u8));
    Ok(rules)
}

/// Returns the participation agreements of these activities in force today or, with `begun`, the
/// signed ones that begin in that range.
async fn joined(
    tx: &DatabaseTransaction,
    activities: &[ActivityId],
    begun: Option<Range>,
    today: NaiveDate,
) -> Result<HashMap<ActivityId, Participants>> {
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
