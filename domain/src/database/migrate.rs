//! Migrations: each step of the schema's history is one transaction, and one program at a time
//! applies them.

use std::{
    fmt, io,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use migration::{MigrationTrait, Migrator, MigratorTrait, SchemaManager, releases};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use semver::Version;

use super::{
    BUSY, Database, busy,
    transaction::is_locked,
    write::{WRITERS_LOCK, or_busy},
};
use crate::{
    audit,
    error::{Error, Result},
    search,
};

/// A one-time conversion of data that needs the rules of this program.
///
/// It is a step of the history like a migration of the schema: it has a name of the same form and a
/// row in `seaql_migrations`, and runs after the steps whose names sort before its own. So it finds
/// the tables as those steps left them, and says so in plain SQL where a later migration may rename
/// them.
#[derive(Clone, Copy)]
pub struct Conversion {
    /// The name in the history: `m2026_11_30_21_what`.
    pub name: &'static str,
    /// Converts the data within the transaction, which is committed together with its row in the
    /// history. What it writes elsewhere, a crash may leave there.
    pub run: for<'a> fn(&'a Database, &'a DatabaseTransaction) -> BoxFuture<'a, Result<()>>,
}

/// Records rows that an older audit trail does not tell of, within the transaction of its step.
pub type RowRecorder =
    for<'a> fn(&'a Database, &'a DatabaseTransaction) -> BoxFuture<'a, Result<()>>;

/// Signs for the entries of an older audit trail and seals what they say of persons.
const TRAIL_MIGRATION: &str = "m2026_11_30_21_trail_migration";

/// Records the rows that the entries of an older audit trail do not tell of in full. It reads rows
/// by the rules of this program, and so runs when every other step is done.
const TRAIL_ROWS: &str = "m2026_12_01_98_trail_rows";

/// Corrects agreements that name a withdrawn agreement as their successor. It reads rows by the
/// rules of this program, and so runs when every other step is done.
const WITHDRAWN_SUCCESSORS: Conversion = Conversion {
    name: "m2026_12_01_99_withdrawn_successors",
    run: |db, tx| Box::pin(audit::withdrawn_successors::correct(db, tx)),
};

/// Every conversion of this program that needs no rules of objects.
const CONVERSIONS: &[Conversion] = &[Conversion {
    name: TRAIL_MIGRATION,
    run: |db, tx| Box::pin(audit::migration::convert(db, tx)),
}];

/// The table in which each step notes the oldest program that may run on its result.
/// `seaql_migrations` has the shape that its library gives it, so this is one of its own.
const REQUIREMENTS: &str = "CREATE TABLE migration_requirement (
    name text NOT NULL PRIMARY KEY,
    oldest_program text NOT NULL,
    applied_by text
)";

/// The history with what each step requires.
const HISTORY: &str = "SELECT m.version, m.applied_at, r.oldest_program, r.applied_by
    FROM seaql_migrations m LEFT JOIN migration_requirement r ON r.name = m.version ORDER BY m.version";

/// Time for which one attempt of a step waits for other programs that write or migrate; on SQLite
/// the writer's own timeout is as long.
const STEP_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Total time for which the migration waits for other programs before it gives up.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(600);

/// Reason of the conflict when a newer program has migrated the register.
pub const PROGRAM_TOO_OLD: &str = "PROGRAM_TOO_OLD";

/// The steps of a schema's history: those of the schema in order of their names, and then those
/// that read rows by the rules of this program, which need every column that it knows.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    /// `false` if the result is a schema of the past, which the rest of this program doesn't fit.
    is_complete: bool,
}

struct Step {
    name: String,
    oldest_program: String,
    work: Work,
}

enum Work {
    Schema(Box<dyn MigrationTrait>),
    Conversion(Conversion),
    /// The function that [`Database::with_row_recorder`] takes.
    RecordRows,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step")
            .field("name", &self.name)
            .field("oldest_program", &self.oldest_program)
            .finish_non_exhaustive()
    }
}

impl Plan {
    /// Returns every step that this program knows.
    #[must_use]
    pub fn current() -> Self {
        let step = |name: &str, work| Step {
            name: name.to_owned(),
            oldest_program: releases::oldest_program(name).to_owned(),
            work,
        };
        let mut steps: Vec<_> = Migrator::migrations()
            .into_iter()
            .map(|migration| {
                let name = migration.name().to_owned();
                step(&name, Work::Schema(migration))
            })
            .chain(
                CONVERSIONS
                    .iter()
                    .map(|conversion| step(conversion.name, Work::Conversion(*conversion))),
            )
            .collect();
        steps.sort_by(|one, other| one.name.cmp(&other.name));
        steps.push(step(TRAIL_ROWS, Work::RecordRows));
        steps.push(step(WITHDRAWN_SUCCESSORS.name, Work::Conversion(WITHDRAWN_SUCCESSORS)));
        Self { steps, is_complete: true }
    }

