//! Reversal of payments.

use std::collections::{BTreeSet, HashSet};

use ::entity::{bank_payment, bank_payment_part, id::PaymentId, money::Money, payment};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::{
    bank, references,
    reversal::{self, Reversed},
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{Error, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::posting::Booking,
};

/// Input of the reversal of a payment.
#[derive(Clone, Debug, Default)]
pub struct Reversal {
    /// The payment.
    pub payment: PaymentId,
    /// Day from which the reversal counts, never one of a closed period; null: today.
    pub reversed_on: Option<NaiveDate>,
    /// Reason.
    pub reason: String,
}

/// Returns the ids of those of these payments that the viewer may reverse: neither reversals nor
/// reversed. A closed period may still prevent it. The rows must include the id and the payment
/// that they reverse.
pub async fn reversible(ctx: Context<'_>, rows: &[payment::Model]) -> Result<HashSet<Uuid>> {
    reversal::reversible(ctx, Reversed::Payment, rows).await
}

/// Reverses a payment that was booked wrongly or that the bank returned. The reversal is a payment
/// of the same negative sum on a day of its own, so that reports of earlier days stay true. A
/// payment from a bank file can be matched again afterwards. Returns the reversal.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `PAYMENT_REVERSED`, `IS_REVERSAL`, or `PERIOD_CLOSED` if `reversed_on` is a day of a
/// closed period.
pub async fn reverse(
    ctx: Context<'_>,
    limit: Money,
    new: Reversal,
    mut errors: ValidationErrors,
) -> Result<PaymentId> {
    ctx.require(Permission::ManageInvoices)?;
    let (day, reason) =
        reversal::parse(new.reversed_on, &new.reason, ctx.clock.today(), &mut errors);
    let mut change = audit::begin(ctx, Action::PaymentReverse).await?;
    let Some(payment) = payment::Entity::find_by_id(new.payment).one(change.tx()).await? else {
        errors.finish()?;
        return Err(Error::missing("payment_id", "there is no such payment"));
    };
    reversal::check_day(Reversed::Payment, day, payment.received_on, &mut errors);
    errors.finish()?;
    reversal::require_original(Reversed::Payment, payment.reverses_id.is_some())?;
    let earlier = payment::Entity::find()
        .filter(payment::Column::ReversesId.eq(payment.id))
        .one(change.tx())
        .await?;
    reversal::require_unreversed(Reversed::Payment, earlier.map(|earlier| earlier.received_on))?;
    Closing::load(change.tx()).await?.require_open(day)?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([payment.invoice_id])).await?.writing_off(limit);
    let reversal = payment::Model {
        id: PaymentId::new(),
        invoice_id: payment.invoice_id,
        received_on: day,
        amount: -payment.amount,
        reference: references::of_reversal(&payment.reference),
        reverses_id: Some(payment.id),
        reason: Some(reason),
        booked_on: None,
    };
    booking.add(reversal.clone());
    booking.close(&mut change).await?;
    release(&mut change, &payment, &reversal).await?;
    let reversal = reversal.id;
    change.commit_with(Outcome::of(payment.invoice_id).with(reversal)).await?;
    Ok(reversal)
}

/// Returns the sum of a reversed payment to its bank payment, to be matched again.
async fn release(
    change: &mut Change,
    payment: &payment::Model,
    reversal: &payment::Model,
) -> Result<()> {
    let Some(part) = bank_payment_part::Entity::find_by_id(payment.id).one(change.tx()).await?
    else {
        return Ok(());
    };
    let before = bank::find(change.tx(), part.bank_payment_id).await?;
    let after = bank_payment::Model { matched: before.matched + reversal.amount, ..before.clone() };
    audit::replace(change, after.clone()).await?;
    let part = bank_payment_part::Model { payment_id: reversal.id, ..part };
    change.record(None, Some(&part))?;
    audit::insert(change, part).await?;
    change.record(Some(&before), Some(&after))
}
