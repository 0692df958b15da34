//! Payments as reported by bank files: stored permanently, matched with invoices automatically or
//! manually, or excluded.

pub mod bookkeeping;
pub mod integrity;
pub mod import;
pub mod listing;
pub mod matching;
pub(crate) mod manual_payments;
pub mod status;

use std::{
    cmp::max,
    collections::{BTreeSet, HashMap},
};

use ::entity::{
    bank_payment::{Column, Entity, Model},
    bank_payment_part,
    id::{BankPaymentId, InvoiceId, PaymentId},
    kind::{BankFinding, VoucherSource},
    money::Money,
    partial::PartialRow,
    payment,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};

use self::manual_payments::{ManualMatch, ManualPayments, Part};
pub use self::status::{State, state};
use super::rejections;
use crate::invoices::{counted_payments, posting::Booking};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::{Permission, Resource},
    books::Closing,
    context::Context,
    database::{Database, among, among_words, rows},
    error::{Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    page::{self, KeyType, Order, Slice},
    search::{self, EntityType},
};

/// Filter of bank payments; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; empty: in any.
    pub states: Vec<State>,
    /// With one of these results of the matching at import; empty: with any.
    pub findings: Vec<BankFinding>,
    /// Words, or beginnings of words, that must all occur in the payer's name, the references or
    /// the message: see [`search`].
    pub search: Option<String>,
    /// In the bank on this day or later.
    pub from: Option<NaiveDate>,
    /// In the bank on this day or earlier.
    pub to: Option<NaiveDate>,
}

/// Returns the sum that is not matched; negative for a return by the bank.
#[must_use]
pub fn left(row: &Model) -> Money {
    row.amount - row.matched
}

fn column(column: Column) -> SimpleExpr {
    Expr::col((Entity, column))
}

/// Fields that bank payments can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Day in the bank.
    BookedOn,
    /// Amount.
    Amount,
}

/// Returns the order of bank payments by a field.
#[must_use]
pub fn order(field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::BookedOn => ("BOOKED_ON", column(Column::BookedOn), KeyType::Day),
        Field::Amount => ("AMOUNT", column(Column::Amount), KeyType::Number),
    };
    Order { name, key, key_type, id: column(Column::Id), descending }
}

/// Returns the condition that a bank payment has this state; must agree with [`state`]. The
/// expressions are the same as in the partial indexes, so that they are used.
fn has_state(state: State) -> Condition {
    let own = |conditions: &[&'static str]| {
        conditions.iter().fold(Condition::all(), |all, part| all.add(Expr::cust(*part)))
    };
    let (counts, unmatched) = ("duplicate_of_id IS NULL", "matched <> amount");
    match state {
        State::Duplicate => own(&["duplicate_of_id IS NOT NULL"]),
        State::Matched => own(&[counts, "matched = amount"]),
        State::Excluded => own(&[counts, unmatched, "set_aside_on IS NOT NULL"]),
        State::Pending => own(&[counts, unmatched, "set_aside_on IS NULL"]),
    }
}

/// Selects the bank payments that the viewer may read and that match the filter. A viewer may read
/// all of them or none, since an unmatched payment belongs to no member.
fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    if !ctx.viewer.visibility(Resource::Invoices).all {
        select.and_where(Expr::cust("1 = 0"));
    }
    match filter.states.as_slice() {
        [] => {}
        // Without an OR, so that the partial index is used.
        [one] => _ = select.cond_where(has_state(*one)),
        several => {
            let any = several.iter().fold(Condition::any(), |any, one| any.add(has_state(*one)));
            select.cond_where(any);
        }
    }
    if !filter.findings.is_empty() {
        let words = filter.findings.iter().map(|finding| finding.word());
        select.and_where(among_words(ctx.db.backend(), column(Column::Finding), words));
    }
    if let Some(text) = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let id = column(Column::Id);
        select.and_where(search::found(ctx.db.backend(), EntityType::BankPayment, id, text));
    }
    select
        .and_where_option(filter.from.map(|day| column(Column::BookedOn).gte(day)))
        .and_where_option(filter.to.map(|day| column(Column::BookedOn).lte(day)));
    select
}

/// Returns a page of the bank payments that match the filter.
///
/// # Errors
/// INVALID for a bad page.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    order: &Order,
    args: &page::Args,
    columns: &[Column],
) -> Result<Slice<Model>> {
    let select = matching(ctx, filter);
    page::select_rows(ctx.db.read(), select, columns, order, args, ValidationErrors::default())
        .await
}

