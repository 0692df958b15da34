//! Migrations: each step of the schema's history is one transaction, and one program at a time
//! applies them.

use chrono::{DateTime, Utc};
use std::{
    io,
    time::{Duration, Instant},
};

use migration::SchemaManager;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};

use super::{
    Database,
    busy::busy,
    history::{
        Applied, BARE_HISTORY, HISTORY, StepStatus, ensure_supported, history, install, require,
        tables,
    },
    plan::{Plan, Step, TRAIL_MIGRATION, Work},
    statements::is_locked,
    write::{WRITERS_LOCK, or_busy},
};
use crate::{
    audit,
    error::{Error, Result},
    search,
};

/// Time for which one attempt of a step waits for other programs that write or migrate. The
/// writer's own timeout on SQLite is the same.
const STEP_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Total time for which the migration waits for other programs before it gives up.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Time limit of a step between two statements, on PostgreSQL. Its statements have none.
const STEP_IDLE_TIMEOUT: Duration = Duration::from_secs(600);

impl Database {
    /// Migrates the schema to this program's version at this time, and returns the names of the
    /// steps that were applied.
    ///
    /// # Errors
    /// CONFLICT with the reason `PROGRAM_TOO_OLD` if a newer program migrated the register, or BUSY
    /// if other programs write for ten minutes; INTERNAL if a step fails. A failed step changes
    /// nothing; the steps before it remain applied.
    pub async fn migrate(&self, at: DateTime<Utc>) -> Result<Vec<String>> {
        let applied = self.apply(&Plan::current(), at).await?;
        // PostgreSQL does all of this automatically.
        if self.backend() == DbBackend::Sqlite {
            if applied.iter().any(|name| name == TRAIL_MIGRATION)
                && let Err(error) = self.vacuum().await
            {
                // Data that was sealed must not remain in clear text in the file's free space.
                tracing::warn!(%error, "what the old audit trail said of persons may still be in the free space of the file: run VACUUM on it");
            }
            self.analyze().await?;
            if !applied.is_empty() {
                // Old versions of rewritten rows must leave the disk as well.
                self.truncate_wal().await?;
            }
        }
        Ok(applied)
    }

