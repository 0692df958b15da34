//! Closing of periods: a day can be closed if every correction of its exported vouchers is in a
//! batch.

use ::entity::id::BooksClosingId;
use chrono::NaiveDate;
use sea_orm::ConnectionTrait;

use super::pending_corrections;
use crate::books::exported::Exported;
use crate::{
    books::{self, Closing},
    config::Accounts,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
};

/// Closes the books through a day. `errors` are those found while the input was parsed.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage accounts; INVALID for a day that is not over; CONFLICT
/// `ALREADY_CLOSED`, or `NOT_EXPORTED` if a correcting voucher of a day to close is in no export
/// batch yet.
pub async fn close(
    ctx: Context<'_>,
    through: NaiveDate,
    accounts: &Accounts,
    errors: ValidationErrors,
) -> Result<BooksClosingId> {
    let begun = books::close::begin(ctx, through, errors).await?;
    require_exported(begun.change.tx(), begun.closing(), through, accounts).await?;
    begun.finish(through).await
}

/// Rejects closing days with correcting vouchers that are in no export batch: they would move to a
/// later day.
async fn require_exported(
    tx: &impl ConnectionTrait,
    closing: Closing,
    through: NaiveDate,
    accounts: &Accounts,
) -> Result<()> {
    let exported = Exported::load_if_any(tx).await?;
    let pending = pending_corrections::pending(tx, &exported, closing, accounts).await?;
    let Some(day) =
        pending.into_iter().map(|own| own.voucher.date).filter(|day| *day <= through).min()
    else {
        return Ok(());
    };
    let words = format!(
        "a voucher of {day} that corrects an exported one is in no export batch yet: make the next batch, then close the day"
    );
    Err(Error::conflict(ConflictReason::NotExported, words))
}
