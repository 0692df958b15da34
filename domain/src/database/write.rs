//! Writing: a change waits for earlier ones, and is answered when it is confirmed as committed.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};
use tokio::time::Instant;

use super::{
    Database,
    busy::busy,
    connections::WRITE_LOCK_TIMEOUT,
    transaction::{Transaction, Uncommitted, is_locked},
};
use crate::error::{Error, Result};

/// Time limit for finding out the outcome of a COMMIT without a response.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// Key of the advisory lock of writers on PostgreSQL, so that revisions and numbers have no gaps;
/// SQLite has one writer anyway.
pub(super) const WRITERS_LOCK: i64 = 0x5341_4d52_4547;

/// Returns an error of the database, or BUSY if another program holds the lock of writers.
pub(super) fn or_busy(cause: DbErr) -> Error {
    if is_locked(&cause) { busy() } else { cause.into() }
}

impl Database {
    /// Begins a writing transaction after earlier ones are done. For `audit` only, so that nothing
    /// is written without its entry.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY if others write for too long, or `PROGRAM_TOO_OLD` if a newer
    /// program has migrated the register.
    pub(crate) async fn write(&self) -> Result<Transaction> {
        let tx = self.write_unchecked().await?;
        self.check_program(&tx).await?;
        Ok(tx)
    }

    /// Begins a writing transaction as [`Database::write`] does. The caller must check with its
    /// first statement that this program is new enough: [`Database::require_program`].
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY.
    pub(crate) async fn write_unchecked(&self) -> Result<Transaction> {
        let permit =
            tokio::time::timeout(WRITE_LOCK_TIMEOUT, Arc::clone(&self.permit).acquire_owned())
                .await;
        let permit = permit.map_err(|_| busy())?.map_err(Error::internal)?;
        self.check_files().await?;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let tx = self.writer.begin_with_options(options).await.map_err(|cause| {
            if is_locked(&cause) {
                return busy();
            }
            self.writer_state.suspect();
            self.health.fail(&cause);
            cause.into()
        })?;
        let tx = Transaction::new(tx, permit, &self.writer_state, &self.health);
        if self.backend() == DbBackend::Postgres {
            let wait = WRITE_LOCK_TIMEOUT.as_millis();
            let lock = format!(
                "SET LOCAL lock_timeout = {wait}; SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
            );
            tx.execute_unprepared(&lock).await.map_err(or_busy)?;
        }
        Ok(tx)
    }

    /// Commits, and returns when the commit is confirmed. `last` is the last audit entry that the
    /// transaction wrote, by revision and hash.
    ///
    /// # Errors
    /// INTERNAL if nothing was committed, or if the outcome is unknown.
    pub(crate) async fn commit(&self, tx: Transaction, last: Option<(i64, &str)>) -> Result<()> {
        if let Err(cause) = self.check_file() {
            // Rolled back first, because saving the log waits for writers.
            drop(tx);
            self.check_files().await.ok();
            return Err(cause);
        }
        let known = || {
            if let Some((revision, hash)) = last {
                self.trail_head.set(revision, hash.to_owned());
            }
        };
        match tx.commit(known).await {
            Ok(()) => {}
            Err(Uncommitted::RolledBack(cause)) => return Err(cause.into()),
            Err(Uncommitted::Unknown(cause)) => match last {
                // A connection to PostgreSQL may break after the server has committed.
                Some((revision, hash)) if self.backend() == DbBackend::Postgres => {
                    if !self.was_committed(revision, hash).await? {
                        return Err(cause.into());
                    }
                    self.trail_head.set(revision, hash.to_owned());
                    tracing::warn!(%cause, revision, "COMMIT was not answered, but the change is in the database");
                }
                _ => return Err(cause.into()),
            },
        }
        // If the log was removed meanwhile, the commit went to the removed file.
        self.check_files().await?;
        self.health.succeed();
        Ok(())
    }

    /// Returns `true` if a change was committed whose COMMIT was not answered. Waits until its
    /// transaction has ended.
    async fn was_committed(&self, revision: i64, hash: &str) -> Result<bool> {
        let (values, began) = ([revision.into(), hash.into()], Instant::now());
        let find = "SELECT 1 FROM audit_entry WHERE revision = $1 AND hash = $2";
        let find = Statement::from_sql_and_values(self.backend(), find, values);
        loop {
            // The lock of writers is free when that transaction has ended.
            let found = async {
                let tx = self.write().await?;
                let found = tx.query_one_raw(find.clone()).await?.is_some();
                tx.rollback().await?;
                Ok(found)
            };
            match found.await {
                Err(cause) if began.elapsed() >= OUTCOME_TIMEOUT => {
                    tracing::error!(
                        revision,
                        "COMMIT was not answered, and whether the change was made could not be found out"
                    );
                    return Err(cause);
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                found => return found,
            }
        }
    }

    /// Checks the files of a register on SQLite before and after each change.
    async fn check_files(&self) -> Result<()> {
        let Err(cause) = self.check_file() else { return Ok(()) };
        self.health.fail(&format!("{cause:?}"));
        self.save_log().await;
        Err(cause)
    }

    /// Moves the content of a removed log of SQLite into the database file, so that no confirmed
    /// change is lost.
    ///
    /// The probe's connection does it, because it is as old as the log: a new connection would take
    /// the index of the old log for that of the new one.
    pub(super) async fn save_log(&self) {
        if self.file.as_ref().is_none_or(|file| !file.lost_its_log())
            || self.is_log_saved.load(SeqCst)
        {
            return;
        }
        match self
            .probe
            .query_one_raw(Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(FULL)"))
            .await
        {
            Ok(Some(row)) if row.try_get_by_index::<i64>(0).is_ok_and(|is_busy| is_busy == 0) => {
                self.is_log_saved.store(true, SeqCst);
                tracing::error!(
                    "the register's write-ahead log was removed; what it held is in the register's file; start the program again"
                );
            }
            failed => tracing::error!(
                ?failed,
                "the register's write-ahead log was removed, and what it holds could not be saved yet"
            ),
        }
    }
}
