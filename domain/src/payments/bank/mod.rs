//! Payments as reported by bank files: stored permanently, matched with invoices automatically or
//! manually, or excluded.

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

use self::manual_payments::{ManualMatch, ManualPayments, Part};
use super::rejections;
use crate::invoices::{counted_payments, posting::Booking};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::{Permission, Resource, Viewer},
    books::Closing,
    database::{Database, among, rows},
    error::{ConflictReason, Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    page::{self, KeyType, Order, Slice},
};

/// Filter of bank payments; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `true`: fully matched with invoices; `false`: not.
    pub matched: Option<bool>,
    /// `true`: excluded from matching; `false`: not.
    pub set_aside: Option<bool>,
    /// In the bank on this day or later.
    pub from: Option<NaiveDate>,
    /// In the bank on this day or earlier.
    pub to: Option<NaiveDate>,
}

/// State of a bank payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Fully matched with invoices.
    Matched,
    /// Excluded: the rest of it pays no invoice.
    SetAside,
    /// Another bank payment stands for the same money.
    Duplicate,
    /// Waits for a user.
    Waiting,
}

/// Returns the state of a bank payment.
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

/// Returns the sum that is not matched; negative for a return by the bank.
#[must_use]
pub fn left(row: &Model) -> Money {
    row.amount - row.matched
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Returns the order of bank payments: the latest first.
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

/// Selects the bank payments that the viewer may read and that match the filter. A viewer may read
/// all of them or none, since an unmatched payment belongs to no member.
fn matching(viewer: &Viewer, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !viewer.visibility(Resource::Invoices).all {
        select.and_where(Expr::cust("1 = 0"));
    }
    // The same expressions as in the partial indexes, so that they are used.
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

/// Returns a page of bank payments, the latest first.
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

/// Counts the bank payments that match the filter.
pub async fn count(db: &Database, viewer: &Viewer, filter: &Filter) -> Result<i64> {
    page::count(db.read(), matching(viewer, filter)).await
}

/// Returns those of these bank payments that the viewer may read, in no order.
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

/// Returns the payments made from each of these bank payments, and their reversals, by day. The
/// caller must have checked that the viewer may read the bank payments.
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

/// Returns a bank payment, for a change of it.
pub(crate) async fn find(db: &impl ConnectionTrait, id: BankPaymentId) -> Result<Model> {
    let found = Entity::find_by_id(id).one(db).await?;
    found.ok_or_else(|| Error::NotFound("there is no such bank payment".into()))
}

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
/// CONFLICT `NOT_INCOMING`, `ALREADY_MATCHED`, `SET_ASIDE` or `DUPLICATE`, or `PERIOD_CLOSED` if
/// `booked_on` is a day of a closed period, or if the manually recorded payment, named or not, is
/// of a closed day and of no export batch.
pub async fn match_with(
    db: &Database,
    viewer: &Viewer,
    limit: Money,
    new: Match,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(db, viewer, Action::BankPaymentMatch).await?;
    if !errors.is_empty() {
        return errors.finish();
    }
    let before = find(change.tx(), new.payment).await?;
    require_matchable(&before)?;
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
    errors.expect(amount > Money::ZERO, "amount", "must be above zero");
    if amount > left {
        errors.add("amount", format!("must be at most {left}, the unmatched rest"));
    }
    let mut recorded = ManualPayments::load(&change, &booking, [new.invoice]).await?;
    // A payment that is recorded already adds nothing to the paid sum.
    let added = if new.recorded_payment.is_some() { Money::ZERO } else { amount };
    rejections::refuse(&booking.rejections(new.invoice, day, added), "invoice", &mut errors);
    if let Some(id) = new.recorded_payment {
        errors.expect(
            is_free(&booking, &recorded, (new.invoice, id), amount),
            "recorded_payment",
            "must be a payment of the invoice with the same amount that no bank file has reported",
        );
    }
    let today = db.clock.today();
    let earliest = max(day, before.day_in_books());
    let earliest =
        free_from(&change, &before).await?.map_or(earliest, |freed| max(earliest, freed));
    let is_late = (earliest.year(), earliest.month()) != (today.year(), today.month());
    let booked_on = new.booked_on.unwrap_or(if is_late { today } else { earliest });
    errors.expect(booked_on <= today, "booked_on", "must not be in the future");
    let closing = Closing::load(change.tx()).await?;
    let is_closed = new.booked_on.is_some_and(|day| closing.is_closed(day));
    if booked_on < earliest && !is_closed {
        errors.add(
            "booked_on",
            format!(
                "must not be before {earliest}, the first day on which this sum can be matched"
            ),
        );
    }
    errors.finish()?;
    if is_closed {
        closing.require_open(booked_on)?;
    }
    let linked = new
        .recorded_payment
        .or_else(|| manual(&booking, &recorded, &before, new.invoice, (day, amount)));
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

/// Fails with `NOT_INCOMING`, `ALREADY_MATCHED`, `SET_ASIDE` or `DUPLICATE` unless a bank payment
/// can be matched.
fn require_matchable(row: &Model) -> Result<()> {
    if row.amount < Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NotIncoming,
            "a negative bank payment pays no invoice; reverse the payment that the bank returned, or match less of the payment that it was deducted from, and exclude this one",
        ));
    }
    match state(row) {
        State::Matched => Err(Error::conflict(
            ConflictReason::AlreadyMatched,
            "this bank payment is fully matched; reverse one of its payments first",
        )),
        State::SetAside => Err(Error::conflict(
            ConflictReason::SetAside,
            "this bank payment is excluded; reopen it first",
        )),
        State::Duplicate => Err(duplicate()),
        State::Waiting => Ok(()),
    }
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

fn duplicate() -> Error {
    let words =
        "another bank payment stands for the same money; match that one, or reopen this one first";
    Error::conflict(ConflictReason::Duplicate, words)
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

/// Returns the manually recorded payment of this part of a bank payment on a day; `None` if there
/// is none.
fn manual(
    booking: &Booking,
    recorded: &ManualPayments,
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

/// Books a part of a bank payment on an invoice on a day (its own, and that in the books), or links
/// the manually recorded payment. The booked payment has the bank's reference, with a counter if a
/// reversed payment has the same reference.
fn book(
    booking: &mut Booking,
    recorded: &mut ManualPayments,
    row: &Model,
    invoice: InvoiceId,
    amount: Money,
    (day, booked_on): (NaiveDate, NaiveDate),
) -> bank_payment_part::Model {
    let payments =
        booking.invoice(invoice).map(|aggregate| &aggregate.payments[..]).unwrap_or_default();
    let manual = manual(booking, recorded, row, invoice, (day, amount));
    // Not `default()`, which is the nil id.
    #[expect(clippy::unwrap_or_default, reason = "the default is the nil id")]
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

/// Excludes the rest of a bank payment, since it pays no invoice.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `ALREADY_MATCHED`, `SET_ASIDE` or `DUPLICATE`.
pub async fn set_aside(
    db: &Database,
    viewer: &Viewer,
    id: BankPaymentId,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    let reason = errors.text("reason", reason, LINE);
    errors.finish()?;
    let change = audit::begin(db, viewer, Action::BankPaymentSetAside).await?;
    let before = find(change.tx(), id).await?;
    match state(&before) {
        State::Matched => {
            return Err(Error::conflict(
                ConflictReason::AlreadyMatched,
                "this bank payment is fully matched; nothing remains to exclude",
            ));
        }
        State::SetAside => {
            return Err(Error::conflict(
                ConflictReason::SetAside,
                "this bank payment is excluded already",
            ));
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

/// Reopens a bank payment that was excluded or marked as a duplicate.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID for a bad id, NOT_FOUND, CONFLICT
/// `NOT_SET_ASIDE`, `IS_REFUND` for a refund that was not reversed, `IN_DETAILS` for a total whose
/// payments count instead, `IN_TOTAL` for a payment whose total counts instead, or `PERIOD_CLOSED`
/// for a duplicate whose voucher is of a closed day and of no export batch.
pub async fn take_up(
    db: &Database,
    viewer: &Viewer,
    id: BankPaymentId,
    errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageInvoices)?;
    errors.finish()?;
    let change = audit::begin(db, viewer, Action::BankPaymentTakeUp).await?;
    let before = find(change.tx(), id).await?;
    if before.set_aside_on.is_none() {
        return Err(Error::conflict(
            ConflictReason::NotSetAside,
            "this bank payment is not excluded",
        ));
    }
    if !bookkeeping::refunds(change.tx(), &BTreeSet::from([id])).await?.is_empty() {
        return Err(Error::conflict(
            ConflictReason::IsRefund,
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
        // It counts from now on, and never on a closed day.
        after.posted_on = closing.booked_on(before.day_in_books()).or(before.posted_on);
    }
    replace(change, &before, after).await
}

/// Rejects reopening a total that is reported payment by payment, or a payment of an entry whose
/// total counts: both would count twice.
fn require_other_entry(row: &Model, other: &Model) -> Result<()> {
    let is_total_of = |total: &Model, part: &Model| {
        total.entry_reference.is_none()
            && part.entry_reference.as_deref() == Some(total.bank_reference.as_str())
    };
    if is_total_of(row, other) {
        let words = "the bank reported this total payment by payment, and those payments count instead; match them";
        return Err(Error::conflict(ConflictReason::InDetails, words));
    }
    if is_total_of(other, row) {
        let words = "the total of this payment's entry counts instead; match the total, in parts if necessary";
        return Err(Error::conflict(ConflictReason::InTotal, words));
    }
    Ok(())
}

/// Writes the changed bank payment and commits.
pub(crate) async fn replace(mut change: Change, before: &Model, after: Model) -> Result<()> {
    audit::replace(&change, after.clone()).await?;
    change.record(Some(before), Some(&after))?;
    change.commit_with(before.id).await
}
