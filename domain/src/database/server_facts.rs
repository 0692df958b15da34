//! Facts about the database system for its operator: version, size, encryption of the connection.

use sea_orm::{ConnectionTrait, DbBackend, Statement, sqlx::postgres::PgConnectOptions};

use super::{
    Database,
    server_connection::{ServerConnection, ServerVerification, is_local, verification},
    servers::urls,
};
use crate::error::Result;

impl Database {
    /// Returns the version of the database system: of PostgreSQL's server, or of SQLite in this
    /// program.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn system_version(&self) -> Result<String> {
        let select = match self.backend() {
            DbBackend::Sqlite => "SELECT sqlite_version()",
            _ => "SELECT current_setting('server_version')",
        };
        self.text(select).await
    }

    /// Returns the size of the database in bytes: that of its file on SQLite, without the log.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn size_in_bytes(&self) -> Result<u64> {
        let select = match self.backend() {
            DbBackend::Sqlite => {
                "SELECT CAST(page_count * page_size AS TEXT) FROM pragma_page_count, pragma_page_size"
            }
            _ => "SELECT pg_database_size(current_database())::text",
        };
        Ok(self.text(select).await?.parse().unwrap_or_default())
    }

    /// Returns how this program is connected to PostgreSQL's server at `url`; `None` for SQLite,
    /// which has no server.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read.
    pub async fn server_connection(&self, url: &str) -> Result<Option<ServerConnection>> {
        let options: Vec<PgConnectOptions> =
            urls(url).into_iter().filter_map(|url| url.parse().ok()).collect();
        if self.backend() == DbBackend::Sqlite {
            return Ok(None);
        }
        let select = "SELECT (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())::text";
        let is_encrypted = self.text(select).await? == "true";
        // Any of several servers may be the primary.
        let is_local = options.iter().all(is_local);
        let verification = options.iter().map(verification).min();
        let verification = verification.unwrap_or(ServerVerification::None);
        Ok(Some(ServerConnection { is_local, is_encrypted, verification }))
    }

    /// Returns the text that a statement selects.
    async fn text(&self, select: &str) -> Result<String> {
        let row = self.read().query_one_raw(Statement::from_string(self.backend(), select)).await?;
        let text: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(text.unwrap_or_default())
    }
}
