//! Sets a fee of the network itself: the service fee or the membership fee.

use ::entity::id::FeeScheduleId;

use super::{price::NewSchedule, write::write};
use crate::{
    context::Context,
    error::{Result, ValidationErrors},
};

/// Sets a fee of the network itself, as [`set`](super::set::set) does for an activity. The activity
/// of `new` is ignored.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field, CONFLICT
/// `OVERLAPS`.
pub async fn set_network_fee(
    ctx: Context<'_>,
    new: NewSchedule,
    errors: ValidationErrors,
) -> Result<FeeScheduleId> {
    write(ctx, NewSchedule { activity: None, ..new }, errors).await
}
