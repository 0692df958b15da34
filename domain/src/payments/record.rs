//! Payments of invoices, and reads of reminders.

use std::collections::BTreeSet;

use ::entity::{
    bank_payment_part,
    id::{InvoiceId, PaymentId},
    invoice,
    money::Money,
    payment, reminder,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use super::{
    bank::{
        self,
        manual_payments::{MAX_DAYS_APART, ManualPayments, is_shown_as},
    },
    rejections::refuse,
};
use crate::invoices::{
    counted_payments::counted,
    posting::{Booking, Rejection},
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::{Permission, Viewer},
    books::Closing,
    context::Context,
    database::{Database, among},
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Suffix of the reference of a reversal, in Swedish, since members see it.
pub const REVERSED: &str = " (återförd)";
/// Maximum length of a payment reference in characters, so that the reference of its reversal fits
/// in a line.
pub const LONGEST: usize = LINE - 20;

/// Input of a new payment.
#[derive(Clone, Debug, Default)]
pub struct NewPayment {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Day in the bank.
    pub received_on: NaiveDate,
    /// Incoming amount, öre.
    pub amount: Money,
    /// The bank's own reference.
    pub reference: String,
    /// `true` if it is a different payment from the one with the same amount and a close day that a
    /// bank file reported.
    pub is_another: bool,
}

/// Records a payment of an invoice: full, partial or more than the total. The same reference on the
/// same invoice is the same payment: repeating it changes nothing. The same holds for a payment of
/// that day and sum that a bank file reported, if the reference is the one that a statement shows.
/// A difference up to `limit` is written off. Returns the payment. `errors` are those found while the input was parsed.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; INVALID naming every bad field, also for a
/// draft or a credit note; NOT_FOUND; CONFLICT `PAYMENT_DIFFERS`, `PAYMENT_REVERSED` or
/// `POSSIBLE_DUPLICATE`.
pub async fn record(
    ctx: Context<'_>,
    limit: Money,
    new: NewPayment,
    mut errors: ValidationErrors,
) -> Result<PaymentId> {
    ctx.require(Permission::ManageInvoices)?;
    errors.expect(
        new.amount > Money::ZERO,
        "amount",
        FieldErrorCode::OutOfRange.problem("must be above zero").with("min", 0),
    );
    errors.expect(
        new.received_on <= ctx.clock.today(),
        "received_on",
        FieldErrorCode::TooLate.problem("must not be in the future"),
    );
    let reference = errors.text("reference", &new.reference, LONGEST);

    let mut change = audit::begin(ctx, Action::PaymentRecord).await?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([new.invoice])).await?.writing_off(limit);
    let Some(invoice) = booking.invoice(new.invoice) else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such invoice".into()));
    };
    let is_of_bank = |payment: &&payment::Model| {
        (payment.received_on, payment.amount) == (new.received_on, new.amount)
            && is_shown_as(&payment.reference, &reference)
    };
    let payments = &invoice.payments;
    let same = payments
        .iter()
        .find(|payment| payment.reference == reference)
        .or_else(|| payments.iter().find(is_of_bank))
        .cloned();
    // A repeated payment adds nothing to the paid sum.
    let added = if same.is_some() { Money::ZERO } else { new.amount };
    refuse(&booking.rejections(new.invoice, new.received_on, added), "received_on", &mut errors);
    let (name, payments) = (invoice.name(), invoice.payments.clone());
    errors.finish()?;
    if let Some(same) = same {
        if (same.received_on, same.amount) != (new.received_on, new.amount) {
            let words = format!(
                "{name} has a payment {reference:?} of {} on {} already, and the same reference is the same payment",
                same.amount, same.received_on
            );
            return Err(Error::conflict(ConflictReason::PaymentDiffers, words));
        }
        if payments.iter().any(|payment| payment.reverses_id == Some(same.id)) {
            let words = format!(
                "the payment {reference:?} of {name} was reversed; if it was paid again, record it with a reference of its own"
            );
            return Err(Error::conflict(ConflictReason::PaymentReversed, words));
        }
        change.commit_with(Outcome::of(new.invoice).with(same.id)).await?;
        return Ok(same.id);
    }
    if !new.is_another {
        require_another(
            &ManualPayments::load(&change, &booking, [new.invoice]).await?,
            &new,
            &name,
            &payments,
        )?;
    }
    let id = PaymentId::new();
    booking.add(payment::Model {
        id,
        invoice_id: new.invoice,
        received_on: new.received_on,
        amount: new.amount,
        reference,
        ..payment::Model::default()
    });
    booking.close(&mut change).await?;
    change.commit_with(Outcome::of(new.invoice).with(id)).await?;
    Ok(id)
}

