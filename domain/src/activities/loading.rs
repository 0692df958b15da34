//! Loads an activity for a change.

use ::entity::{activity, id::ActivityId};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::{
    audit::{
        Change,
        forms::{Activity, activities},
    },
    error::{Error, Result, ValidationErrors},
};

/// Returns the current form of an activity for the audit trail.
///
/// # Errors
/// NOT_FOUND when the activity does not exist.
pub async fn snapshot(db: &impl ConnectionTrait, id: ActivityId) -> Result<Activity> {
    let row = find(db, id).await?;
    let alone = Activity { row: row.clone(), ..Activity::default() };
    Ok(activities(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// Returns the activity like [`snapshot`], for a change whose input may be invalid. If the activity
/// does not exist, the errors of the input come first, since one of them may be about its id.
///
/// # Errors
/// INVALID when there are errors, NOT_FOUND when the activity does not exist.
pub(super) async fn snapshot_or_errors(
    change: &Change,
    id: ActivityId,
    errors: &mut ValidationErrors,
) -> Result<Activity> {
    let found = snapshot(change.tx(), id).await;
    if found.is_err() {
        std::mem::take(errors).finish()?;
    }
    found
}

/// Returns the row of an activity, for changes to its records.
///
/// # Errors
/// NOT_FOUND when the activity does not exist.
pub async fn find(db: &impl ConnectionTrait, id: ActivityId) -> Result<activity::Model> {
    activity::Entity::find_by_id(id)
        .one(db)
        .await?
        .ok_or_else(|| Error::missing("activity_id", "there is no such activity"))
}
