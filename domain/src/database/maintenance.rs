//! Maintenance on the writer's connection: statistics, and removal of old data from the disk. It
//! waits for its permit like a change.

use std::sync::atomic::Ordering::SeqCst;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::OwnedSemaphorePermit;

use super::{Database, busy::WRITE_LOCK_TIMEOUT};
use crate::error::{Error, Result};

/// Truncates the log, and waits for readers for a tenth of a second, because changes wait
/// meanwhile. Restores the busy timeout afterwards.
const TRUNCATE: &str =
    "PRAGMA busy_timeout = 100; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = 5000";

/// Index of the checkpoint's row among those of [`TRUNCATE`].
const CHECKPOINT: usize = 1;

/// Tables with fields that an erasure clears.
const WITH_PERSONS: [&str; 8] = [
    "contact",
    "agreement_signature",
    "bank_payment",
    "decision",
    "deadline_acknowledgement",
    "member_billing",
    "organisation",
    "status_report",
];

impl Database {
    /// Waits for earlier changes. Without the permit, a change would wait for the connection and
    /// take that for a failure.
    async fn maintenance(&self) -> Result<OwnedSemaphorePermit> {
        self.acquire_alone(Some(WRITE_LOCK_TIMEOUT)).await
    }

    /// Updates the database's statistics, by which it chooses indexes. Worth its time after many
    /// writes.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY if other writers hold the lock for too long.
    pub async fn analyze(&self) -> Result<()> {
        let _permit = self.maintenance().await?;
        // SQLite analyzes only tables that have changed much.
        let statement =
            if self.backend() == DbBackend::Sqlite { "PRAGMA optimize=0x10002" } else { "ANALYZE" };
        self.writer.execute_unprepared(statement).await?;
        Ok(())
    }

    /// Rewrites the file of a register on SQLite, so that its free space holds no old data.
    pub(super) async fn vacuum(&self) -> Result<()> {
        let _permit = self.maintenance().await?;
        self.writer.execute_unprepared("VACUUM").await?;
        Ok(())
    }

    /// Removes old versions of rows from SQLite's write-ahead log. If long reads or writes prevent
    /// it, [`Database::listen`] truncates the log later. PostgreSQL's VACUUM does it automatically.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY if other writers hold the lock for too long.
    pub async fn truncate_wal(&self) -> Result<()> {
        let is_sqlite = self.backend() == DbBackend::Sqlite;
        if is_sqlite {
            self.is_truncation_due.store(true, SeqCst);
        }
        let permit = self.maintenance().await?;
        if let Err(error) = self.truncate_samples().await {
            tracing::warn!(%error, "the database's statistics may still hold the name of an erased person; run ANALYZE on it");
        }
        if is_sqlite { self.truncate(permit).await } else { Ok(()) }
    }

    /// Removes the samples in the statistics of tables with persons, because they hold names and
    /// e-mail addresses.
    async fn truncate_samples(&self) -> Result<()> {
        if self.backend() == DbBackend::Postgres {
            self.writer.execute_unprepared(&format!("ANALYZE {}", WITH_PERSONS.join(", "))).await?;
            return Ok(());
        }
        let samples = Statement::from_string(
            DbBackend::Sqlite,
            "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'",
        );
        if self.writer.query_one_raw(samples).await?.is_some() {
            let tables = WITH_PERSONS.map(|table| format!("'{table}'")).join(", ");
            self.writer
                .execute_unprepared(&format!("DELETE FROM sqlite_stat4 WHERE tbl IN ({tables})"))
                .await?;
        }
        Ok(())
    }

    /// Truncates SQLite's log if that is due and no one writes.
    pub(super) async fn truncate_if_due(&self) {
        if !self.is_truncation_due.load(SeqCst) {
            return;
        }
        let Some(permit) = self.writers.try_acquire() else { return };
        if let Err(error) = self.truncate(permit).await {
            tracing::warn!(
                ?error,
                "the database's log may still hold what was erased; trying again"
            );
        }
    }

    async fn truncate(&self, permit: OwnedSemaphorePermit) -> Result<()> {
        let writer = self.writer.clone();
        // In a separate task: if the caller stops waiting, the busy timeout is still restored.
        let truncated = tokio::spawn(async move {
            let rows =
                writer.query_all_raw(Statement::from_string(DbBackend::Sqlite, TRUNCATE)).await;
            drop(permit);
            let is_busy: i64 =
                rows?.get(CHECKPOINT).map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(1);
            Ok::<_, DbErr>(is_busy == 0)
        });
        if truncated.await.map_err(Error::internal)?? {
            self.is_truncation_due.store(false, SeqCst);
        } else {
            tracing::debug!("the database's log is truncated when those who read it are done");
        }
        Ok(())
    }
}
