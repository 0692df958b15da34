//! What has come in on invoices, and the reminders of what has not.

use std::collections::{BTreeSet, HashSet};

use ::entity::{
    bank_payment_part,
    id::{InvoiceId, PaymentId},
    money::Money,
    payment, reminder,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use super::bank::{
    self,
    manual_payments::{DAYS_APART, Recorded, shows},
};
use crate::invoices::posting::{Booking, Rejection};
use crate::{
    audit::{self, Change},
    auth::viewer::{Permission, Viewer},
    books::Closing,
    database::{Database, among},
    error::{Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
};

/// What the reference of a reversal has after that of the payment, in the members' own language:
/// they see it too.
pub const REVERSED: &str = " (återförd)";
/// The longest reference of a payment, in characters, so that its reversal's is a line too.
pub const LONGEST: usize = LINE - 20;

/// A payment to be recorded.
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
    /// `true` if it is another payment than the one of the same amount about the same day that a
    /// file of the bank told of.
    pub is_another: bool,
}

/// Records a payment of an invoice, whole, in part or beyond what was to be paid. The same
/// reference on the same invoice is the same payment: again, it changes nothing. A difference up to
/// `limit` is written off. So is what a file of the bank told of that day and sum with the
/// reference that a statement shows. `errors` are those that reading the input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, INVALID naming every bad field, also for a draft
/// or a credit note, NOT_FOUND, CONFLICT `PAYMENT_DIFFERS`, `PAYMENT_REVERSED` or
/// `POSSIBLE_DUPLICATE`.
pub async fn record(
    db: &Database,
    viewer: &Viewer,
    limit: Money,
    new: NewPayment,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    errors.expect(new.amount > Money::ZERO, "input.amount", "must be above zero");
    errors.expect(
        new.received_on <= db.clock.today(),
        "input.receivedOn",
        "must not be in the future",
    );
    let reference = errors.text("input.reference", &new.reference, LONGEST);

    let mut change = audit::begin(db, viewer, "paymentRecord").await?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([new.invoice])).await?.writing_off(limit);
    let Some(invoice) = booking.invoice(new.invoice) else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such invoice".into()));
    };
    let is_of_bank = |payment: &&payment::Model| {
        (payment.received_on, payment.amount) == (new.received_on, new.amount)
            && shows(&payment.reference, &reference)
    };
    let payments = &invoice.payments;
    let same = payments
        .iter()
        .find(|payment| payment.reference == reference)
        .or_else(|| payments.iter().find(is_of_bank))
        .cloned();
    // The same again adds nothing to what has come in.
    let added = if same.is_some() { Money::ZERO } else { new.amount };
    refuse(
        &booking.rejections(new.invoice, new.received_on, added),
        "input.receivedOn",
        &mut errors,
    );
    let (name, payments) = (invoice.name(), invoice.payments.clone());
    errors.finish()?;
    if let Some(same) = same {
        if (same.received_on, same.amount) != (new.received_on, new.amount) {
            let words = format!(
                "{name} has a payment {reference:?} of {} on {} already, and the same reference is the same payment",
                same.amount, same.received_on
            );
            return Err(Error::conflict("PAYMENT_DIFFERS", words));
        }
        if payments.iter().any(|payment| payment.reverses_id == Some(same.id)) {
            let words = format!(
                "the payment {reference:?} of {name} was reversed; if it came in again after all, record it with a reference of its own"
            );
            return Err(Error::conflict("PAYMENT_REVERSED", words));
        }
        return change.commit_with(Outcome::of(new.invoice).with(same.id)).await;
    }
    if !new.is_another {
        require_another(
            &Recorded::load(&change, &booking, [new.invoice]).await?,
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
    change.commit_with(Outcome::of(new.invoice).with(id)).await
}

/// Refuses a payment that may be one that a file of the bank told of: the same amount, a few days
/// apart.
fn require_another(
    recorded: &Recorded,
    new: &NewPayment,
    name: &str,
    payments: &[payment::Model],
) -> Result<()> {
    let is_near = |own: &&payment::Model| {
        own.amount == new.amount
            && (own.received_on - new.received_on).num_days().abs() <= DAYS_APART
            && recorded.is_of_bank(own.id)
    };
    let Some(own) = counted(payments).find(is_near) else { return Ok(()) };
    let words = format!(
        "{name} has a payment of {} on {} that the bank told of as {:?}: it may be the same; record it with isAnother if it is another",
        own.amount, own.received_on, own.reference
    );
    Err(Error::conflict("POSSIBLE_DUPLICATE", words))
}

/// Notes what hinders a payment; its day is read from the field `day`.
pub(super) fn refuse(rejections: &[Rejection], day: &str, errors: &mut ValidationErrors) {
    for rejection in rejections {
        match rejection {
            Rejection::CreditNote => {
                errors.add("input.invoice", "must be an invoice: a credit note is never paid")
            }
            Rejection::Draft => {
                errors.add("input.invoice", "must be issued: a draft can't be paid")
            }
            Rejection::IssuedOn(issued_on) => errors
                .add(day, format!("must not be before {issued_on}, when the invoice was issued")),
            Rejection::TooMuch => errors.add(
                "input.amount",
                format!("makes the invoice's payments come to more than {} kronor", Money::MAX),
            ),
        }
    }
}

/// A payment to be reversed.
#[derive(Clone, Debug, Default)]
pub struct Reversal {
    /// The payment.
    pub payment: PaymentId,
    /// The day that it counts from, never one of a closed period; null: today.
    pub reversed_on: Option<NaiveDate>,
    /// Reason.
    pub reason: String,
}

/// Takes a payment back that was booked wrongly or that the bank took back: by a payment of the
/// same sum below nought, on a day of its own, so that what was reported of earlier days stays
/// true. A payment of the bank's files is then there to be matched again. Answers its invoice.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `PAYMENT_REVERSED`, `IS_REVERSAL`, or `PERIOD_CLOSED` when `reversed_on` is a day of a
/// closed period.
pub async fn reverse(
    db: &Database,
    viewer: &Viewer,
    limit: Money,
    new: Reversal,
    mut errors: ValidationErrors,
) -> Result<InvoiceId> {
    viewer.require(Permission::ManageInvoices)?;
    let today = db.clock.today();
    let day = new.reversed_on.unwrap_or(today);
    errors.expect(day <= today, "input.reversedOn", "must not be in the future");
    let reason = errors.text("input.reason", &new.reason, LINE);

    let mut change = audit::begin(db, viewer, "paymentReverse").await?;
    let Some(payment) = payment::Entity::find_by_id(new.payment).one(change.tx()).await? else {
        errors.finish()?;
        return Err(Error::NotFound("there is no such payment".into()));
    };
    if day < payment.received_on {
        errors.add(
            "input.reversedOn",
            format!("must not be before {}, when the payment came in", payment.received_on),
        );
    }
    errors.finish()?;
    if payment.reverses_id.is_some() {
        return Err(Error::conflict(
            "IS_REVERSAL",
            "this takes a payment back itself; record the payment anew instead",
        ));
    }
    let earlier = payment::Entity::find()
        .filter(payment::Column::ReversesId.eq(payment.id))
        .one(change.tx())
        .await?;
    if let Some(earlier) = earlier {
        return Err(Error::conflict(
            "PAYMENT_REVERSED",
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
    give_back(&mut change, &payment, &reversal).await?;
    change.commit_with(Outcome::of(payment.invoice_id).with(reversal.id)).await?;
    Ok(payment.invoice_id)
}

/// Gives a reversed payment back to the bank payment that it was made of.
async fn give_back(
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

/// Those of an invoice's payments that count for when it was paid: one that was reversed never came
/// in, whatever the day on which it was.
pub fn counted(payments: &[payment::Model]) -> impl Iterator<Item = &payment::Model> {
    let reversed: HashSet<PaymentId> =
        payments.iter().filter_map(|payment| payment.reverses_id).collect();
    payments
        .iter()
        .filter(move |payment| payment.reverses_id.is_none() && !reversed.contains(&payment.id))
}

/// The order in which payments of an invoice pay it.
#[must_use]
pub fn order(payment: &payment::Model) -> (InvoiceId, NaiveDate, &str) {
    (payment.invoice_id, payment.received_on, &payment.reference)
}

/// The payments of each of these invoices, which the viewer must be known to see, the first one
/// first.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn of_invoices(db: &Database, invoices: &[InvoiceId]) -> Result<Vec<payment::Model>> {
    Ok(payment::Entity::find()
        .filter(among(
            db.backend(),
            Expr::col(payment::Column::InvoiceId),
            invoices.iter().copied(),
        ))
        .order_by_asc(payment::Column::ReceivedOn)
        .order_by_asc(payment::Column::Id)
        .all(db.read())
        .await?)
}

/// The reminders of each of these invoices, which the viewer must be known to see, the first one
/// first.
///
/// # Errors
/// INTERNAL when the database fails.
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
