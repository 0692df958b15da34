//! Payments as the bank's files tell of them: kept for ever, matched with invoices by themselves or
//! by hand, or set aside.

pub mod bookkeeping;
pub mod integrity;
pub mod import;
pub mod listing;
pub mod matching;
pub(crate) mod manual_payments;

use std::{
    cmp::max,
    collections::{BTreeSet, HashMap},
};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::{BankPaymentId, InvoiceId, PaymentId},
    kind::VoucherSource,
    money::Money,
    partial::PartialRow,
    payment,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ConnectionTrait, EntityTrait, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};

use self::manual_payments::{ManualMatch, Part, Recorded};
use super::record;
use crate::invoices::posting::Booking;
use crate::{
    audit::{self, Change},
    auth::viewer::{Permission, Resource, Viewer},
    books::Closing,
    database::{Database, among, rows},
    error::{Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    page::{self, KeyType, Order, Slice},
};

/// Which bank payments; every part narrows the others.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Whether all of it is matched with invoices.
    pub matched: Option<bool>,
    /// Whether it was set aside.
    pub set_aside: Option<bool>,
    /// In the bank on this day or later.
    pub from: Option<NaiveDate>,
    /// In the bank on this day or earlier.
    pub to: Option<NaiveDate>,
}

/// What became of a bank payment so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of it is matched with invoices.
    Matched,
    /// What is left of it is none of the network's business.
    SetAside,
    /// Another bank payment stands for the same money.
    Duplicate,
    /// Somebody must look at it.
    Waiting,
}

/// What became of it so far.
#[must_use]
pub fn state(row: &Model) -> State {
    if row.duplicate_of_id.is_some() {
        State::Duplicate
    } else if row.matched == row.amount {
        State::Matched
    } else if row.set_aside_on.is_some() {
        State::SetAside
    } else {
        State::Waiting
    }
}

/// What of it is not matched; below nought for what the bank took back.
#[must_use]
pub fn left(row: &Model) -> Money {
    row.amount - row.matched
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// The order of bank payments: the latest first.
#[must_use]
pub fn order() -> Order {
    Order {
        name: "BOOKED_ON",
        key: column(Column::BookedOn),
        key_type: KeyType::Day,
        id: column(Column::Id),
        descending: true,
    }
}

/// The bank payments that the viewer sees and the filter lets through: all of them, or none, since
/// one that is not matched is nobody's.
fn matching(viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !viewer.visibility(Resource::Invoices).all {
        select.and_where(Expr::cust("1 = 0"));
    }
    // In the words of the partial indexes.
    let is_matched =
        |matched: bool| Expr::cust(if matched { "matched = amount" } else { "matched <> amount" });
    select
        .and_where_option(filter.matched.map(is_matched))
        .and_where_option(filter.set_aside.map(|aside| {
            Expr::cust(if aside { "set_aside_on IS NOT NULL" } else { "set_aside_on IS NULL" })
        }))
        .and_where_option(filter.from.map(|day| column(Column::BookedOn).gte(day)))
        .and_where_option(filter.to.map(|day| column(Column::BookedOn).lte(day)));
    select
}

/// A page of them, the latest first.
///
/// # Errors
/// INVALID for a bad page.
pub async fn list(
    db: &Database,
    viewer: &Viewer,
    filter: &Filter,
    args: &page::Args,
    columns: &[Column],
) -> Result<Slice<Model>> {
    let mut errors = ValidationErrors::default();
    let order = order();
    let page = page::Page::check(args, &order, &mut errors);
    errors.finish()?;
    page::fetch(db.read(), matching(viewer, filter), columns, &order, &page).await
}

/// How many there are.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(viewer, filter)).await
}

/// Those of these bank payments that the viewer sees, in no order.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn by_ids(
    db: &Database,
    viewer: &Viewer,
    ids: &[BankPaymentId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = matching(viewer, &Filter::default());
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(db.read(), &select, columns).await
}

