//! One at a time: a member takes part in an activity by one agreement on a day. The database holds
//! this by itself; here it is looked up before, so that the other one can be named.

use ::entity::{
    agreement::{Column, Entity, Model},
    kind::AgreementKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder};

use super::lifecycle::name;
use crate::{
    error::{Error, Result},
    term_sql,
};

/// What the database calls the rule.
const CONSTRAINT: &str = "agreement__in_force";

/// Whether the agreement could be in force beside no other one, but for the one that it replaces.
///
/// # Errors
/// CONFLICT `OVERLAPS` naming the first other one.
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
        "{} is in force from {} {}, and a member takes part in an activity by one agreement at a time; replace it, give notice, or choose days that it leaves free",
        name(other),
        other.starts_on,
        last(term_sql::of(other).final_day())
    );
    Err(Error::conflict("OVERLAPS", message))
}

/// The error in the register's words, when the database has refused it because of this rule.
#[must_use]
pub(super) fn describe(error: Error) -> Error {
    let message = "the member takes part in the activity by another agreement on some of its days; replace that one, give notice, or choose days that it leaves free";
    error.on_constraint(CONSTRAINT, Error::conflict("OVERLAPS", message))
}

/// Lets a transaction write agreements that are in force beside each other for the time being. It
/// can't be committed before [`check_now`].
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn check_later(tx: &impl ConnectionTrait) -> Result<()> {
    let statement = match tx.get_database_backend() {
        DbBackend::Postgres => "SET CONSTRAINTS agreement__in_force DEFERRED",
        _ => "INSERT INTO agreement_in_force_later (id, none) VALUES (1, x'00')",
    };
    tx.execute_unprepared(statement).await?;
    Ok(())
}

/// Ends what [`check_later`] began.
///
/// # Errors
/// CONFLICT `OVERLAPS` when some are in force beside each other still.
pub async fn check_now(tx: &impl ConnectionTrait) -> Result<()> {
    let statement = match tx.get_database_backend() {
        DbBackend::Postgres => "SET CONSTRAINTS agreement__in_force IMMEDIATE",
        _ => "DELETE FROM agreement_in_force_later",
    };
    tx.execute_unprepared(statement).await.map_err(|error| describe(error.into()))?;
    Ok(())
}
