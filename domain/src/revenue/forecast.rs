//! Forecast of a year's revenue from today's agreements.

use ::entity::{
    agreement::{Column, Entity, Model},
    id::{AgreementId, MemberId},
    kind::{AllocationBasis, Direction, FeeBasis},
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, ExprTrait, Order,
    sea_query::{Query, SelectStatement},
};

use super::{
    allocations::allocations,
    assumptions,
    forecast_calculation::{Calculation, Forecast},
    grouping::Range,
    report_filter::Scope,
    sums::Sums,
};
use crate::{
    auth::viewer::Resource,
    context::Context,
    error::{Result, ValidationErrors},
    fees,
    query::{self, column},
    term_sql,
};

/// Number of agreements that are calculated together, so that a forecast of any size needs little
/// memory.
const CHUNK: u64 = 1000;

/// Forecasts a year's revenue by activity, without costs and grants. It includes the agreements
/// with income that are signed and not ended as known today.
///
/// A per-mille fee on an allocation that is not yet known uses the latest known one. An activity
/// with a per-mille fee on an allocation that the viewer may not read is withheld completely.
/// `invoices` is the number of agreements with revenue.
///
/// # Errors
/// INVALID for an unsupported year.
pub async fn forecast(ctx: Context<'_>, year: i32) -> Result<Forecast> {
    let range = Range::requested(year)?;
    let scope = Scope::requested(ctx, None, None, &mut ValidationErrors::default()).await?;
    let tx = ctx.db.snapshot().await?;
    let affairs = ctx.viewer.visibility(Resource::MemberAffairs);
    let (mut calculation, mut last) = (Calculation::new(year), None);
    while !scope.is_empty() {
        let chunk = chunk(&tx, ctx.clock.today(), &scope, range, last).await?;
        let Some(end) = chunk.last() else { break };
        last = Some(end.id);
        let [all, share] = [AllocationBasis::AllParties, AllocationBasis::StateShare];
        let of_all = allocations(&tx, on_allocations(&chunk, all), year, all).await?;
        let of_state = allocations(&tx, on_allocations(&chunk, share), year, share).await?;
        for row in &chunk {
            let is_share = row.fee_allocation_basis == Some(share);
            let allocations = if is_share { &of_state } else { &of_all };
            let is_hidden =
                row.member_id.is_some_and(|member| !affairs.all && affairs.member != Some(member));
            calculation.add(row, allocations, is_hidden)?;
        }
    }
    let (groups, assumed) = calculation.finish();
    let total =
        Sums { invoices: groups.0.values().map(|sums| sums.invoices).sum(), ..Sums::default() };
    let mut report = super::report::finish(&tx, groups, total).await?;
    tx.rollback().await?;
    if scope.reads_nothing() || !assumed.withheld.is_empty() {
        report.total = None;
    }
    let today = ctx.clock.today();
    let (assumptions, assumptions_in_swedish) =
        (assumed.sentences(year, today), assumptions::in_swedish(&assumed, year, today));
    let withheld = assumed.withheld.into_iter().flatten().collect();
    Ok(Forecast { days: range, report, withheld, assumptions, assumptions_in_swedish })
}

/// Returns the next agreements after `last` that may have revenue in the days of `year`.
async fn chunk(
    tx: &DatabaseTransaction,
    today: NaiveDate,
    scope: &Scope,
    year: Range,
    last: Option<AgreementId>,
) -> Result<Vec<Model>> {
    let columns: Vec<Column> =
        [Column::ActivityId, Column::VatRate].into_iter().chain(fees::columns()).collect();
    // The fee decides exactly which days count. This condition only omits agreements that ended
    // before the year.
    let continues = Condition::any()
        .add(column(Column::EndsOn).is_null())
        .add(column(Column::EndsOn).gte(year.from))
        .add(
            column(Column::RenewalMonths)
                .is_not_null()
                .and(column(Column::NoticeGivenOn).is_null()),
        );
    let select: SelectStatement = Query::select()
        .from(Entity)
        .and_where(Column::Direction.eq(Direction::Income))
        .and_where(column(Column::FeeBasis).is_not_null())
        .and_where(column(Column::SignedOn).lte(today))
        .and_where(column(Column::WithdrawnOn).is_null())
        .and_where(column(Column::StartsOn).lte(year.to))
        .cond_where(
            Condition::any()
                .add(column(Column::ReplacedFrom).is_null())
                .add(column(Column::ReplacedFrom).gt(year.from)),
        )
        .cond_where(continues)
        // An agreement that has ended has no further revenue, also in the current year.
        .cond_where(term_sql::outlives(today.pred_opt().unwrap_or(today)))
        .cond_where(scope.of_agreements(tx.get_database_backend()))
        .and_where_option(last.map(|last| column(Column::Id).gt(last)))
        .order_by_expr(column(Column::Id), Order::Asc)
        .limit(CHUNK)
        .take();
    query::rows(tx, select, &columns).await
}

/// Returns the members with a fee per mille of their allocation of this basis.
fn on_allocations(agreements: &[Model], basis: AllocationBasis) -> Vec<MemberId> {
    let is_of = |row: &&Model| row.fee_allocation_basis.unwrap_or_default() == basis;
    let per_mille =
        agreements.iter().filter(|row| row.fee_basis == Some(FeeBasis::PerMilleOfAllocation));
    per_mille.filter(is_of).filter_map(|row| row.member_id).collect()
}