/// The payments that were made of each of these bank payments, which the viewer must be known to
/// see, and their reversals: by day.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn payments_of(
    db: &Database,
    ids: &[BankPaymentId],
) -> Result<HashMap<BankPaymentId, Vec<payment::Model>>> {
    let part = |column| Expr::col((bank_payment_part::Entity, column));
    let columns = payment::Model::every_column();
    let select = Query::select()
        .columns(columns.iter().map(|column| (payment::Entity, *column)))
        .expr(part(bank_payment_part::Column::BankPaymentId))
        .from(bank_payment_part::Entity)
        .inner_join(
            payment::Entity,
            part(bank_payment_part::Column::PaymentId)
                .equals((payment::Entity, payment::Column::Id)),
        )
        .and_where(among(
            db.backend(),
            part(bank_payment_part::Column::BankPaymentId),
            ids.iter().copied(),
        ))
        .order_by((payment::Entity, payment::Column::ReceivedOn), sea_orm::Order::Asc)
        .order_by((payment::Entity, payment::Column::Id), sea_orm::Order::Asc)
        .take();
    let mut found: HashMap<BankPaymentId, Vec<payment::Model>> = HashMap::new();
    for row in &db.read().query_all(&select).await? {
        found
            .entry(row.try_get_by_index(columns.len())?)
            .or_default()
            .push(payment::Model::read(row, &columns)?);
    }
    Ok(found)
}

/// A bank payment, for a change of it.
pub(crate) async fn find(db: &impl ConnectionTrait, id: BankPaymentId) -> Result<Model> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::NotFound("there is no such bank payment".into()))
}

/// A bank payment to be matched by hand.
#[derive(Clone, Debug, Default)]
pub struct Match {
    /// The bank payment.
    pub payment: BankPaymentId,
    /// The invoice that it pays.
    pub invoice: InvoiceId,
    /// How much of it; null: all that is left.
    pub amount: Option<Money>,
    /// Day in the books; null: the bank's day, or today for money of an earlier month or that was
    /// given back by a reversal. Never a day of a closed period.
    pub booked_on: Option<NaiveDate>,
    /// The payment that somebody recorded of it already; null: none, or as the days and sums tell.
    pub recorded: Option<PaymentId>,
}

