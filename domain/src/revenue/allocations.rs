//! Loads the allocations that per-mille fees of a year are calculated from.

use std::collections::HashMap;

use ::entity::{allocation, id::MemberId, kind::AllocationBasis};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, ExprTrait, Order,
    sea_query::{Expr, Query},
};

use super::assumptions::Allocations;
use crate::{database::among, error::Result};

/// Returns the allocation of a basis for each of these members: that of the year, or else the
/// latest one before it. A member without one has no entry.
pub(super) async fn allocations(
    tx: &DatabaseTransaction,
    members: Vec<MemberId>,
    year: i32,
    basis: AllocationBasis,
) -> Result<Allocations> {
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let column = |column: allocation::Column| Expr::col((allocation::Entity, column));
    let select = Query::select()
        .exprs(
            [allocation::Column::MemberId, allocation::Column::Year, allocation::Column::Amount]
                .map(column),
        )
        .from(allocation::Entity)
        .and_where(among(tx.get_database_backend(), column(allocation::Column::MemberId), members))
        .and_where(allocation::Column::Basis.eq(basis))
        .and_where(column(allocation::Column::Year).lte(year))
        .order_by_expr(column(allocation::Column::Year), Order::Asc)
        .take();
    // Later years come later, and replace earlier ones.
    let found = tx.query_all(&select).await?;
    found
        .iter()
        .map(|row| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        })
        .collect()
}
