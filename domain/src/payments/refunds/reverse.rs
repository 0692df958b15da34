//! Reversal of refunds.

use std::collections::{BTreeSet, HashSet};

use ::entity::{
    adjustment::{self, Model},
    bank_payment,
    id::AdjustmentId,
    kind::AdjustmentKind,
    money::Money,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{Error, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::posting::Booking,
    payments::{
        bank, references,
        reversal::{self, Reversed},
    },
};

/// Input of the reversal of a refund.
#[derive(Clone, Debug, Default)]
pub struct Reversal {
    /// The refund.
    pub refund: AdjustmentId,
    /// Day from which the reversal counts, never one of a closed period; null: today.
    pub reversed_on: Option<NaiveDate>,
    /// Reason.
    pub reason: String,
}

/// Returns the ids of those of these refunds that the viewer may reverse: neither reversals nor
/// reversed. A closed period may still prevent it. The rows must include the id and the refund that
/// they reverse.
pub async fn reversible(ctx: Context<'_>, rows: &[Model]) -> Result<HashSet<Uuid>> {
    reversal::reversible(ctx, Reversed::Refund, rows).await
}

/// Reverses a refund that was recorded by mistake or was returned, on a day of its own, so that
/// earlier days stay unchanged. The row of the bank's file waits again, on the observation account
/// from that day on, and can be recorded again. Returns the reversal.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `REFUND_REVERSED`, `IS_REVERSAL`, or `PERIOD_CLOSED` if `reversed_on` is a day of a
/// closed period.
pub async fn reverse(
    ctx: Context<'_>,
    limit: Money,
    new: Reversal,
    mut errors: ValidationErrors,
) -> Result<AdjustmentId> {
    ctx.require(Permission::ManageInvoices)?;
    let (day, reason) =
        reversal::parse(new.reversed_on, &new.reason, ctx.clock.today(), &mut errors);
    let mut change = audit::begin(ctx, Action::RefundReverse).await?;
    let found = adjustment::Entity::find_by_id(new.refund).one(change.tx()).await?;
    let Some(refund) = found.filter(|found| found.kind == AdjustmentKind::Refund) else {
        errors.finish()?;
        return Err(Error::missing("refund_id", "there is no such refund"));
    };
    reversal::check_day(Reversed::Refund, day, refund.dated_on, &mut errors);
    errors.finish()?;
    reversal::require_original(Reversed::Refund, refund.reverses_id.is_some())?;
    let earlier = adjustment::Entity::find()
        .filter(adjustment::Column::ReversesId.eq(refund.id))
        .one(change.tx())
        .await?;
    reversal::require_unreversed(Reversed::Refund, earlier.map(|earlier| earlier.dated_on))?;
    Closing::load(change.tx()).await?.require_open(day)?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([refund.invoice_id])).await?.writing_off(limit);
    let reversal = Model {
        id: AdjustmentId::new(),
        dated_on: day,
        amount: -refund.amount,
        reference: references::of_reversal(&refund.reference),
        reverses_id: Some(refund.id),
        reason: Some(reason),
        bank_payment_id: None,
        booked_on: None,
        ..refund.clone()
    };
    let id = reversal.id;
    booking.adjust(reversal);
    booking.close(&mut change).await?;
    if let Some(id) = refund.bank_payment_id {
        let before = bank::find(change.tx(), id).await?;
        let after =
            bank_payment::Model { set_aside_on: None, set_aside_reason: None, ..before.clone() };
        audit::replace(&change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(Outcome::of(refund.invoice_id).with(id)).await?;
    Ok(id)
}