/// Returns `true` if the viewer may record a payment of the invoice, which is issued.
#[must_use]
pub fn can_record(viewer: &Viewer, row: &invoice::Model) -> bool {
    viewer.has(Permission::ManageInvoices) && Rejection::of_document(row).is_none()
}

/// Rejects a payment that may be one that a bank file reported: the same amount, a few days apart.
fn require_another(
    recorded: &ManualPayments,
    new: &NewPayment,
    name: &str,
    payments: &[payment::Model],
) -> Result<()> {
    let is_near = |own: &&payment::Model| {
        own.amount == new.amount
            && (own.received_on - new.received_on).num_days().abs() <= MAX_DAYS_APART
            && recorded.is_of_bank(own.id)
    };
    let Some(own) = counted(payments).find(is_near) else { return Ok(()) };
    let words = format!(
        "{name} has a payment of {} on {} that the bank reported as {:?}, which may be the same; say so if it is a different payment",
        own.amount, own.received_on, own.reference
    );
    Err(Error::conflict(ConflictReason::PossibleDuplicate, words))
}

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
    let today = ctx.clock.today();
    let day = new.reversed_on.unwrap_or(today);
    errors.expect(
        day <= today,
        "reversed_on",
        FieldErrorCode::TooLate.problem("must not be in the future"),
    );
    let reason = errors.text("reason", &new.reason, LINE);

    let mut change = audit::begin(ctx, Action::PaymentReverse).await?;
    let Some(payment) = payment::Entity::find_by_id(new.payment).one(change.tx()).await? else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such payment".into()));
    };
    if day < payment.received_on {
        errors.add(
            "reversed_on",
            FieldErrorCode::TooEarly.problem(format!(
                "must not be before {}, when the payment came in",
                payment.received_on
            )),
        );
    }
    errors.finish()?;
    if payment.reverses_id.is_some() {
        return Err(Error::conflict(
            ConflictReason::IsReversal,
            "this is a reversal itself; record the payment again instead",
        ));
    }
    let earlier = payment::Entity::find()
        .filter(payment::Column::ReversesId.eq(payment.id))
        .one(change.tx())
        .await?;
    if let Some(earlier) = earlier {
        return Err(Error::conflict(
            ConflictReason::PaymentReversed,
            format!("the payment was reversed on {} already", earlier.received_on),
        ));
    }
    Closing::load(change.tx()).await?.require_open(day)?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([payment.invoice_id])).await?.writing_off(limit);
    let stem: String = payment.reference.chars().take(LONGEST).collect();
    let reversal = payment::Model {
        id: PaymentId::new(),
        invoice_id: payment.invoice_id,
        received_on: day,
        amount: -payment.amount,
        reference: format!("{stem}{REVERSED}"),
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
    let after = ::entity::bank_payment::Model {
        matched: before.matched + reversal.amount,
        ..before.clone()
    };
    audit::replace(change, after.clone()).await?;
    let part = bank_payment_part::Model { payment_id: reversal.id, ..part };
    change.record(None, Some(&part))?;
    audit::insert(change, part).await?;
    change.record(Some(&before), Some(&after))
}

/// Returns the reminders of each of these invoices, the earliest first. The caller must have
/// checked that the viewer may read the invoices.
pub async fn reminders_of(db: &Database, invoices: &[InvoiceId]) -> Result<Vec<reminder::Model>> {
    Ok(reminder::Entity::find()
        .filter(among(
            db.backend(),
            Expr::col(reminder::Column::InvoiceId),
            invoices.iter().copied(),
        ))
        .order_by_asc(reminder::Column::SentOn)
        .order_by_asc(reminder::Column::Id)
        .all(db.read())
        .await?)
}