/// Counts the bank payments that match the filter.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}

/// Returns those of these bank payments that the viewer may read, in no order.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[BankPaymentId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = matching(ctx, &Filter::default());
    select.columns(columns.iter().map(|column| (Entity, *column))).and_where(among(
        ctx.db.backend(),
        column(Column::Id),
        ids.iter().copied(),
    ));
    rows(ctx.db.read(), &select, columns).await
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
/// CONFLICT `NOT_INCOMING`, `ALREADY_MATCHED`, `EXCLUDED` or `DUPLICATE`, or `PERIOD_CLOSED` if
/// `booked_on` is a day of a closed period, or if the manually recorded payment, named or not, is
/// of a closed day and of no export batch.
pub async fn match_with(
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
    let before = find(change.tx(), new.payment).await?;
    status::require_matchable(&before)?;
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
    check_amount(amount, left, &mut errors);
    let mut recorded = ManualPayments::load(&change, &booking, [new.invoice]).await?;
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
    let earliest = max(day, before.day_in_books());
    let earliest =
        free_from(&change, &before).await?.map_or(earliest, |freed| max(earliest, freed));
    let is_late = (earliest.year(), earliest.month()) != (today.year(), today.month());
    let booked_on = new.booked_on.unwrap_or(if is_late { today } else { earliest });
    let problem = FieldErrorCode::TooLate.problem("must not be in the future");
    errors.expect(booked_on <= today, "booked_on", problem);
    let closing = Closing::load(change.tx()).await?;
    let is_closed = new.booked_on.is_some_and(|day| closing.is_closed(day));
    if booked_on < earliest && !is_closed {
        let message = format!(
            "must not be before {earliest}, the first day on which this sum can be matched"
        );
        let problem = FieldErrorCode::TooEarly.problem(message).with("min", earliest);
        errors.add("booked_on", problem);
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

/// Adds an error unless an amount is above zero, and at most the unmatched rest.
fn check_amount(amount: Money, left: Money, errors: &mut ValidationErrors) {
    let problem = FieldErrorCode::OutOfRange.problem("must be above zero").with("min", 0);
    errors.expect(amount > Money::ZERO, "amount", problem);
    if amount > left {
        let message = format!("must be at most {left}, the unmatched rest");
        errors.add("amount", FieldErrorCode::OutOfRange.problem(message).with("max", left));
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
/// CONFLICT `ALREADY_MATCHED`, `EXCLUDED` or `DUPLICATE`.
pub async fn set_aside(
    ctx: Context<'_>,
    id: BankPaymentId,
    reason: &str,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    let reason = errors.text("reason", reason, LINE);
    errors.finish()?;
    let change = audit::begin(ctx, Action::BankPaymentExclude).await?;
    let before = find(change.tx(), id).await?;
    status::require_excludable(&before)?;
    let after = Model {
        set_aside_on: Some(ctx.clock.today()),
        set_aside_reason: Some(reason),
        ..before.clone()
    };
    replace(change, &before, after).await
}

/// Reopens a bank payment that was excluded or marked as a duplicate.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, INVALID for a bad id, NOT_FOUND, CONFLICT
/// `NOT_EXCLUDED`, `IS_REFUND` for a refund that was not reversed, `IN_DETAILS` for a total whose
/// payments count instead, `IN_TOTAL` for a payment whose total counts instead, or `PERIOD_CLOSED`
/// for a duplicate whose voucher is of a closed day and of no export batch.
pub async fn take_up(ctx: Context<'_>, id: BankPaymentId, errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    errors.finish()?;
    let change = audit::begin(ctx, Action::BankPaymentReopen).await?;
    let before = find(change.tx(), id).await?;
    let refunds = bookkeeping::refunds(change.tx(), &BTreeSet::from([id])).await?;
    let other = match before.duplicate_of_id {
        Some(other) => Some(find(change.tx(), other).await?),
        None => None,
    };
    status::require_reopenable(&before, !refunds.is_empty(), other.as_ref())?;
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

/// Writes the changed bank payment and commits.
pub(crate) async fn replace(mut change: Change, before: &Model, after: Model) -> Result<()> {
    audit::replace(&change, after.clone()).await?;
    change.record(Some(before), Some(&after))?;
    change.commit_with(before.id).await
}
