//! Break-even: how many agreements at today's fee an activity needs to carry its cost.

use std::collections::HashMap;

use ::entity::{
    agreement::{Column, Entity},
    fee_schedule,
    id::ActivityId,
    kind::FeeBasis,
    money::Money,
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};

use super::{
    Groups,
    ledger::{self, Grouping, Range},
    scope::Scope,
};
use crate::{
    auth::viewer::Viewer,
    database::{Database, among},
    error::{Error, Result},
    fees::{quote, schedules},
    terms,
};

/// What an activity needs to carry itself in a year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BreakEven {
    /// The least number of agreements whose fees together cover the cost that grants leave; nought when they leave none.
    pub agreements: i64,
    /// Today's fee of one agreement for a whole year, öre.
    pub fee: Money,
    /// Costs booked in the year, öre.
    pub cost: Money,
    /// Grants booked in the year, öre.
    pub grants: Money,
    /// Participation agreements in force today.
    pub joined: i64,
}

/// Break-even of each of these activities whose costs the viewer sees and that have a fixed yearly fee above nought today: other fees are
/// not the same for every agreement, so that no number of them can be told.
///
/// # Errors
/// INVALID for a year that is none.
pub async fn break_even_of(db: &Database, viewer: &Viewer, activities: &[ActivityId], year: i32) -> Result<HashMap<ActivityId, BreakEven>> {
    let range =
        Range::year(year).filter(|_| (1900..=2999).contains(&year)).ok_or_else(|| Error::invalid("year", "must be 1900 to 2999"))?;
    let scope = Scope::of_activities(db, viewer, activities).await?;
    let seen: Vec<ActivityId> = activities.iter().copied().filter(|activity| scope.sees_costs_of(*activity)).collect();
    if seen.is_empty() {
        return Ok(HashMap::new());
    }
    let mut found: HashMap<ActivityId, BreakEven> = HashMap::new();
    for (activity, fee) in fees(db, &seen).await? {
        found.insert(activity, BreakEven { fee, ..BreakEven::default() });
    }
    let mut booked = Groups::default();
    ledger::costs(db, &scope, Grouping { activity: true, ..Grouping::default() }, range, &mut booked).await?;
    for (group, sums) in booked.0 {
        if let Some(own) = group.activity.and_then(|activity| found.get_mut(&activity)) {
            (own.cost, own.grants) = (sums.cost, sums.grants);
        }
    }
    for (activity, joined) in joined(db, &seen).await? {
        if let Some(own) = found.get_mut(&activity) {
            own.joined = joined;
        }
    }
    for own in found.values_mut() {
        own.agreements = needed(own.cost - own.grants, own.fee);
    }
    Ok(found)
}

/// The least number of fees that come to at least a cost.
fn needed(cost: Money, fee: Money) -> i64 {
    if cost <= Money::ZERO || fee <= Money::ZERO { 0 } else { (cost.0 - 1) / fee.0 + 1 }
}

/// The fixed yearly fee of each of these activities that is in force today and above nought.
async fn fees(db: &Database, activities: &[ActivityId]) -> Result<Vec<(ActivityId, Money)>> {
    use fee_schedule::Column as C;
    let columns = [C::ActivityId, C::ValidFrom, C::ValidTo, C::Basis, C::Amount, C::Cap, C::Minimum];
    let today = db.clock.today();
    let is_today = |row: &fee_schedule::Model| {
        row.basis == FeeBasis::FixedPerYear && row.valid_from <= today && row.valid_to.is_none_or(|last| last >= today)
    };
    let rows = schedules::of_activities(db, activities, &columns).await?;
    let fees = rows.into_iter().filter(is_today).filter_map(|row| Some((row.activity_id?, quote(&row, None)?.amount)));
    Ok(fees.filter(|(_, fee)| *fee > Money::ZERO).collect())
}

/// How many participation agreements of each of these activities are in force today.
async fn joined(db: &Database, activities: &[ActivityId]) -> Result<Vec<(ActivityId, i64)>> {
    let activity = Expr::col((Entity, Column::ActivityId));
    let select = Query::select()
        .expr(activity.clone())
        .expr(Expr::cust("COUNT(*)"))
        .from(Entity)
        .and_where(terms::is_participation())
        .and_where(among(db.backend(), activity.clone(), activities.iter().copied()))
        .cond_where(terms::in_force(db.clock.today()))
        .add_group_by([activity])
        .take();
    let found = db.read().query_all(&select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_agreement_is_the_one_that_covers_it() {
        for (cost, fee, agreements) in
            [(0, 100, 0), (-5, 100, 0), (1, 100, 1), (100, 100, 1), (101, 100, 2), (Money::MAX.0, 1, Money::MAX.0), (5, 0, 0)]
        {
            assert_eq!(needed(Money(cost), Money(fee)), agreements, "{cost} {fee}");
        }
    }
}
