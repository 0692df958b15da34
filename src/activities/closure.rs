//! Closure: how an activity ends.

use ::entity::{
    activity,
    agreement::{Column, Entity},
    id::ActivityId,
    kind::SubjectKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::launch::{snapshot, snapshot_or_faults};
use crate::{
    audit::{self, Change},
    auth::viewer::{Deed, Viewer},
    database::Database,
    error::{Error, Faults, Result},
    terms,
};

/// A signed agreement whose term reaches beyond `last`, whenever it was signed. No status as of a day says this: closing an
/// activity as of last year must also see what was signed since.
fn outlives(last: NaiveDate) -> Condition {
    let ends_later = Condition::any()
        .add(Column::EndsOn.is_null())
        .add(Column::EndsOn.gt(last))
        .add(Condition::all().add(Column::RenewalMonths.is_not_null()).add(Column::NoticeGivenOn.is_null()));
    let replaced_later = Condition::any()
        .add(Column::ReplacedFrom.is_null())
        .add(last.succ_opt().map_or_else(|| Column::ReplacedFrom.gt(last), |after| Column::ReplacedFrom.gt(after)));
    Condition::all().add(Column::SignedOn.is_not_null()).add(Column::WithdrawnOn.is_null()).add(ends_later).add(replaced_later)
}

/// # Errors
/// CONFLICT `AGREEMENTS_IN_FORCE` with the numbers of the participation agreements that would go on after the activity's last day.
pub(super) async fn expect_no_agreements_after(change: &Change, row: &activity::Model, last: NaiveDate) -> Result<()> {
    let numbers: Vec<Option<String>> = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::ActivityId.eq(row.id))
        .filter(terms::is_participation())
        .filter(outlives(last))
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
        return change.commit().await;
    }
    if let Some(ended_on) = before.row.ends_on.filter(|last| *last < db.clock.today()) {
        return Err(Error::conflict("ALREADY_CLOSED", format!("{} ended on {ended_on} already", before.row.name)));
    }
    expect_no_agreements_after(&change, &before.row, ends_on).await?;
    audit::replace(&change, activity::Model { ends_on: Some(ends_on), ..before.row.clone() }).await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(SubjectKind::Activity, id, Some(&before), Some(&after))?;
    change.commit().await
}
