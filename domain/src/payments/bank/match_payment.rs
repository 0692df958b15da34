//! Manual match of a bank payment with an invoice.

use std::{cmp::max, collections::BTreeSet};

use ::entity::{
    bank_payment::Model,
    bank_payment_part,
    dated_amount::DatedAmount,
    id::{BankPaymentId, InvoiceId, PaymentId},
    kind::VoucherSource,
    money::Money,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{
    ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query},
};

use super::{
    booking::{book, manual},
    bookkeeping, loading,
    manual_payments::ManualPayments,
    match_checks::{check_amount, check_day},
    status,
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    books::Closing,
    context::Context,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::{counted_payments, posting::Booking},
    payments::{bank, booking_day, rejections},
};

/// Input of a manual match.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// The bank payment.
    pub payment: BankPaymentId,
    /// Invoice to match it with.
    pub invoice: InvoiceId,
    /// Amount to match; null: the unmatched rest.
    pub amount: Option<Money>,
    /// Day in the books. Null: the bank's day, or today for money of an earlier month or money that
    /// a reversal returned. Never a day of a closed period.
    pub booked_on: Option<NaiveDate>,
    /// Payment of the same money that was recorded manually; null: none, or found by day and sum.
    pub recorded_payment: Option<PaymentId>,
}

/// Matches a bank payment, or a part of it, with an invoice. It is booked there as a payment of the
/// same day, or of the day of issue if the money came before that. A manually recorded payment of
/// that day and sum is linked instead. Its day in the books is separate, so that reports of earlier
/// months stay true. A difference up to `limit` is written off.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `NOT_INCOMING`, `ALREADY_MATCHED`, `EXCLUDED` or `DUPLICATE`, or `PERIOD_CLOSED` if
/// `booked_on` is a day of a closed period, or if the manually recorded payment, named or not, is
/// of a closed day and of no export batch.
pub async fn match_payment(
    ctx: Context<'_>,
    limit: Money,
    new: Match,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::BankPaymentMatch).await?;
    if !errors.is_empty() {
        return errors.finish();
    }
    let before = bank::find(change.tx(), new.payment).await?;
    status::require_matchable(&before)?;
    let mut booking =
        Booking::open(&change, BTreeSet::from([new.invoice])).await?.writing_off(limit);
    let Some(invoice) = booking.invoice(new.invoice) else {
        return Err(Error::missing("invoice_id", "there is no such invoice"));
    };
    let day = invoice
        .row
        .issued_on
        .map_or(before.booked_on, |issued_on| max(issued_on, before.booked_on));
    let left = bank::left(&before);
    let amount = new.amount.unwrap_or(left);
    check_amount(amount, left, &mut errors);
    let mut recorded = loading::manual_payments(&change, &booking, [new.invoice]).await?;
    // A payment that is recorded already adds nothing to the paid sum.
    let added = if new.recorded_payment.is_some() { Money::ZERO } else { amount };
    rejections::refuse(&booking.rejections(new.invoice, day, added), "invoice_id", &mut errors);
    if let Some(id) = new.recorded_payment {
        errors.expect(
            is_free(&booking, &recorded, (new.invoice, id), amount),
            "recorded_payment_id",
            FieldErrorCode::Mismatch.problem("must be a payment of the invoice with the same amount that no bank file has reported"),
        );
    }
    let today = ctx.clock.today();
    let released_on = free_from(&change, &before).await?;
    let earliest = booking_day::earliest(day, before.day_in_books(), released_on);
    let booked_on = new.booked_on.unwrap_or_else(|| booking_day::default(earliest, today));
    let closing = Closing::load(change.tx()).await?;
    let is_closed = new.booked_on.is_some_and(|day| closing.is_closed(day));
    check_day(booked_on, (earliest, today), is_closed, &mut errors);
    errors.finish()?;
    if is_closed {
        closing.require_open(booked_on)?;
    }
    let linked = new.recorded_payment.or_else(|| {
        manual(&booking, &recorded, &before, new.invoice, DatedAmount::new(day, amount))
    });
    if let Some(own) = linked.and_then(|id| booking.payment(new.invoice, id)) {
        require_linkable(&change, closing, &before, own).await?;
    }
    let part = match new.recorded_payment {
        Some(id) => bank_payment_part::Model { payment_id: id, bank_payment_id: before.id },
        None => book(&mut booking, &mut recorded, &before, new.invoice, amount, (day, booked_on)),
    };
    booking.close(&mut change).await?;
    let after = Model { matched: before.matched + amount, ..before.clone() };
    audit::replace(&change, after.clone()).await?;
    let outcome = Outcome::of(before.id).with(part.payment_id).with(new.invoice);
    change.record(None, Some(&part))?;
    audit::insert(&change, part).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(outcome).await
}

/// `true` if a payment of an invoice has this amount, counts, and no bank file has reported it.
fn is_free(
    booking: &Booking,
    recorded: &ManualPayments,
    (invoice, id): (InvoiceId, PaymentId),
    amount: Money,
) -> bool {
    let payments =
        booking.invoice(invoice).map(|aggregate| &aggregate.payments[..]).unwrap_or_default();
    let own = counted_payments::counted(payments).find(|payment| payment.id == id);
    own.is_some_and(|payment| !recorded.is_of_bank(id) && payment.amount == amount)
}

/// Rejects linking a row with a manually recorded payment if that would change a closed day of
/// either.
async fn require_linkable(
    change: &Change,
    closing: Closing,
    row: &Model,
    own: &payment::Model,
) -> Result<()> {
    let (of_row, of_payment) =
        ((VoucherSource::BankPayment, row.id.into()), (VoucherSource::Payment, own.id.into()));
    bookkeeping::require_correctable(change.tx(), closing, of_row, row.day_in_books()).await?;
    // A payment of the bank's own day stays on the bank's account if its row came after that day
    // was closed.
    let is_own_day = row.posted_on.is_some() && own.day_in_books() == row.booked_on;
    if is_own_day && !bookkeeping::has_voucher(change.tx(), of_row).await? {
        return Ok(());
    }
    bookkeeping::require_correctable(change.tx(), closing, of_payment, own.day_in_books()).await
}

/// Returns the last day in the books on which a reversal returned a part of a bank payment; `None`
/// if there is none.
async fn free_from(change: &Change, row: &Model) -> Result<Option<NaiveDate>> {
    let part = |column| Expr::col((bank_payment_part::Entity, column));
    let own = |column: payment::Column| Expr::col((payment::Entity, column));
    let day_in_books = Expr::from(Func::coalesce([
        own(payment::Column::BookedOn),
        own(payment::Column::ReceivedOn),
    ]));
    let select = Query::select()
        .expr(day_in_books.max())
        .from(bank_payment_part::Entity)
        .inner_join(
            payment::Entity,
            part(bank_payment_part::Column::PaymentId)
                .equals((payment::Entity, payment::Column::Id)),
        )
        .and_where(part(bank_payment_part::Column::BankPaymentId).eq(row.id))
        .and_where(Expr::col((payment::Entity, payment::Column::ReversesId)).is_not_null())
        .take();
    let found = change.tx().query_one(&select).await?;
    Ok(found.map(|row| row.try_get_by_index(0)).transpose()?.flatten())
}
