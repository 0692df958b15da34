//! Sets a price of taking part in an activity.

use ::entity::id::FeeScheduleId;

use super::{price::NewSchedule, write::write};
use crate::{
    context::Context,
    error::{Result, ValidationErrors},
};

/// Sets a price of taking part in an activity. It replaces one that begins on the same day with the
/// same basis. An open-ended one in which it begins ends the day before. `errors` are those already
/// found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `OVERLAPS`.
pub async fn set(
    ctx: Context<'_>,
    new: NewSchedule,
    errors: ValidationErrors,
) -> Result<FeeScheduleId> {
    write(ctx, new, errors).await
}
