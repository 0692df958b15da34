//! Closure: how an activity ends.

use ::entity::{activity, agreement::Column, id::ActivityId};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition};

use super::start::{snapshot, snapshot_or_errors};
use crate::{
    audit::{self, Change},
    auth::viewer::{Permission, Viewer},
    database::Database,
    error::{Error, Result, ValidationErrors},
    term_sql,
};

/// Refuses a last day after which participation agreements go on, with their numbers.
pub(super) async fn expect_no_agreements_after(
    change: &Change,
    row: &activity::Model,
    last: NaiveDate,
) -> Result<()> {
    let words = |numbers: &str| {
        format!("{} has agreements in force after {last}: {numbers}; end them first", row.name)
    };
    term_sql::refuse_agreements(
        change.tx(),
        participations(row).add(term_sql::outlives(last)),
        words,
    )
    .await
}

/// Refuses a first day before which participation agreements were in force, with their numbers.
pub(super) async fn expect_no_agreements_before(
    change: &Change,
    row: &activity::Model,
) -> Result<()> {
    let words = |numbers: &str| {
        format!(
            "{} has agreements that begin before {}: {numbers}; choose an earlier day",
            row.name, row.starts_on
        )
    };
    term_sql::refuse_agreements(
        change.tx(),
        participations(row).add(term_sql::begins_before(row.starts_on)),
        words,
    )
    .await
}

/// Participation agreements about an activity.
fn participations(row: &activity::Model) -> Condition {
    Condition::all().add(Column::ActivityId.eq(row.id)).add(term_sql::is_participation())
}

/// Closes an activity: `ends_on` is its last day. `errors` are those that reading the input has
/// found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, NOT_FOUND, INVALID for a bad field, CONFLICT
/// `ALREADY_CLOSED` when it ended on another day before today, CONFLICT `AGREEMENTS_IN_FORCE` with
/// the numbers of the participation agreements that would outlive it.
pub async fn close(
    db: &Database,
    viewer: &Viewer,
    id: ActivityId,
    ends_on: NaiveDate,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageRegister)?;
    let mut change = audit::begin(db, viewer, "activityClose").await?;
    let before = snapshot_or_errors(&change, id, &mut errors).await?;
    errors.expect(
        ends_on >= before.row.starts_on,
        "input.endsOn",
        "must not be before the first day",
    );
    errors.finish()?;
    if before.row.ends_on == Some(ends_on) {
        return change.commit_with(id).await;
    }
    if let Some(ended_on) = before.row.ends_on.filter(|last| *last < db.clock.today()) {
        return Err(Error::conflict(
            "ALREADY_CLOSED",
            format!("{} ended on {ended_on} already", before.row.name),
        ));
    }
    expect_no_agreements_after(&change, &before.row, ends_on).await?;
    audit::replace(&change, activity::Model { ends_on: Some(ends_on), ..before.row.clone() })
        .await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await
}
