//! Overlaps: a member has at most one participation agreement in force per activity and day. The
//! database enforces this; the check here names the other agreement.

use ::entity::{
    agreement::{Column, Entity, Model},
    kind::AgreementKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder};

use super::lifecycle::name;
use crate::{
    error::{ConflictReason, Error, Result},
    term_sql,
};

/// Name of the database constraint.
const CONSTRAINT: &str = "agreement__in_force";

/// Fails if the agreement would be in force at the same time as another one, except for the one
/// that it replaces.
///
/// # Errors
/// CONFLICT `OVERLAPS` naming the first other agreement.
pub(super) async fn refuse(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let (Some(member), Some(activity)) = (row.member_id, row.activity_id) else { return Ok(()) };
    if row.kind != AgreementKind::Participation {
        return Ok(());
    }
    let others = Entity::find()
        .filter(Column::Kind.eq(AgreementKind::Participation))
        .filter(Column::ActivityId.eq(activity))
        .filter(Column::MemberId.eq(member))
        .filter(Column::SignedOn.is_not_null())
        .filter(Column::WithdrawnOn.is_null())
        .filter(Column::Id.ne(row.id))
        .order_by_asc(Column::StartsOn)
        .all(db)
        .await?;
    let own = term_sql::of(row);
    let is_next_to = |other: &&Model| {
        let mut term = term_sql::of(other);
        if row.replaces_id == Some(other.id) {
            term.replaced_from = Some(row.starts_on);
        }
        own.overlaps(&term)
    };
    let Some(other) = others.iter().find(is_next_to) else { return Ok(()) };
    let last = |day: Option<NaiveDate>| {
        day.map_or_else(|| "until further notice".to_owned(), |day| format!("to {day}"))
    };
    let message = format!(
        "{} is in force from {} {}, and a member takes part in an activity by one agreement at a time; replace it, give notice, or choose other days",
        name(other),
        other.starts_on,
        last(term_sql::of(other).final_day())
    );
    Err(Error::conflict(ConflictReason::Overlaps, message))
}

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
