//! The result of an activity in a year.

use std::collections::HashMap;

use ::entity::{id::ActivityId, total::Total};
use sea_orm::{ConnectionTrait, DatabaseTransaction, sea_query::SelectStatement};

use super::{
    activity_result::{ActivityResult, complete},
    grouping::{Grouping, Range},
    outstanding, public_totals, recorded_sums,
    report_filter::Scope,
    selection::Selection,
    sums::{Basis, Groups},
};
use crate::{context::Context, error::Result};

/// Returns the result of each of these activities in a year. A viewer who may not read the rows of
/// an activity gets its public totals: the figures behind which stand at least
/// `min_counterparties` counterparties other than the viewer.
///
/// # Errors
/// INVALID for an unsupported year.
pub async fn result_of(
    ctx: Context<'_>,
    activities: &[ActivityId],
    year: i32,
    min_counterparties: usize,
) -> Result<HashMap<ActivityId, ActivityResult>> {
    let range = Range::requested(year)?;
    let scope = Scope::of_activities(ctx, activities).await?;
    let (readable, others): (Vec<_>, Vec<_>) =
        activities.iter().copied().partition(|activity| scope.can_read_costs_of(*activity));
    let tx = ctx.db.snapshot().await?;
    let mut results = HashMap::new();
    if !readable.is_empty() {
        results = load(&tx, &scope.restricted_to(&readable), &readable, range).await?;
    }
    if !others.is_empty() {
        results.extend(public_totals::of(ctx, &tx, &others, range, min_counterparties).await?);
    }
    tx.rollback().await?;
    Ok(results)
}

/// Returns the results of activities all of whose rows are in the scope.
async fn load(
    tx: &DatabaseTransaction,
    scope: &Scope,
    activities: &[ActivityId],
    range: Range,
) -> Result<HashMap<ActivityId, ActivityResult>> {
    let group_by = Grouping { activity: true, ..Grouping::default() };
    let (mut invoiced, mut paid) = (Groups::default(), Groups::default());
    let of = |basis| Selection { scope, basis, group_by, range };
    super::report::sums(tx, of(Basis::Invoiced), &mut invoiced).await?;
    super::report::sums(tx, of(Basis::Paid), &mut paid).await?;
    recorded_sums::costs(tx, scope, group_by, range, &mut invoiced).await?;
    let outstanding = outstanding(tx, scope, range).await?;
    Ok(complete(activities, invoiced, paid, outstanding))
}

/// Returns the unpaid part of each activity's lines on the invoices issued in a range: their gross
/// amounts minus payments and credits.
async fn outstanding(
    tx: &DatabaseTransaction,
    scope: &Scope,
    range: Range,
) -> Result<HashMap<ActivityId, Total>> {
    let statements = outstanding::statements(tx.get_database_backend(), scope, range, &[]);
    let mut sums = by_activity(tx, &statements.left).await?;
    for (id, amount) in by_activity(tx, &statements.credited).await? {
        *sums.entry(id).or_default() += -amount;
    }
    Ok(sums)
}

async fn by_activity(
    tx: &DatabaseTransaction,
    select: &SelectStatement,
) -> Result<HashMap<ActivityId, Total>> {
    let found = tx.query_all(select).await?;
    found.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}