    /// Applies the pending steps of a plan, each in one transaction with its row in the history.
    ///
    /// The transaction takes the lock of writers first and then reads the history, so programs that
    /// migrate at the same time apply each step exactly one time. If interrupted at any point, it
    /// continues from the first step that is not in the history.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn apply(&self, plan: &Plan, at: DateTime<Utc>) -> Result<Vec<String>> {
        let _permit = self.acquire_alone(None).await?;
        let give_up_at = Instant::now() + MIGRATION_TIMEOUT;
        let (mut applied, mut has_waited) = (Vec::new(), false);
        loop {
            match self.apply_next(plan, at).await {
                Ok(Some(name)) => {
                    tracing::debug!(name, "migration applied");
                    applied.push(name);
                }
                Ok(None) => break,
                Err(error) if is_busy(&error) && Instant::now() < give_up_at => {
                    if !std::mem::replace(&mut has_waited, true) {
                        tracing::warn!(
                            "another program writes to the register or migrates it; waiting for it"
                        );
                    }
                }
                Err(error) => return Err(error),
            }
        }
        if !applied.is_empty() {
            tracing::info!(migrations = applied.len(), "the register was migrated");
        }
        Ok(applied)
    }

    /// Applies the first pending step of a plan and returns its name, or `None` if there is none.
    async fn apply_next(&self, plan: &Plan, at: DateTime<Utc>) -> Result<Option<String>> {
        self.check_file()?;
        let tx = self.begin_step().await?;
        match self.apply_within(&tx, plan, at).await {
            Ok(name) => {
                self.check_file()?;
                tx.commit().await.map_err(or_busy)?;
                Ok(name)
            }
            Err(error) => {
                // A full disk or a lost connection has ended the transaction already.
                tx.rollback().await.ok();
                Err(error)
            }
        }
    }

    async fn begin_step(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let tx = self.writer.begin_with_options(options).await.map_err(or_busy)?;
        if self.backend() == DbBackend::Postgres {
            // Readers may hold a lock on a table for some time. A step that waits longer for one
            // would block every other connection that waits behind it.
            let (wait, idle) = (STEP_LOCK_TIMEOUT.as_millis(), STEP_IDLE_TIMEOUT.as_millis());
            let settings = format!(
                "SET LOCAL lock_timeout = {wait}; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = {idle};
                SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
            );
            tx.execute_unprepared(&settings).await.map_err(or_busy)?;
        }
        Ok(tx)
    }

    async fn apply_within(
        &self,
        tx: &DatabaseTransaction,
        plan: &Plan,
        at: DateTime<Utc>,
    ) -> Result<Option<String>> {
        let history = install(tx).await?;
        ensure_supported(history.iter().filter_map(|row| row.oldest_program.as_deref()))?;
        let mut pending = plan.pending(&history);
        let Some(step) = pending.next() else {
            if plan.is_complete {
                // Refreshes the search index of rows that were marked as stale, too.
                search::refresh(tx).await?;
            }
            return Ok(None);
        };
        let is_last = pending.next().is_none();
        self.apply_step(tx, step, at, plan.is_complete && is_last)
            .await
            .map_err(|error| failed(error, &step.name))?;
        Ok(Some(step.name.clone()))
    }

    async fn apply_step(
        &self,
        tx: &DatabaseTransaction,
        step: &Step,
        at: DateTime<Utc>,
        is_up_to_date: bool,
    ) -> Result<()> {
        match &step.work {
            Work::Schema(migration) => migration.up(&SchemaManager::new(tx)).await?,
            Work::Conversion(conversion) => (conversion.run)(self, tx, at).await?,
            Work::RecordRows => self.record_rows(tx, at).await?,
        }
        let row = Statement::from_sql_and_values(
            self.backend(),
            "INSERT INTO seaql_migrations (version, applied_at) VALUES ($1, $2)",
            [step.name.clone().into(), at.timestamp().into()],
        );
        tx.execute_raw(row).await?;
        require(tx, &step.name, &step.oldest_program, Some(env!("CARGO_PKG_VERSION"))).await?;
        if is_up_to_date {
            // A register whose schema is up to date has an up-to-date search index, even if the
            // program is interrupted.
            search::refresh(tx).await?;
        }
        Ok(())
    }

    async fn record_rows(&self, tx: &DatabaseTransaction, at: DateTime<Utc>) -> Result<()> {
        let record = match self.row_recorder {
            Some(record) => record,
            // A register without an older trail has no such rows.
            None if !audit::migration::was_migrated(tx).await? => return Ok(()),
            None => {
                return Err(Error::internal(io::Error::other(
                    "the rows of an older audit trail are recorded by the program itself",
                )));
            }
        };
        record(self, tx, at).await
    }

    /// Returns the steps of a plan and of the register's history, in order of their names. Changes
    /// nothing.
    pub async fn migration_status(&self, plan: &Plan) -> Result<Vec<StepStatus>> {
        let (has_history, has_requirements) = tables(&self.probe).await?;
        let history = match (has_history, has_requirements) {
            (false, _) => Vec::new(),
            (true, false) => {
                self.probe
                    .query_all_raw(Statement::from_string(self.backend(), BARE_HISTORY))
                    .await?
            }
            (true, true) => {
                self.probe.query_all_raw(Statement::from_string(self.backend(), HISTORY)).await?
            }
        };
        Ok(plan.status(
            &history.iter().map(Applied::read).collect::<std::result::Result<Vec<_>, _>>()?,
        ))
    }

    /// Checks that the schema has every step of this program, and that this program is new enough
    /// for it.
    ///
    /// # Errors
    /// CONFLICT with the reason `PROGRAM_TOO_OLD` if a newer program migrated the register;
    /// INTERNAL if a step is pending.
    pub(super) async fn check_schema(&self) -> Result<()> {
        let history = history(&self.monitor).await?;
        ensure_supported(history.iter().filter_map(|row| row.oldest_program.as_deref()))?;
        match Plan::current().pending(&history).next() {
            None => Ok(()),
            Some(step) => Err(Error::internal(io::Error::other(format!(
                "the schema lacks the migration {}",
                step.name
            )))),
        }
    }

    /// Checks, within a transaction that will write, that this program is new enough for the
    /// schema. Another program may have migrated it since this one started.
    pub(crate) async fn check_program(&self, tx: &impl ConnectionTrait) -> Result<()> {
        let required = Statement::from_string(
            self.backend(),
            "SELECT DISTINCT oldest_program FROM migration_requirement",
        );
        let rows = tx.query_all_raw(required).await?;
        let required: Vec<String> = rows
            .iter()
            .map(|row| row.try_get_by_index(0))
            .collect::<std::result::Result<_, _>>()?;
        ensure_supported(required.iter().map(String::as_str))
    }

    /// Fails as [`Database::check_program`] does; `required` are the versions that it reads, with
    /// commas between them.
    pub(crate) fn require_program(required: Option<&str>) -> Result<()> {
        ensure_supported(required.into_iter().flat_map(|versions| versions.split(',')))
    }
}

fn is_busy(error: &Error) -> bool {
    match error {
        Error::Internal(cause) => cause.downcast_ref::<DbErr>().is_some_and(is_locked),
        other => other.is_busy(),
    }
}

/// Returns the error of a failed step, with its name and what to do; an error about a lock is
/// returned unchanged.
fn failed(error: Error, name: &str) -> Error {
    if is_busy(&error) {
        return busy();
    }
    let cause = match &error {
        Error::Internal(cause) => cause.to_string(),
        other => other.to_string(),
    };
    // Programs before 0.2.0 applied a migration on SQLite statement by statement.
    let hint = if cause.contains("already exists") || cause.contains("duplicate column") {
        "; a program before 0.2.0 was interrupted in the midst of it: restore the file as it was before, or, if the register was new, \
         remove the file and migrate again"
    } else {
        ""
    };
    Error::internal(io::Error::other(format!(
        "the migration {name} failed and changed nothing: {cause}{hint}"
    )))
}
