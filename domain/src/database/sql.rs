//! Building blocks of SQL statements that are the same on SQLite and PostgreSQL.

use ::entity::partial::{Column, PartialRow};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, DbBackend, Value,
    sea_query::{
        ArrayType, BinOper, Expr, ExprTrait, Func, FunctionCall, PgFunc, SelectStatement,
        SimpleExpr,
    },
};
use uuid::Uuid;

use super::usage::note_rows;
use crate::error::Result;

/// Returns the rows of a statement that selects `columns` first, in this order.
pub async fn rows<M: PartialRow>(
    db: &impl ConnectionTrait,
    select: &SelectStatement,
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    let found = db.query_all(select).await?;
    note_rows(found.len());
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
    let ids = list_of_ids(backend, ids);
    if backend == DbBackend::Postgres {
        column.into().eq(PgFunc::any(Expr::val(ids)))
    } else {
        is_in(column, Expr::cust_with_values("SELECT unhex(value) FROM json_each(?)", [ids]))
    }
}

/// Name in statements of the table that [`each`] returns.
pub(crate) const EACH: &str = "each";

/// Returns a table with a row for each of `ids`, to be selected from as [`EACH`], and the id of a
/// row as an expression. It has one bound value, as [`among`].
pub(crate) fn each<I: Into<Uuid> + Copy>(
    backend: DbBackend,
    ids: &[I],
) -> (FunctionCall, SimpleExpr) {
    let list = Expr::val(list_of_ids(backend, ids.iter().copied()));
    if backend == DbBackend::Postgres {
        (Func::cust("unnest").arg(list), Expr::cust("\"each\".\"each\""))
    } else {
        (Func::cust("json_each").arg(list), Expr::cust("unhex(\"each\".\"value\")"))
    }
}

/// Returns ids as one value: an array, or on SQLite a list in JSON.
fn list_of_ids<I: Into<Uuid>>(backend: DbBackend, ids: impl IntoIterator<Item = I>) -> Value {
    let ids = ids.into_iter().map(Into::into);
    if backend == DbBackend::Postgres {
        Value::Array(ArrayType::Uuid, Some(Box::new(ids.map(Value::from).collect())))
    } else {
        let list: Vec<String> = ids.map(|id: Uuid| id.simple().to_string()).collect();
        serde_json::Value::from(list).to_string().into()
    }
}

/// Returns the condition that `column` is one of `words`, with one bound value.
pub fn among_words<'a>(
    backend: DbBackend,
    column: impl Into<SimpleExpr>,
    words: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
) -> SimpleExpr {
    let words = words.into_iter().map(|word| word.as_ref().to_owned());
    if backend == DbBackend::Postgres {
        let words = Box::new(words.map(Value::from).collect());
        column.into().eq(PgFunc::any(Expr::val(Value::Array(ArrayType::String, Some(words)))))
    } else {
        let json = serde_json::Value::from(words.collect::<Vec<String>>()).to_string();
        is_in(column, Expr::cust_with_values("SELECT value FROM json_each(?)", [json]))
    }
}

/// Returns the condition that `column` is one of `numbers`, with one bound value.
pub(crate) fn among_numbers(
    backend: DbBackend,
    column: impl Into<SimpleExpr>,
    numbers: &[i64],
) -> SimpleExpr {
    if backend == DbBackend::Postgres {
        let numbers = Box::new(numbers.iter().copied().map(Value::from).collect());
        column.into().eq(PgFunc::any(Expr::val(Value::Array(ArrayType::BigInt, Some(numbers)))))
    } else {
        let json = serde_json::Value::from(numbers).to_string();
        is_in(column, Expr::cust_with_values("SELECT value FROM json_each(?)", [json]))
    }
}

fn is_in(column: impl Into<SimpleExpr>, values: SimpleExpr) -> SimpleExpr {
    column.into().binary(BinOper::In, values)
}

/// Returns a day as a part of the statement's text.
///
/// The number of rows that a bound value matches is not known when a statement is prepared. A day
/// decides between indexes, as it may match few rows or nearly all, and is mostly today.
pub(crate) fn fixed_day(day: NaiveDate) -> SimpleExpr {
    Expr::cust(format!("'{day}'"))
}

/// Returns a word of an enum as a part of the statement's text, as [`fixed_day`] does: nearly all
/// rows may have it, or few, and an index may have only those that have it.
pub(crate) fn fixed_word(word: &'static str) -> SimpleExpr {
    Expr::cust(format!("'{word}'"))
}
