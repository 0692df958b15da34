//! A consistent copy of the file of a register on SQLite, while others write to it.

use std::path::Path;

use sea_orm::sqlx::{self, ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use super::{Database, busy::WRITE_LOCK_TIMEOUT};
use crate::error::{Error, Result};

impl Database {
    /// Writes a consistent copy of a register on SQLite to `file`, which must be empty or missing.
    /// Changes continue meanwhile. The copy has no free space, and thus nothing of what was erased.
    ///
    /// # Errors
    /// INTERNAL if the copy can't be written; for a register on PostgreSQL.
    pub(crate) async fn copy_to(&self, file: &Path) -> Result<()> {
        let source = self.path().ok_or_else(|| refused("a register on PostgreSQL has no file"))?;
        let absolute = std::path::absolute(file).map_err(Error::internal)?;
        let name = absolute.to_str().ok_or_else(|| refused("its path is not UTF-8"))?;
        self.check_file()?;
        // The connections of the register may either not write, or are needed by changes.
        let options = SqliteConnectOptions::new()
            .filename(source)
            .create_if_missing(false)
            .busy_timeout(WRITE_LOCK_TIMEOUT)
            // It takes long, and is no slow query.
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(Error::internal)?;
        // One read transaction, unaffected by concurrent changes.
        sqlx::query("VACUUM INTO ?")
            .bind(name)
            .execute(&mut connection)
            .await
            .map_err(|cause| refused(&cause.to_string()))?;
        connection.close().await.map_err(Error::internal)?;
        self.check_file()
    }
}

fn refused(reason: &str) -> Error {
    Error::internal(std::io::Error::other(format!("the register can't be copied: {reason}")))
}
