//! Manual write-off of small differences of an invoice, if the settings do not write them off
//! automatically.

use std::collections::BTreeSet;

use ::entity::{
    adjustment::Model,
    id::{AdjustmentId, InvoiceId},
    invoice,
    kind::AdjustmentKind,
    money::Money,
};
use chrono::NaiveDate;

use super::{payment_rejections::Rejection, posting::Booking, small_differences};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Input of a manual write-off.
#[derive(Clone, Debug, Default)]
pub struct NewWriteOff {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Day from which the write-off counts, never one of a closed period; null: today.
    pub written_off_on: Option<NaiveDate>,
    /// Reason.
    pub reason: String,
}

/// Returns `true` if the viewer may write off the difference of the invoice: it is issued, and less
/// than a krona is owed or overpaid.
#[must_use]
pub fn can_write_off(ctx: Context<'_>, row: &invoice::Model) -> bool {
    let difference = row.total - row.credited - row.paid - row.written_off;
    ctx.viewer.has(Permission::ManageInvoices)
        && Rejection::of_document(row).is_none()
        && difference != Money::ZERO
        && small_differences::is_small(difference)
}

/// Writes off the entire difference between an issued invoice and the sums that cover it: the owed
/// or the overpaid sum.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `NOTHING_TO_WRITE_OFF`, `BEYOND_LIMIT` for a difference of a krona or more, or
/// `PERIOD_CLOSED` if `written_off_on` is a day of a closed period.
pub async fn write_off(
    ctx: Context<'_>,
    new: NewWriteOff,
    mut errors: ValidationErrors,
) -> Result<AdjustmentId> {
    ctx.require(Permission::ManageInvoices)?;
    let today = ctx.clock.today();
    let day = new.written_off_on.unwrap_or(today);
    errors.expect(
        day <= today,
        "written_off_on",
        FieldErrorCode::too_late(today, "must not be in the future"),
    );
    let reason = errors.text("reason", &new.reason, LINE);
    let mut change = audit::begin(ctx, Action::InvoiceWriteOff).await?;
    let mut booking = Booking::open(&change, BTreeSet::from([new.invoice])).await?;
    let Some(aggregate) = booking.invoice(new.invoice).cloned() else {
        errors.finish()?;
        return Err(Error::missing("invoice_id", "there is no such invoice"));
    };
    small_differences::check_day(&aggregate, day, &mut errors);
    errors.finish()?;
    let credited = booking.credits(new.invoice).iter().map(|own| own.amount).sum();
    let difference = small_differences::to_write_off(&aggregate, credited)?;
    Closing::load(change.tx()).await?.require_open(day)?;
    let mut written = [Model {
        id: AdjustmentId::new(),
        invoice_id: new.invoice,
        kind: AdjustmentKind::WriteOff,
        dated_on: day,
        amount: difference,
        reason: Some(reason),
        ..Model::default()
    }];
    small_differences::number(&aggregate, &mut written);
    let [written] = written;
    let id = written.id;
    booking.adjust(written);
    booking.close(&mut change).await?;
    change.commit_with(Outcome::of(new.invoice).with(id)).await?;
    Ok(id)
}
