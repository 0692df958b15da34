//! The announcement of a long import: the time at which it is expected to end. A program that finds
//! the register busy reads it, and says when a retry may succeed.
//!
//! It is a row next to the last runs of commands: no part of the register, and without an entry in
//! the trail. An import that was killed leaves it. It no longer counts after its time, and the next
//! long import replaces it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};
use tokio::time::timeout;

use super::{
    Database,
    busy::{WRITE_LOCK_TIMEOUT, busy_for},
};
use crate::{
    clock::Clock,
    error::{Error, Result},
};

/// Name of the row. No recorded command has it.
const COMMAND: &str = "import";

/// Maximum time that an error states, in case a clock was wrong.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Time limit for reading the announcement. The change that is refused has already waited.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

/// Inserts the announcement, or replaces the former one. `finished_at` is the expected end.
const ANNOUNCE: &str = "INSERT INTO command_run (command, finished_at, succeeded_at, findings) VALUES ($1, $2, NULL, 0)
    ON CONFLICT (command) DO UPDATE SET finished_at = excluded.finished_at";

/// Deletes the announcement with this end.
const WITHDRAW: &str = "DELETE FROM command_run WHERE command = $1 AND finished_at = $2";

impl Database {
    /// Announces that an import begins now and blocks other changes until `end`, by the clock of
    /// the system.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY if others write for too long.
    pub async fn announce_import(&self, end: DateTime<Utc>) -> Result<()> {
        let tx = self.write().await?;
        let values = [COMMAND.into(), end.timestamp().into()];
        let announce = Statement::from_sql_and_values(tx.get_database_backend(), ANNOUNCE, values);
        tx.execute_raw(announce).await?;
        self.commit(tx, None).await
    }

    /// Removes the announcement of the import that was announced with this end: it has ended. That
    /// of another import, which waits or runs, is left.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY if others write for too long.
    pub async fn withdraw_announcement(&self, end: DateTime<Utc>) -> Result<()> {
        let tx = self.write().await?;
        let values = [COMMAND.into(), end.timestamp().into()];
        let remove = Statement::from_sql_and_values(tx.get_database_backend(), WITHDRAW, values);
        tx.execute_raw(remove).await?;
        self.commit(tx, None).await
    }

    /// Returns the error of a change that found the register busy: with the time that the announced
    /// import still takes, or else unchanged, as also if the announcement can't be read in time.
    pub(super) async fn with_announced_end(&self, error: Error) -> Error {
        let end = match timeout(READ_TIMEOUT, self.announced_end()).await {
            Ok(Ok(end)) => end,
            failed => {
                tracing::debug!(?failed, "whether a long import runs could not be read");
                None
            }
        };
        let left = end.and_then(|end| (end - Clock::system().now()).to_std().ok());
        match left {
            Some(left) if left > WRITE_LOCK_TIMEOUT => busy_for(left.min(MAX_WAIT)),
            _ => error,
        }
    }

    /// Reads the announcement through the connection of the last entry, for which no query waits.
    async fn announced_end(&self) -> Result<Option<DateTime<Utc>>> {
        let select = "SELECT finished_at FROM command_run WHERE command = $1";
        let select = Statement::from_sql_and_values(self.backend(), select, [COMMAND.into()]);
        let connection = self.revision_reader.connection();
        let Some(row) = connection.query_one_raw(select).await? else { return Ok(None) };
        Ok(DateTime::from_timestamp(row.try_get_by_index(0)?, 0))
    }
}