    /// Returns the plan without the step `name` and what comes after it.
    #[must_use]
    pub fn before(mut self, name: &str) -> Self {
        let end = self.steps.iter().position(|step| step.name.as_str() >= name);
        self.steps.truncate(end.unwrap_or(self.steps.len()));
        self.is_complete = false;
        self
    }

    /// Returns the plan with one more conversion, on whose result `oldest_program` and later ones
    /// may run.
    #[must_use]
    pub fn with(mut self, conversion: Conversion, oldest_program: &str) -> Self {
        let step = Step {
            name: conversion.name.to_owned(),
            oldest_program: oldest_program.to_owned(),
            work: Work::Conversion(conversion),
        };
        let after = self.steps.iter().rposition(|known| known.name < step.name);
        self.steps.insert(after.map_or(0, |index| index + 1), step);
        self
    }

    /// Returns the names of the steps, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    /// Returns the steps of the plan and of a history, in order of their names.
    #[must_use]
    pub fn status(&self, history: &[Applied]) -> Vec<StepStatus> {
        let known = self.steps.iter().map(|step| {
            let applied = history.iter().find(|row| row.name == step.name).cloned();
            let recorded = applied.as_ref().and_then(|row| row.oldest_program.clone());
            let oldest_program = Some(recorded.unwrap_or_else(|| step.oldest_program.clone()));
            StepStatus { name: step.name.clone(), applied, is_known: true, oldest_program }
        });
        let unknown = history
            .iter()
            .filter(|row| self.steps.iter().all(|step| step.name != row.name))
            .map(|row| StepStatus {
                name: row.name.clone(),
                applied: Some(row.clone()),
                is_known: false,
                oldest_program: row.oldest_program.clone(),
            });
        let mut all: Vec<_> = known.chain(unknown).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    fn pending<'p>(&'p self, applied: &'p [Applied]) -> impl Iterator<Item = &'p Step> {
        self.steps.iter().filter(|step| applied.iter().all(|row| row.name != step.name))
    }
}

/// A step that a register's history has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: String,
    /// Time at which it was applied, in seconds since 1970.
    pub applied_at: i64,
    /// The oldest program that may run on its result; `None` if a program applied it that did not
    /// record this.
    pub oldest_program: Option<String>,
    /// The version of the program that applied it, if that was recorded.
    pub applied_by: Option<String>,
}

/// A step of the history, applied or not, as `migrate --status` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStatus {
    /// Its name.
    pub name: String,
    /// The row of the history; `None` if the step is pending.
    pub applied: Option<Applied>,
    /// `true` if this program has the step. One that it lacks was applied by a newer program.
    pub is_known: bool,
    /// The oldest program that may run on its result, if that is known.
    pub oldest_program: Option<String>,
}

/// Checks that this program is new enough for a register with these steps.
///
/// # Errors
/// CONFLICT with the reason `PROGRAM_TOO_OLD` if a newer program migrated the register.
pub fn ensure_new_enough(steps: &[StepStatus]) -> Result<()> {
    ensure_supported(
        steps
            .iter()
            .filter(|step| step.applied.is_some())
            .filter_map(|step| step.oldest_program.as_deref()),
    )
}

impl Database {
    /// Brings the schema up to date and returns the names of the steps that were applied.
    ///
    /// # Errors
    /// CONFLICT with the reason `PROGRAM_TOO_OLD` if a newer program migrated the register, or BUSY
    /// if other programs write for ten minutes; INTERNAL if a step fails. A step that failed
    /// changed nothing; those before it stay.
    pub async fn migrate(&self) -> Result<Vec<String>> {
        let applied = self.apply(&Plan::current()).await?;
        // PostgreSQL does all of it automatically, in time.
        if self.backend() == DbBackend::Sqlite {
            if applied.iter().any(|name| name == TRAIL_MIGRATION)
                && let Err(error) = self.vacuum().await
            {
                // What was sealed must not stay in clear between the rows of the file.
                tracing::warn!(%error, "what the old audit trail said of persons may still be in the free space of the file: run VACUUM on it");
            }
            self.analyze().await?;
            if !applied.is_empty() {
                // The former versions of rows that a step rewrote leave the disk as well.
                self.truncate_wal().await?;
            }
        }
        Ok(applied)
    }

