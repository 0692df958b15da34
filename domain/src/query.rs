//! Statements about the rows of one table: by ids, by the rows that they belong to, by a unique
//! value. A noun adds the rows that its viewers can read.

use ::entity::partial::{Column, PartialRow};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityName, Order,
    sea_query::{Expr, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use crate::{
    database::{self, Database, among},
    error::Result,
};

/// Returns a column, qualified by its table.
pub(crate) fn column(column: impl ColumnTrait) -> SimpleExpr {
    Expr::col(column.as_column_ref())
}

/// Returns the day in a column, or a day after all others. Indexes contain the same expression.
pub(crate) fn day_or_never<C: ColumnTrait>(backend: DbBackend, column: C) -> SimpleExpr {
    let never = if backend == DbBackend::Postgres { "DATE '9999-12-31'" } else { "'9999-12-31'" };
    let (table, column) = (C::EntityName::default(), column.as_str());
    Expr::cust(format!("COALESCE(\"{}\".\"{column}\", {never})", table.table_name()))
}

/// Returns a condition by which SQLite, which may have no statistics, searches no index: another
/// condition of the statement matches fewer rows.
pub(crate) fn unindexed(backend: DbBackend, condition: SimpleExpr) -> SimpleExpr {
    match backend {
        DbBackend::Sqlite => Expr::cust_with_expr("+?", condition),
        _ => condition,
    }
}

/// Returns the condition that no row matches.
pub(crate) fn nothing() -> SimpleExpr {
    Expr::cust("1 = 0")
}

/// Adds columns to a statement that selects from their table.
pub(crate) fn add_columns<C: ColumnTrait>(select: &mut SelectStatement, columns: &[C]) {
    for own in columns {
        select.expr(column(*own));
    }
}

/// Returns the rows of `select` (its FROM and WHERE), with these columns.
pub(crate) fn rows<M: PartialRow>(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    columns: &[Column<M>],
) -> impl Future<Output = Result<Vec<M>>> {
    add_columns(&mut select, columns);
    async move { database::rows(db, &select, columns).await }
}

/// Returns the rows of `select` in ascending order of the columns `order`.
pub(crate) fn rows_in_order<M: PartialRow>(
    db: &impl ConnectionTrait,
    mut select: SelectStatement,
    order: &[Column<M>],
    columns: &[Column<M>],
) -> impl Future<Output = Result<Vec<M>>> {
    for key in order {
        select.order_by_expr(column(*key), Order::Asc);
    }
    rows(db, select, columns)
}

/// Returns the rows of `select` that have one of `ids` in the column `key`, in ascending order of
/// the columns `order`; without them, in no particular order.
pub(crate) fn rows_among<M: PartialRow, I: Into<Uuid> + Copy>(
    db: &Database,
    mut select: SelectStatement,
    key: Column<M>,
    ids: &[I],
    order: &[Column<M>],
    columns: &[Column<M>],
) -> impl Future<Output = Result<Vec<M>>> {
    select.and_where(among(db.backend(), column(key), ids.iter().copied()));
    rows_in_order(db.read(), select, order, columns)
}

/// Returns the row of `select` that matches a condition on a unique column.
pub(crate) async fn row<M: PartialRow>(
    db: &Database,
    mut select: SelectStatement,
    condition: SimpleExpr,
    columns: &[Column<M>],
) -> Result<Option<M>> {
    select.and_where(condition);
    Ok(rows(db.read(), select, columns).await?.pop())
}
