//! The history of a register's schema: the applied steps, and the oldest program that each needs.

use migration::{Migrator, MigratorTrait, releases};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};
use semver::Version;

use crate::error::{ConflictReason, Error, Result};

/// Table in which each step records the oldest program that may run on its result. A separate
/// table, because the library defines the columns of `seaql_migrations`.
const REQUIREMENTS: &str = "CREATE TABLE migration_requirement (
    name text NOT NULL PRIMARY KEY,
    oldest_program text NOT NULL,
    applied_by text
)";

/// The history with the requirements of each step.
pub(super) const HISTORY: &str = "SELECT m.version, m.applied_at, r.oldest_program, r.applied_by
    FROM seaql_migrations m LEFT JOIN migration_requirement r ON r.name = m.version ORDER BY m.version";

/// A step in a register's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: String,
    /// Time at which it was applied, in seconds since 1970.
    pub applied_at: i64,
    /// Oldest program that may run on its result; `None` if a program applied it that did not
    /// record this.
    pub oldest_program: Option<String>,
    /// Version of the program that applied it, if that was recorded.
    pub applied_by: Option<String>,
}

/// A step of the history, applied or not, as `migrate --status` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepStatus {
    /// Its name.
    pub name: String,
    /// The row of the history; `None` if the step is pending.
    pub applied: Option<Applied>,
    /// `true` if this program has the step. An unknown step was applied by a newer program.
    pub is_known: bool,
    /// Oldest program that may run on its result, if known.
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

/// The history of a register that no program of 0.2.0 or later has migrated.
pub(super) const BARE_HISTORY: &str =
    "SELECT version, applied_at, NULL, NULL FROM seaql_migrations ORDER BY version";

impl Applied {
    pub(super) fn read(row: &sea_orm::QueryResult) -> std::result::Result<Self, DbErr> {
        Ok(Self {
            name: row.try_get_by_index(0)?,
            applied_at: row.try_get_by_index(1)?,
            oldest_program: row.try_get_by_index(2)?,
            applied_by: row.try_get_by_index(3)?,
        })
    }
}

pub(super) async fn history(db: &impl ConnectionTrait) -> Result<Vec<Applied>> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), HISTORY)).await?;
    Ok(rows.iter().map(Applied::read).collect::<std::result::Result<_, _>>()?)
}

/// Returns two flags: `true` if the table of the history exists, and `true` if the table of its
/// requirements does.
pub(super) async fn tables(db: &impl ConnectionTrait) -> Result<(bool, bool)> {
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

/// Creates missing tables of the history, and returns the history. Steps that were applied before
/// requirements were recorded get theirs.
pub(super) async fn install(tx: &DatabaseTransaction) -> Result<Vec<Applied>> {
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
pub(super) async fn require(
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

/// Fails if one of these versions is later than this program's. A version that can't be parsed
/// belongs to a future program.
pub(super) fn ensure_supported<'a>(required: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    let is_supported = |version: &Version| Version::parse(own).is_ok_and(|own| *version <= own);
    let newer = required
        .into_iter()
        .filter(|text| !Version::parse(text).is_ok_and(|version| is_supported(&version)));
    match newer.max_by_key(|text| Version::parse(text).ok()) {
        None => Ok(()),
        Some(oldest) => Err(Error::conflict(
            ConflictReason::ProgramTooOld,
            format!(
                "this program is Samregister {own}, but a newer one migrated the register, which now needs {oldest} or later; nothing was \
                 changed; install Samregister {oldest} or later"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_run_on_what_its_own_version_and_older_ones_made() {
        let own = env!("CARGO_PKG_VERSION");
        ensure_supported(["0.1.0", own]).unwrap();
        let error = ensure_supported(["0.1.0", "99.1.0", "99.0.3", own]).unwrap_err();
        assert_eq!(error.code(), crate::error::ErrorCode::Conflict);
        assert!(
            error.to_string().contains(own) && error.to_string().contains("needs 99.1.0 or later"),
            "{error}"
        );
        ensure_supported(["a version of the future"]).unwrap_err();
    }
}
