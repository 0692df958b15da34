//! Loads the agreements that oblige the network to pay in a period, and the costs that were booked
//! for them.

use std::collections::BTreeSet;

use ::entity::{
    agreement::{Column, Entity, Model},
    id::AgreementId,
};
use chrono::NaiveDate;
use sea_orm::{
    Condition, ConnectionTrait, DatabaseTransaction, ExprTrait, Order,
    sea_query::{Expr, Query, SelectStatement},
};

use super::{
    committed,
    grouping::{Grouping, Range},
    recorded_sums,
    report_filter::Scope,
    sums::Groups,
};
use crate::{
    error::Result,
    fees,
    query::{self, column},
};

/// Number of agreements that are loaded together.
const CHUNK: u64 = 1000;

/// Adds the committed cost in a range, and the costs booked in it for the agreements with a
/// commitment in it. Like other costs, it belongs to no member.
pub(super) async fn sums(
    tx: &DatabaseTransaction,
    today: NaiveDate,
    scope: &Scope,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<()> {
    if !scope.has_costs() {
        return Ok(());
    }
    let mut agreements = BTreeSet::new();
    let mut last = None;
    loop {
        let chunk = chunk(tx, today, scope, range, last).await?;
        for row in &chunk {
            if committed::add(row, group_by, range, groups)? {
                agreements.insert(row.id);
            }
        }
        match chunk.last() {
            Some(end) if chunk.len() as u64 == CHUNK => last = Some(end.id),
            _ => break,
        }
    }
    recorded_sums::booked_for_agreements(tx, scope, group_by, range, agreements, groups).await
}

/// Returns the next signed agreements after `last` by which the network pays, and that may have a
/// commitment in the range.
async fn chunk(
    tx: &DatabaseTransaction,
    today: NaiveDate,
    scope: &Scope,
    range: Range,
    last: Option<AgreementId>,
) -> Result<Vec<Model>> {
    let columns: Vec<Column> = std::iter::once(Column::ActivityId).chain(fees::columns()).collect();
    // The term decides exactly which days count. This condition only omits agreements that ended
    // before the range.
    let continues = Condition::any()
        .add(column(Column::EndsOn).is_null())
        .add(column(Column::EndsOn).gte(range.from))
        .add(
            column(Column::RenewalMonths)
                .is_not_null()
                .and(column(Column::NoticeGivenOn).is_null()),
        );
    let select: SelectStatement = Query::select()
        .from(Entity)
        // As a literal, so that the partial index of such agreements is used.
        .and_where(Expr::cust("\"agreement\".\"direction\" = 'COST'"))
        .and_where(column(Column::FeeAmount).is_not_null())
        .and_where(column(Column::SignedOn).lte(today))
        .and_where(column(Column::WithdrawnOn).is_null())
        .and_where(column(Column::StartsOn).lte(range.to))
        .cond_where(continues)
        .cond_where(scope.of_activity(tx.get_database_backend(), column(Column::ActivityId)))
        .and_where_option(last.map(|last| column(Column::Id).gt(last)))
        .order_by_expr(column(Column::Id), Order::Asc)
        .limit(CHUNK)
        .take();
    query::rows(tx, select, &columns).await
}
