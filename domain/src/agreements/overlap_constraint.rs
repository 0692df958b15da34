//! The database constraint against overlapping participation agreements: see
//! [`overlaps`](super::overlaps).

use sea_orm::{ConnectionTrait, DbBackend};

use crate::error::{ConflictReason, Error, Result};

/// Name of the database constraint.
const CONSTRAINT: &str = "agreement__in_force";

/// Converts a violation of the database constraint to a CONFLICT.
#[must_use]
pub(super) fn describe(error: Error) -> Error {
    let message = "the member takes part in the activity by another agreement on some of its days; replace that one, give notice, or choose other days";
    error.on_constraint(CONSTRAINT, Error::conflict(ConflictReason::Overlaps, message))
}

/// Defers the check, so that a transaction can store overlapping agreements temporarily. It must
/// call [`check_now`] before it commits.
pub async fn check_later(tx: &impl ConnectionTrait) -> Result<()> {
    let statement = match tx.get_database_backend() {
        DbBackend::Postgres => "SET CONSTRAINTS agreement__in_force DEFERRED",
        _ => "INSERT INTO agreement_in_force_later (id, none) VALUES (1, x'00')",
    };
    tx.execute_unprepared(statement).await?;
    Ok(())
}

/// Ends the deferral of [`check_later`].
///
/// # Errors
/// CONFLICT `OVERLAPS` when agreements still overlap.
pub async fn check_now(tx: &impl ConnectionTrait) -> Result<()> {
    let statement = match tx.get_database_backend() {
        DbBackend::Postgres => "SET CONSTRAINTS agreement__in_force IMMEDIATE",
        _ => "DELETE FROM agreement_in_force_later",
    };
    tx.execute_unprepared(statement).await.map_err(|error| describe(error.into()))?;
    Ok(())
}