/// Matches a bank payment, or some of it, with an invoice: it is booked there as a payment of the
/// same day, or of the day of issue when the money came before that. A payment of that day and sum
/// that somebody recorded by hand is taken for it. In the books it stands on a day of its own, so
/// that what was reported of earlier months stays true. A difference up to `limit` is written off.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `NOT_INCOMING`, `ALREADY_MATCHED`, `SET_ASIDE` or `DUPLICATE`, or `PERIOD_CLOSED` when
/// `booked_on` is a day of a closed period, or the payment that was recorded manually, named or
/// not, is of one and of no export batch.
pub async fn match_with(
    db: &Database,
    viewer: &Viewer,
    limit: Money,
    new: Match,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(db, viewer, "bankPaymentMatch").await?;
    if !errors.is_empty() {
        return errors.finish();
    }
    let before = find(change.tx(), new.payment).await?;
    if before.amount < Money::ZERO {
        return Err(Error::conflict(
            "NOT_INCOMING",
            "this is below zero and pays no invoice: reverse the payment that the bank took back, or match less of what the payer deducted it from, and set this aside",
        ));
    }
    match state(&before) {
        State::Matched => {
            return Err(Error::conflict(
                "ALREADY_MATCHED",
                "all of this bank payment is matched; reverse a payment that was made of it first",
            ));
        }
        State::SetAside => {
            return Err(Error::conflict(
                "SET_ASIDE",
                "this bank payment was set aside; take it up again first",
            ));
        }
        State::Duplicate => return Err(duplicate()),
        State::Waiting => {}
    }
    let mut booking =
        Booking::open(&change, BTreeSet::from([new.invoice])).await?.writing_off(limit);
    let Some(invoice) = booking.invoice(new.invoice) else {
        return Err(Error::NotFound("there is no such invoice".into()));
    };
    let day = invoice
        .row
        .issued_on
        .map_or(before.booked_on, |issued_on| max(issued_on, before.booked_on));
    let left = left(&before);
    let amount = new.amount.unwrap_or(left);
    errors.expect(amount > Money::ZERO, "input.amount", "must be above zero");
    if amount > left {
        errors.add("input.amount", format!("must be at most {left}, which is what is left of it"));
    }
    let mut recorded = Recorded::load(&change, &booking, [new.invoice]).await?;
    // What was recorded already adds nothing to what has come in.
    let added = if new.recorded.is_some() { Money::ZERO } else { amount };
    record::refuse(&booking.rejections(new.invoice, day, added), "input.invoice", &mut errors);
    if let Some(id) = new.recorded {
        let aggregate = booking
            .invoice(new.invoice)
            .map(|aggregate| &aggregate.payments[..])
            .unwrap_or_default();
        let own = record::counted(aggregate).find(|payment| payment.id == id);
        let is_free =
            own.is_some_and(|payment| !recorded.is_of_bank(id) && payment.amount == amount);
        errors.expect(
            is_free,
            "input.recordedPayment",
            "must be a payment of the invoice with the same amount that no file of the bank told of",
        );
    }
    let today = db.clock.today();
    let earliest = max(day, before.day_in_books());
    let earliest =
        free_from(&change, &before).await?.map_or(earliest, |freed| max(earliest, freed));
    let is_late = (earliest.year(), earliest.month()) != (today.year(), today.month());
    let booked_on = new.booked_on.unwrap_or(if is_late { today } else { earliest });
    errors.expect(booked_on <= today, "input.bookedOn", "must not be in the future");
    let closing = Closing::load(change.tx()).await?;
    let is_closed = new.booked_on.is_some_and(|day| closing.is_closed(day));
    if booked_on < earliest && !is_closed {
        errors.add(
            "input.bookedOn",
            format!("must not be before {earliest}, since when there is this to be matched"),
        );
    }
    errors.finish()?;
    if is_closed {
        closing.require_open(booked_on)?;
    }
    let linked =
        new.recorded.or_else(|| manual(&booking, &recorded, &before, new.invoice, (day, amount)));
    if let Some(own) = linked.and_then(|id| booking.payment(new.invoice, id)) {
        require_linkable(&change, closing, &before, own).await?;
    }
    let part = match new.recorded {
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

/// Refuses to link a row with a payment that was recorded manually where that would change what a
/// closed day has of either.
async fn require_linkable(
    change: &Change,
    closing: Closing,
    row: &Model,
    own: &payment::Model,
) -> Result<()> {
    let (of_row, of_payment) =
        ((VoucherSource::BankPayment, row.id.into()), (VoucherSource::Payment, own.id.into()));
    bookkeeping::require_correctable(change.tx(), closing, of_row, row.day_in_books()).await?;
    // One of the bank's own day stays on the bank's account when its row came after that day was
    // closed.
    let is_own_day = row.posted_on.is_some() && own.day_in_books() == row.booked_on;
    if is_own_day && !bookkeeping::has_voucher(change.tx(), of_row).await? {
        return Ok(());
    }
    bookkeeping::require_correctable(change.tx(), closing, of_payment, own.day_in_books()).await
}

fn duplicate() -> Error {
    let words = "another bank payment stands for the same money (duplicateOf): match that one, or take this one up again first";
    Error::conflict("DUPLICATE", words)
}

/// The last day in the books on which some of a bank payment was given back by a reversal; null:
/// nothing was.
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

/// Returns the payment that was recorded manually of so much of a bank payment on a day; `None`
/// when none was.
fn manual(
    booking: &Booking,
    recorded: &Recorded,
    row: &Model,
    invoice: InvoiceId,
    (day, amount): (NaiveDate, Money),
) -> Option<PaymentId> {
    let part = Part { bank_reference: &row.bank_reference, day, amount };
    match booking.invoice(invoice).map(|aggregate| recorded.of(aggregate, part)) {
        Some(ManualMatch::Payment(id) | ManualMatch::Unclear(Some(id))) => Some(id),
        _ => None,
    }
}

/// Books some of a bank payment on an invoice on a day (its own, and that in the books), or takes
/// for it the payment that somebody recorded by hand. What is booked has the bank's reference
/// there, with a count when that is taken by one that was reversed.
fn book(
    booking: &mut Booking,
    recorded: &mut Recorded,
    row: &Model,
    invoice: InvoiceId,
    amount: Money,
    (day, booked_on): (NaiveDate, NaiveDate),
) -> bank_payment_part::Model {
    let payments =
        booking.invoice(invoice).map(|aggregate| &aggregate.payments[..]).unwrap_or_default();
    let manual = manual(booking, recorded, row, invoice, (day, amount));
    // Not the default id, which is that of nothing.
    #[expect(clippy::unwrap_or_default, reason = "`new` draws an id")]
    let id = manual.unwrap_or_else(PaymentId::new);
    recorded.add(id);
    if manual.is_none() {
        let taken = |reference: &str| payments.iter().any(|payment| payment.reference == reference);
        let mut reference = row.bank_reference.clone();
        let mut count = 1;
        while taken(&reference) {
            count += 1;
            reference = format!("{} nr {count}", row.bank_reference);
        }
        let booked_on = Some(booked_on).filter(|booked_on| *booked_on != day);
        booking.add(payment::Model {
            id,
            invoice_id: invoice,
            received_on: day,
            amount,
            reference,
            booked_on,
            ..payment::Model::default()
        });
    }
    bank_payment_part::Model { payment_id: id, bank_payment_id: row.id }
}

/// Sets aside what is left of a bank payment, since it pays no invoice.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `ALREADY_MATCHED`, `SET_ASIDE` or `DUPLICATE`.
pub async fn set_aside(
    db: &Database,
    viewer: &Viewer,
    id: BankPaymentId,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    let reason = errors.text("input.reason", reason, LINE);
    errors.finish()?;
    let change = audit::begin(db, viewer, "bankPaymentSetAside").await?;
    let before = find(change.tx(), id).await?;
    match state(&before) {
        State::Matched => {
            return Err(Error::conflict(
                "ALREADY_MATCHED",
                "all of this bank payment is matched, and nothing is left to be set aside",
            ));
        }
        State::SetAside => {
            return Err(Error::conflict("SET_ASIDE", "this bank payment was set aside already"));
        }
        State::Duplicate => return Err(duplicate()),
        State::Waiting => {}
    }
    let after = Model {
        set_aside_on: Some(db.clock.today()),
        set_aside_reason: Some(reason),
        ..before.clone()
    };
    replace(change, &before, after).await
}

/// Takes up a bank payment again that was set aside, or that was found to be of the same money as
/// another.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, INVALID for a bad id, NOT_FOUND, CONFLICT
/// `NOT_SET_ASIDE`, `IS_REFUND` for a refund that was not reversed, `IN_DETAILS` for a total whose
/// payments count in its place, `IN_TOTAL` for a payment whose total counts in its place, or
/// `PERIOD_CLOSED` for a duplicate whose voucher is of a closed day and of no export batch.
pub async fn take_up(
    db: &Database,
    viewer: &Viewer,
    id: BankPaymentId,
    errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    errors.finish()?;
    let change = audit::begin(db, viewer, "bankPaymentTakeUp").await?;
    let before = find(change.tx(), id).await?;
    if before.set_aside_on.is_none() {
        return Err(Error::conflict("NOT_SET_ASIDE", "this bank payment was not set aside"));
    }
    if !bookkeeping::refunds(change.tx(), &BTreeSet::from([id])).await?.is_empty() {
        return Err(Error::conflict(
            "IS_REFUND",
            "this bank payment is matched as a refund; reverse the refund instead",
        ));
    }
    if let Some(other) = before.duplicate_of_id {
        require_other_entry(&before, &find(change.tx(), other).await?)?;
    }
    let mut after = Model {
        set_aside_on: None,
        set_aside_reason: None,
        duplicate_of_id: None,
        ..before.clone()
    };
    if before.duplicate_of_id.is_some() {
        let closing = Closing::load(change.tx()).await?;
        bookkeeping::require_markable(change.tx(), closing, &before).await?;
        // It counts from now on, and on no closed day.
        after.posted_on = closing.booked_on(before.day_in_books()).or(before.posted_on);
    }
    replace(change, &before, after).await
}

/// Refuses to reopen a total that is reported payment by payment, and a payment of an entry whose
/// total counts: both would count twice.
fn require_other_entry(row: &Model, other: &Model) -> Result<()> {
    let is_total_of = |total: &Model, part: &Model| {
        total.entry_reference.is_none()
            && part.entry_reference.as_deref() == Some(total.bank_reference.as_str())
    };
    if is_total_of(row, other) {
        let words = "the bank reported this total payment by payment, and those payments count in its place: match them";
        return Err(Error::conflict("IN_DETAILS", words));
    }
    if is_total_of(other, row) {
        let words = "the total of the entry that this payment is part of counts in its place: match the total, in parts if need be";
        return Err(Error::conflict("IN_TOTAL", words));
    }
    Ok(())
}

/// Writes a bank payment as it is now, and commits.
pub(crate) async fn replace(mut change: Change, before: &Model, after: Model) -> Result<()> {
    audit::replace(&change, after.clone()).await?;
    change.record(Some(before), Some(&after))?;
    change.commit_with(before.id).await
}
