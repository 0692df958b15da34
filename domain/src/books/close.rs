//! Closing of the books through a day.

use ::entity::{
    books_closing::{Entity, Model},
    id::BooksClosingId,
};
use chrono::NaiveDate;
use sea_orm::EntityTrait;

use super::{Closing, id, write};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
};

/// A close that has begun but is not committed: see [`crate::vouchers::close_period`].
pub(crate) struct PendingClose {
    /// Transaction of the close.
    pub change: Change,
    before: Option<Model>,
}

impl PendingClose {
    /// Returns the days that are closed so far.
    pub fn closing(&self) -> Closing {
        Closing { through: self.before.as_ref().and_then(|row| row.closed_through) }
    }

    /// Closes the books through a day and commits.
    pub async fn finish(self, through: NaiveDate) -> Result<BooksClosingId> {
        write(
            self.change,
            self.before,
            Model { id: id(), closed_through: Some(through), reason: None },
        )
        .await
    }
}

/// Begins to close the books through a day. `errors` holds the errors found so far in the input.
///
/// # Errors
/// FORBIDDEN without permission to manage accounts, INVALID for a day that is not over, CONFLICT
/// `ALREADY_CLOSED`.
pub(crate) async fn begin(
    ctx: Context<'_>,
    through: NaiveDate,
    mut errors: ValidationErrors,
) -> Result<PendingClose> {
    ctx.require(Permission::ManageAccounts)?;
    let today = ctx.clock.today();
    errors.expect(
        through < today,
        "closed_through",
        FieldErrorCode::too_late(
            today.pred_opt().unwrap_or(today),
            "must be before today: a day is closed when it is over",
        ),
    );
    errors.finish()?;
    let change = audit::begin(ctx, Action::PeriodClose).await?;
    let before = Entity::find_by_id(id()).one(change.tx()).await?;
    if let Some(closed) =
        before.as_ref().and_then(|row| row.closed_through).filter(|closed| through <= *closed)
    {
        let message = format!("the books are already closed through {closed}");
        return Err(Error::conflict(ConflictReason::AlreadyClosed, message));
    }
    Ok(PendingClose { change, before })
}