    /// Applies the pending steps of a plan, each in one transaction with its row in the history.
    ///
    /// The transaction takes the lock of writers first and then reads the history, so programs that
    /// migrate at the same time apply each step once. Interrupted at any point, it continues from
    /// the first step that is not in the history.
    ///
    /// # Errors
    /// As [`Database::migrate`].
    pub async fn apply(&self, plan: &Plan) -> Result<Vec<String>> {
        let _permit = self.permit.acquire().await.map_err(Error::internal)?;
        let give_up_at = Instant::now() + MIGRATION_TIMEOUT;
        let (mut applied, mut has_waited) = (Vec::new(), false);
        loop {
            match self.apply_next(plan).await {
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
    async fn apply_next(&self, plan: &Plan) -> Result<Option<String>> {
        self.find()?;
        let tx = self.begin_step().await?;
        match self.apply_within(&tx, plan).await {
            Ok(name) => {
                self.find()?;
                tx.commit().await.map_err(or_busy)?;
                Ok(name)
            }
            Err(error) => {
                // A disk that is full or a connection that is gone has ended the transaction
                // already.
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
            // Readers may keep a table for a while; a step that waits longer for one would keep all
            // others waiting behind it.
            let wait = STEP_LOCK_TIMEOUT.as_millis();
            let settings = format!(
                "SET LOCAL lock_timeout = {wait}; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
                SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
            );
            tx.execute_unprepared(&settings).await.map_err(or_busy)?;
        }
        Ok(tx)
    }

    async fn apply_within(&self, tx: &DatabaseTransaction, plan: &Plan) -> Result<Option<String>> {
        let history = install(tx).await?;
        ensure_supported(history.iter().filter_map(|row| row.oldest_program.as_deref()))?;
        let mut pending = plan.pending(&history);
        let Some(step) = pending.next() else {
            if plan.is_complete {
                // What was noted as stale is searched for as well.
                search::refresh(tx).await?;
            }
            return Ok(None);
        };
        let is_last = pending.next().is_none();
        self.apply_step(tx, step, plan.is_complete && is_last)
            .await
            .map_err(|error| failed(error, &step.name))?;
        Ok(Some(step.name.clone()))
    }

    async fn apply_step(
        &self,
        tx: &DatabaseTransaction,
        step: &Step,
        is_up_to_date: bool,
    ) -> Result<()> {
        match &step.work {
            Work::Schema(migration) => migration.up(&SchemaManager::new(tx)).await?,
            Work::Conversion(conversion) => (conversion.run)(self, tx).await?,
            Work::RecordRows => self.record_rows(tx).await?,
        }
        let row = Statement::from_sql_and_values(
            self.backend(),
            "INSERT INTO seaql_migrations (version, applied_at) VALUES ($1, $2)",
            [step.name.clone().into(), self.clock.now().timestamp().into()],
        );
        tx.execute_raw(row).await?;
        require(tx, &step.name, &step.oldest_program, Some(env!("CARGO_PKG_VERSION"))).await?;
        if is_up_to_date {
            // A register whose schema is up to date has its search up to date as well, wherever the
            // program is interrupted.
            search::refresh(tx).await?;
        }
        Ok(())
    }

    async fn record_rows(&self, tx: &DatabaseTransaction) -> Result<()> {
        let record = match self.row_recorder {
            Some(record) => record,
            // A register without a trail from before has no such rows.
            None if !audit::migration::was_migrated(tx).await? => return Ok(()),
            None => {
                return Err(Error::internal(io::Error::other(
                    "the rows of an older audit trail are recorded by the program itself",
                )));
            }
        };
        record(self, tx).await
    }

    /// Returns the steps of a plan and of the register's history, in order of their names. Changes
    /// nothing.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
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
    /// INTERNAL if a step is pending or the database fails.
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
    /// schema, which another program may have migrated since this one started.
    pub(super) async fn check_program(&self, tx: &impl ConnectionTrait) -> Result<()> {
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
}

/// The history of a register that no program of 0.2.0 or later has migrated.
const BARE_HISTORY: &str =
    "SELECT version, applied_at, NULL, NULL FROM seaql_migrations ORDER BY version";

impl Applied {
    fn read(row: &sea_orm::QueryResult) -> std::result::Result<Self, DbErr> {
        Ok(Self {
            name: row.try_get_by_index(0)?,
            applied_at: row.try_get_by_index(1)?,
            oldest_program: row.try_get_by_index(2)?,
            applied_by: row.try_get_by_index(3)?,
        })
    }
}

async fn history(db: &impl ConnectionTrait) -> Result<Vec<Applied>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), HISTORY)).await?;
    Ok(rows.iter().map(Applied::read).collect::<std::result::Result<_, _>>()?)
}

/// Returns whether the table of the history is there, and the one of its requirements.
async fn tables(db: &impl ConnectionTrait) -> Result<(bool, bool)> {
    let sql = if db.get_database_backend() == DbBackend::Sqlite {
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('seaql_migrations', 'migration_requirement')"
    } else {
        "SELECT relname::text FROM pg_class WHERE oid IN (to_regclass('seaql_migrations'), to_regclass('migration_requirement'))"
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    let names: Vec<String> =
        rows.iter().map(|row| row.try_get_by_index(0)).collect::<std::result::Result<_, _>>()?;
    let has = |name: &str| names.iter().any(|found| found == name);
    Ok((has("seaql_migrations"), has("migration_requirement")))
}

/// Makes the tables of the history where they are missing, and returns the history. Steps that were
/// applied before requirements were recorded get theirs.
async fn install(tx: &DatabaseTransaction) -> Result<Vec<Applied>> {
    let (has_history, has_requirements) = tables(tx).await?;
    if !has_history {
        Migrator::install(tx).await?;
    }
    if !has_requirements {
        let strict = if tx.get_database_backend() == DbBackend::Sqlite { " STRICT" } else { "" };
        tx.execute_unprepared(&format!("{REQUIREMENTS}{strict}")).await?;
        for row in history(tx).await? {
            require(tx, &row.name, releases::oldest_program(&row.name), None).await?;
        }
    }
    history(tx).await
}

/// Records the oldest program that may run on the result of a step.
async fn require(
    tx: &DatabaseTransaction,
    name: &str,
    oldest_program: &str,
    applied_by: Option<&str>,
) -> Result<()> {
    let values = [name.into(), oldest_program.into(), applied_by.into()];
    let insert = "INSERT INTO migration_requirement (name, oldest_program, applied_by) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET oldest_program = excluded.oldest_program, applied_by = excluded.applied_by";
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), insert, values))
        .await?;
    Ok(())
}

