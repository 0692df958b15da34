//! The check of a backup's content, and the parts of its manifest that come from it.

use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use semver::Version;

use super::refusal::{failed, refuse};
use crate::{
    audit::{self, TrailCheck, TrustedKeys},
    clock::Clock,
    database::{Database, ensure_new_enough, plan::Plan},
    error::{Error, Result},
};

/// Returns `true` if the schema of the register is that of this program, `false` if migrations of
/// this program are pending.
///
/// # Errors
/// CONFLICT `PROGRAM_TOO_OLD` if a newer program migrated the register; INTERNAL if it can't be
/// read, or the database has no register.
pub(super) async fn is_current(db: &Database) -> Result<bool> {
    let error = match db.check().await {
        Ok(()) => return Ok(true),
        Err(error @ Error::Conflict { .. }) => return Err(error),
        Err(error) => error,
    };
    db.check_file()?;
    let steps = db.migration_status(&Plan::current()).await?;
    ensure_new_enough(&steps)?;
    if steps.iter().all(|step| step.applied.is_none()) {
        return Err(failed(
            "the database has no register, and no backup was written; check DATABASE_URL",
        ));
    }
    // The check failed for another reason if nothing is pending.
    if steps.iter().any(|step| step.applied.is_none()) { Ok(false) } else { Err(error) }
}

/// The check of a backup's content.
pub(super) struct Examination<'e> {
    /// `false` if the content is not checked.
    pub(super) is_wanted: bool,
    /// `true` if the schema is that of this program, so that the trail can be read.
    pub(super) is_current: bool,
    pub(super) trusted: Option<&'e TrustedKeys>,
    pub(super) clock: Clock,
    /// The register, whose key signs the checkpoint.
    pub(super) register: &'e Database,
}

/// What a backup holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) oldest_program: Option<String>,
    pub(super) schema: String,
    pub(super) register: String,
    pub(super) revision: i64,
    pub(super) checkpoint: Option<String>,
}

impl Examination<'_> {
    /// Returns what the backup holds that has the content which `tx` sees. Of an older schema, only
    /// what `db` can read.
    pub(super) async fn run(&self, db: &Database, tx: &DatabaseTransaction) -> Result<Found> {
        const SCHEMA: &str = "SELECT COALESCE(MAX(version), '') FROM seaql_migrations";
        if !self.is_current {
            // A failed statement would end the transaction.
            const REVISION: &str = "SELECT COALESCE(MAX(revision), 0) FROM audit_entry";
            return Ok(Found {
                schema: first(db.read(), SCHEMA).await.ok().flatten().unwrap_or_default(),
                revision: first(db.read(), REVISION).await.ok().flatten().unwrap_or_default(),
                ..Found::default()
            });
        }
        if self.is_wanted {
            let check = TrailCheck {
                trusted: self.trusted,
                is_ordered: self.clock.is_ordered(),
                ..TrailCheck::default()
            };
            refuse(audit::violations(tx, check, |_| {}).await?.violations)?;
        }
        const FIRST: &str = "SELECT hash FROM audit_entry ORDER BY revision LIMIT 1";
        let checkpoint = audit::checkpoint_in(tx, self.register.trail_key(), self.clock).await?;
        Ok(Found {
            oldest_program: oldest_program(tx).await?,
            schema: first(tx, SCHEMA).await?.unwrap_or_default(),
            register: first(tx, FIRST).await?.unwrap_or_default(),
            revision: checkpoint.revision,
            checkpoint: Some(checkpoint.line()),
        })
    }
}

/// Returns the first value of a statement.
async fn first<T: sea_orm::TryGetable>(db: &impl ConnectionTrait, sql: &str) -> Result<Option<T>> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
}

/// Returns the oldest version of the program that can use the register.
async fn oldest_program(tx: &DatabaseTransaction) -> Result<Option<String>> {
    let select = "SELECT DISTINCT oldest_program FROM migration_requirement";
    let rows = tx.query_all_raw(Statement::from_string(tx.get_database_backend(), select)).await?;
    let versions = rows
        .iter()
        .map(|row| row.try_get_by_index::<String>(0))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(versions.into_iter().max_by_key(|version| Version::parse(version).ok()))
}
