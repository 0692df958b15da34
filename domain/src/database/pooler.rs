//! Poolers between this program and PostgreSQL, as PgBouncer, which may give each transaction
//! another connection.

use sea_orm::{
    DatabaseConnection,
    sqlx::{self, Executor, PgConnection, Row},
};

use crate::error::{Error, Result};

/// The error of a pooler that does not keep prepared statements.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "DATABASE_URL leads to a pooler that gives each transaction another connection and does not keep prepared statements, as PgBouncer before \
     1.21 with pool_mode = transaction; set pool_mode = session for this database there, or install PgBouncer 1.21 or later and set \
     max_prepared_statements = 200, or name PostgreSQL itself in DATABASE_URL"
)]
pub struct UnsupportedPooler;

/// SQLSTATE of a prepared statement that exists already, and of one that does not exist.
const STATEMENT_CODES: [&str; 2] = ["42P05", "26000"];

/// Returns `true` if a pooler gives each transaction another connection, which these two pools
/// show: their connections are open at the same time.
///
/// # Errors
/// INTERNAL with [`UnsupportedPooler`] if the pooler does not keep prepared statements.
pub(super) async fn is_pooled(
    one: &DatabaseConnection,
    other: &DatabaseConnection,
) -> Result<bool> {
    let acquire =
        async |pool: &DatabaseConnection| pool.get_postgres_connection_pool().acquire().await;
    let mut one = acquire(one).await.map_err(refusal)?;
    let mut other = acquire(other).await.map_err(refusal)?;
    // Without a pooler, a connection has one process of its own. A pooler gives the next
    // transaction the process that was used last, or another one: both show within three.
    let own = process(&mut one).await?;
    let is_pooled = process(&mut one).await? != own || process(&mut other).await? == own;
    if is_pooled {
        // Each may meet the process with the other's statement, whatever their order there.
        for is_other in [false, true, true, false, false, true] {
            prepare(if is_other { &mut other } else { &mut one }, is_other).await?;
        }
    }
    Ok(is_pooled)
}

/// Returns the process of PostgreSQL that executes the connection's next transaction.
async fn process(connection: &mut PgConnection) -> Result<i32> {
    // Not prepared.
    let row = connection.fetch_one(sqlx::raw_sql("SELECT pg_backend_pid()")).await;
    row.and_then(|row| row.try_get(0)).map_err(refusal)
}

/// Executes a prepared statement, to which both connections give the same name, and checks that it
/// is its own.
async fn prepare(connection: &mut PgConnection, is_other: bool) -> Result<()> {
    let statement = if is_other { "SELECT true AS pooler" } else { "SELECT false AS pooler" };
    let row = sqlx::query(statement).fetch_one(connection).await.map_err(refusal)?;
    let found: bool = row.try_get(0).map_err(refusal)?;
    if found == is_other { Ok(()) } else { Err(Error::internal(UnsupportedPooler)) }
}

/// Returns the error of a pooler, or another one.
fn refusal(cause: sqlx::Error) -> Error {
    let code = cause.as_database_error().and_then(|error| error.code());
    match code {
        Some(code) if STATEMENT_CODES.contains(&&*code) => Error::internal(UnsupportedPooler),
        _ => Error::internal(cause),
    }
}