/// Fails if one of these versions is later than this program's. One that can't be read is of a
/// future program.
fn ensure_supported<'a>(required: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    let is_supported = |version: &Version| Version::parse(own).is_ok_and(|own| *version <= own);
    let newer = required
        .into_iter()
        .filter(|text| !Version::parse(text).is_ok_and(|version| is_supported(&version)));
    match newer.max_by_key(|text| Version::parse(text).ok()) {
        None => Ok(()),
        Some(oldest) => Err(Error::conflict(
            PROGRAM_TOO_OLD,
            format!(
                "this program is Samregister {own}, but a newer one migrated the register, which now needs {oldest} or later; nothing was \
                 changed; install Samregister {oldest} or later"
            ),
        )),
    }
}

fn is_busy(error: &Error) -> bool {
    match error {
        Error::Conflict { reason, .. } => *reason == BUSY,
        Error::Internal(cause) => cause.downcast_ref::<DbErr>().is_some_and(is_locked),
        _ => false,
    }
}

/// Returns the error of a step that failed, with its name and what to do; one of a lock stays as it
/// is.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_run_on_what_its_own_version_and_older_ones_made() {
        let own = env!("CARGO_PKG_VERSION");
        ensure_supported(["0.1.0", own]).unwrap();
        let error = ensure_supported(["0.1.0", "99.1.0", "99.0.3", own]).unwrap_err();
        assert_eq!(error.code(), "CONFLICT");
        assert!(
            error.to_string().contains(own) && error.to_string().contains("needs 99.1.0 or later"),
            "{error}"
        );
        ensure_supported(["a version of the future"]).unwrap_err();
    }

    #[test]
    fn a_plan_is_in_order_of_names() {
        fn nothing<'a>(_: &'a Database, _: &'a DatabaseTransaction) -> BoxFuture<'a, Result<()>> {
            Box::pin(async { Ok(()) })
        }
        let plan = Plan::current()
            .with(Conversion { name: "m2026_11_22_00_first", run: nothing }, "0.1.0");
        let names: Vec<_> = plan.names().collect();
        let (schema, last) = names.split_at(names.len() - 2);
        assert!(schema.is_sorted() && schema.contains(&"m2026_11_22_00_first"), "{names:?}");
        assert_eq!(last, [TRAIL_ROWS, WITHDRAWN_SUCCESSORS.name], "they read whole rows");
        let before = Plan::current().before("m2026_11_21_03_templates");
        assert_eq!(
            before.names().collect::<Vec<_>>(),
            ["m2026_11_21_01_members", "m2026_11_21_02_activities"]
        );
        let newest = Plan::current().before("m2026_12_02_51_notice_end_decisions");
        assert!(
            newest.names().all(|name| name != TRAIL_ROWS),
            "it needs the columns of every step"
        );
    }
}
