//! Closure: how an activity ends.

use ::entity::{
    activity,
    agreement::{Column, Entity},
    id::ActivityId,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::launch::{snapshot, snapshot_or_faults};
use crate::{
    audit::{self, Change},
    auth::viewer::{Deed, Viewer},
    database::Database,
    error::{Error, Faults, Result},
    terms,
};

/// # Errors
/// CONFLICT `AGREEMENTS_IN_FORCE` with the numbers of the participation agreements that would go on after the activity's last day.
pub(super) async fn expect_no_agreements_after(change: &Change, row: &activity::Model, last: NaiveDate) -> Result<()> {
    let numbers: Vec<Option<String>> = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::ActivityId.eq(row.id))
        .filter(terms::is_participation())
        .filter(terms::outlives(last))
        .order_by_asc(Column::NumberKey)
        .into_tuple()
        .all(change.tx())
        .await?;
    if numbers.is_empty() {
        return Ok(());
    }
    let numbers: Vec<_> = numbers.into_iter().flatten().collect();
    let message = format!("{} has agreements in force after {last}: {}; end them first", row.name, numbers.join(", "));
    Err(Error::conflict("AGREEMENTS_IN_FORCE", message))
}

/// # Errors
/// CONFLICT `AGREEMENTS_IN_FORCE` with the numbers of the participation agreements that were in force before the activity's first day.
pub(super) async fn expect_no_agreements_before(change: &Change, row: &activity::Model) -> Result<()> {
    let numbers: Vec<Option<String>> = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::ActivityId.eq(row.id))
        .filter(terms::is_participation())
        .filter(terms::begins_before(row.starts_on))
        .order_by_asc(Column::NumberKey)
        .into_tuple()
        .all(change.tx())
        .await?;
    if numbers.is_empty() {
        return Ok(());
    }
    let numbers: Vec<_> = numbers.into_iter().flatten().collect();
    let message = format!("{} has agreements that begin before {}: {}; choose an earlier day", row.name, row.starts_on, numbers.join(", "));
    Err(Error::conflict("AGREEMENTS_IN_FORCE", message))
}

/// Closes an activity: `ends_on` is its last day. `faults` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, NOT_FOUND, INVALID for a bad field, CONFLICT `ALREADY_CLOSED` when it ended on
/// another day before today, CONFLICT `AGREEMENTS_IN_FORCE` with the numbers of the participation agreements that would outlive it.
pub async fn close(db: &Database, viewer: &Viewer, id: ActivityId, ends_on: NaiveDate, mut faults: Faults) -> Result<()> {
    viewer.require(Deed::KeepRegister)?;
    let mut change = audit::begin(db, viewer, "activityClose").await?;
    let before = snapshot_or_faults(&change, id, &mut faults).await?;
    faults.expect(ends_on >= before.row.starts_on, "input.endsOn", "must not be before the first day");
    faults.finish()?;
    if before.row.ends_on == Some(ends_on) {
        return change.commit_with(id).await;
    }
    if let Some(ended_on) = before.row.ends_on.filter(|last| *last < db.clock.today()) {
        return Err(Error::conflict("ALREADY_CLOSED", format!("{} ended on {ended_on} already", before.row.name)));
    }
    expect_no_agreements_after(&change, &before.row, ends_on).await?;
    audit::replace(&change, activity::Model { ends_on: Some(ends_on), ..before.row.clone() }).await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await
}
