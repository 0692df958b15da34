//! Vouchers of invoices, credit notes and payments, and the journal of a period.

mod bookings;
mod builder;
pub mod close_period;
mod corrections;
mod disagreements;
pub mod export;
pub mod export_batches;
pub(crate) mod integrity;
mod numbering;
mod pending_corrections;
mod transactions;
pub mod vat_boxes;
pub mod vat_return;

use chrono::NaiveDate;
use documents::sie::Journal;
use sea_orm::ConnectionTrait;

pub use self::bookings::{Booked, Bookings, Range};
use self::{bookings::require_name, builder::VoucherBuilder};
use crate::{
    auth::viewer::Permission,
    config::Network,
    context::Context,
    error::{FieldErrorCode, Result, ValidationErrors},
};

/// Returns the journal from `from` to `to`, both included, in order of days. Series F has a voucher
/// for each invoice and credit note. Series B has one for each payment, refund and write-off, and
/// for each sum of a bank payment that was not matched on its day. Series P has one for each
/// reminder with a fee. Vouchers of zero are left out. Vouchers of a batch appear as they were
/// exported, with their numbers, followed by their corrections.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; INVALID if the days are out of order or the
/// network has no name; CONFLICT `NO_ACCOUNT` if a line's account is not an account number.
pub async fn journal(
    ctx: Context<'_>,
    network: &Network,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Journal> {
    ctx.require(Permission::ManageInvoices)?;
    let mut errors = ValidationErrors::default();
    let problem = FieldErrorCode::too_early(from, "must not be before the first day");
    errors.expect(from <= to, "to", problem);
    require_name(network, &mut errors);
    errors.finish()?;
    // Everything is read in one transaction, so that it is consistent despite concurrent writes.
    let tx = ctx.db.snapshot().await?;
    let booked = booked(&tx, network, Range::Between(from, to)).await?;
    tx.rollback().await?;
    booked.journal(ctx.clock.today(), network)
}

/// Returns the vouchers of a range in order of days.
///
/// # Errors
/// CONFLICT `NO_ACCOUNT` if a line's account is not an account number.
pub async fn booked<C: ConnectionTrait>(
    db: &C,
    network: &Network,
    range: Range,
) -> Result<Bookings> {
    let mut builder = VoucherBuilder::open(db, network, range).await?;
    builder.exported();
    builder.corrections().await?;
    builder.documents().await?;
    builder.observations().await?;
    builder.payments().await?;
    builder.adjustments().await?;
    builder.reminders().await?;
    let VoucherBuilder { projects, exported, mut booked, .. } = builder;
    booked.sort_by(|one, other| one.0.cmp(&other.0));
    // Exported vouchers of a project whose number has changed since.
    let mut names = exported.projects;
    names.extend(projects.into_values());
    let vouchers = booked.into_iter().map(|(_, booked)| booked).collect();
    Ok(Bookings {
        vouchers,
        projects: names.into_iter().collect(),
        accounts: exported.accounts,
        range,
    })
}
