//! Reopening of closed periods.

use ::entity::{
    books_closing::{Entity, Model},
    id::BooksClosingId,
};
use chrono::{Days, NaiveDate};
use sea_orm::EntityTrait;

use super::{Closing, id, write};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, LINE, Result, ValidationErrors},
};

/// Opens the books again from a day. `errors` holds the errors found so far in the input.
///
/// # Errors
/// FORBIDDEN without permission to manage accounts, INVALID naming every bad field, CONFLICT
/// `NOT_CLOSED`.
pub async fn reopen(
    ctx: Context<'_>,
    from: NaiveDate,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<BooksClosingId> {
    ctx.require(Permission::ManageAccounts)?;
    let reason = errors.text("reason", reason, LINE);
    errors.finish()?;
    let change = audit::begin(ctx, Action::PeriodReopen).await?;
    let before = Entity::find_by_id(id()).one(change.tx()).await?;
    let closing = Closing { through: before.as_ref().and_then(|row| row.closed_through) };
    if !closing.is_closed(from) {
        return Err(Error::conflict(ConflictReason::NotClosed, format!("{from} is already open")));
    }
    let closed_through = from.checked_sub_days(Days::new(1));
    write(change, before, Model { id: id(), closed_through, reason: Some(reason) }).await
}
