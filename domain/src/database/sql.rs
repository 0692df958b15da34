//! Building blocks of SQL statements that are the same on SQLite and PostgreSQL.

use ::entity::partial::{Column, PartialRow};
use sea_orm::{
    ConnectionTrait, DbBackend, Value,
    sea_query::{ArrayType, Expr, ExprTrait, Func, PgFunc, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use crate::error::Result;

/// Returns the rows of a statement that selects `columns` first, in this order.
pub async fn rows<M: PartialRow>(
    db: &impl ConnectionTrait,
    select: &SelectStatement,
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    let found = db.query_all(select).await?;
    Ok(found.iter().map(|row| M::read(row, columns)).collect::<std::result::Result<_, _>>()?)
}

/// Updates PostgreSQL's statistics of a table within a transaction that has written to it. Without
/// it, PostgreSQL would still scan the table sequentially, as planned when it was empty. SQLite
/// plans by the indexes alone.
pub async fn analyze(tx: &impl ConnectionTrait, table: &str) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("ANALYZE {table}")).await?;
    }
    Ok(())
}

/// Returns an SQL sum of counts or öre; zero over no rows. For bounded sums; [`total`] sums öre
/// over any number of rows.
pub fn sum(of: SimpleExpr) -> SimpleExpr {
    // PostgreSQL sums big integers to a decimal.
    Expr::from(Func::coalesce([Func::sum(of).into(), Expr::cust("0")])).cast_as("bigint")
}

/// Returns an SQL sum of öre over any number of rows, read as a [`Total`](::entity::total::Total);
/// zero over no rows. A thousand amounts of 2^53 öre, which older registers hold, do not fit in 64
/// bits.
pub fn total(backend: DbBackend, of: SimpleExpr) -> SimpleExpr {
    match backend {
        // PostgreSQL sums big integers to a decimal.
        DbBackend::Postgres => Expr::cust_with_exprs("CAST(COALESCE(SUM($1), 0) AS text)", [of]),
        // SQLite fails when a sum exceeds 64 bits, so high and low parts are summed separately.
        _ => Expr::cust_with_exprs(
            "COALESCE(SUM((?) >> 32), 0) || ':' || COALESCE(SUM((?) & 4294967295), 0)",
            [of.clone(), of],
        ),
    }
}

/// Returns the condition that `column` is one of `ids`, with one bound value: the statement's text
/// does not depend on their number, so it is prepared only one time.
pub fn among<I: Into<Uuid>>(
    backend: DbBackend,
    column: impl Into<SimpleExpr>,
    ids: impl IntoIterator<Item = I>,
) -> SimpleExpr {
    let ids = ids.into_iter().map(Into::into);
    if backend == DbBackend::Postgres {
        let ids = ids.map(Value::from).collect();
        column.into().eq(PgFunc::any(Expr::val(Value::Array(ArrayType::Uuid, Some(Box::new(ids))))))
    } else {
        let list: Vec<String> = ids.map(|id: Uuid| id.simple().to_string()).collect();
        in_json(column, "SELECT unhex(value) FROM json_each(?)", &list)
    }
}

/// Returns the condition that `column` is one of `words`, with one bound value.
pub fn among_words<'a>(
    backend: DbBackend,
    column: impl Into<SimpleExpr>,
    words: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
) -> SimpleExpr {
    let words: Vec<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
    if backend == DbBackend::Postgres {
        let words = words.into_iter().map(Value::from).collect();
        column
            .into()
            .eq(PgFunc::any(Expr::val(Value::Array(ArrayType::String, Some(Box::new(words))))))
    } else {
        in_json(column, "SELECT value FROM json_each(?)", &words)
    }
}

fn in_json(column: impl Into<SimpleExpr>, select: &'static str, list: &[String]) -> SimpleExpr {
    let json = serde_json::Value::from(list).to_string();
    let values: SimpleExpr = Expr::cust_with_values(select, [json]);
    column.into().binary(sea_orm::sea_query::BinOper::In, values)
}
