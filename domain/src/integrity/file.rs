//! SQLite's own integrity checks: foreign keys without a parent row, and inconsistent pages.
//! PostgreSQL prevents both and has no such checks.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use crate::error::Result;

/// Finds errors in the file of a register on SQLite.
pub async fn violations(db: &impl ConnectionTrait) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for row in pragma(db, "PRAGMA foreign_key_check").await? {
        let (table, parent): (String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
        let id = row
            .try_get_by_index::<Option<i64>>(1)?
            .map_or_else(|| "?".to_owned(), |id| id.to_string());
        found
            .push(format!("table {table}: row {id} refers to a row of {parent} that is not there"));
    }
    // A connection that has searched before has cached parts of the search index, and would report
    // it as damaged after another connection has written since. A search makes it read the index
    // again.
    pragma(db, "SELECT rowid FROM search_index WHERE search_index MATCH '\"x\"' LIMIT 1").await?;
    for row in pragma(db, "PRAGMA integrity_check").await? {
        let text: String = row.try_get_by_index(0)?;
        if text != "ok" {
            found.push(format!("database file: {text}"));
        }
    }
    Ok(found)
}

async fn pragma(db: &impl ConnectionTrait, text: &str) -> Result<Vec<QueryResult>> {
    Ok(db.query_all_raw(Statement::from_string(DbBackend::Sqlite, text)).await?)
}
