//! Parts of invoices by id and as lists: payments, refunds, write-offs, reminders and lines. A
//! viewer may read those of the invoices that it may read.

use ::entity::{
    adjustment,
    id::InvoiceId,
    invoice, invoice_line,
    partial::{Column, PartialRow},
    payment, reminder,
};
use chrono::NaiveDate;
use sea_orm::{
    ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::Buyer;
use crate::{
    activity_slugs::ListFilter,
    booking_status::{BookingStatus, has_status},
    context::Context,
    database::fixed_day,
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::{self, column},
    search::{self, EntityType},
};

/// A row that belongs to an invoice.
pub trait InvoicePart: PartialRow + Clone + Send + Sync + 'static {
    /// Column of the id.
    const ID: Column<Self>;
    /// Column of the invoice.
    const INVOICE: Column<Self>;
}

/// A part of an invoice that another part can reverse.
pub trait Reversible: InvoicePart {
    /// Column of the part that a reversal reverses.
    const REVERSES: Column<Self>;

    /// Returns the id of the row.
    fn part_id(&self) -> Uuid;

    /// Returns the id of the part that the row reverses.
    fn reverses(&self) -> Option<Uuid>;
}

/// A part of an invoice that has a list of its own.
pub trait ListedPart: InvoicePart {
    /// Column of its own day.
    const DAY: Column<Self>;
    /// Name of the order by that day.
    const BY_DAY: &'static str;
    /// Column of the day in the books, null where that is its own day; `None` if it has none.
    const BOOKED_ON: Option<Column<Self>>;
    /// Column of the amount.
    const AMOUNT: Column<Self>;
    /// Column of the part that a reversal reverses; `None` if no part is ever reversed.
    const REVERSED: Option<Column<Self>>;
    /// Entity type whose search words are searched, with the column of its id.
    const WORDS: (EntityType, Column<Self>);
    /// SQL condition of the rows of the list within the table, as in the partial indexes.
    const CONDITION: Option<&'static str>;
}

impl InvoicePart for invoice_line::Model {
    const ID: invoice_line::Column = invoice_line::Column::Id;
    const INVOICE: invoice_line::Column = invoice_line::Column::InvoiceId;
}

impl InvoicePart for payment::Model {
    const ID: payment::Column = payment::Column::Id;
    const INVOICE: payment::Column = payment::Column::InvoiceId;
}

impl Reversible for payment::Model {
    const REVERSES: payment::Column = payment::Column::ReversesId;

    fn part_id(&self) -> Uuid {
        self.id.0
    }

    fn reverses(&self) -> Option<Uuid> {
        self.reverses_id.map(|id| id.0)
    }
}

impl ListedPart for payment::Model {
    const DAY: payment::Column = payment::Column::ReceivedOn;
    const BY_DAY: &'static str = "RECEIVED_ON";
    const BOOKED_ON: Option<payment::Column> = Some(payment::Column::BookedOn);
    const AMOUNT: payment::Column = payment::Column::Amount;
    const REVERSED: Option<payment::Column> = Some(payment::Column::ReversesId);
    const WORDS: (EntityType, payment::Column) = (EntityType::Payment, payment::Column::Id);
    const CONDITION: Option<&'static str> = None;
}

impl InvoicePart for adjustment::Model {
    const ID: adjustment::Column = adjustment::Column::Id;
    const INVOICE: adjustment::Column = adjustment::Column::InvoiceId;
}

impl Reversible for adjustment::Model {
    const REVERSES: adjustment::Column = adjustment::Column::ReversesId;

    fn part_id(&self) -> Uuid {
        self.id.0
    }

    fn reverses(&self) -> Option<Uuid> {
        self.reverses_id.map(|id| id.0)
    }
}

/// The list of adjustments has refunds only.
impl ListedPart for adjustment::Model {
    const DAY: adjustment::Column = adjustment::Column::DatedOn;
    const BY_DAY: &'static str = "PAID_ON";
    const BOOKED_ON: Option<adjustment::Column> = Some(adjustment::Column::BookedOn);
    const AMOUNT: adjustment::Column = adjustment::Column::Amount;
    const REVERSED: Option<adjustment::Column> = Some(adjustment::Column::ReversesId);
    const WORDS: (EntityType, adjustment::Column) =
        (EntityType::Adjustment, adjustment::Column::Id);
    const CONDITION: Option<&'static str> = Some("kind = 'REFUND'");
}

impl InvoicePart for reminder::Model {
    const ID: reminder::Column = reminder::Column::Id;
    const INVOICE: reminder::Column = reminder::Column::InvoiceId;
}

impl ListedPart for reminder::Model {
    const DAY: reminder::Column = reminder::Column::SentOn;
    const BY_DAY: &'static str = "SENT_ON";
    const BOOKED_ON: Option<reminder::Column> = None;
    const AMOUNT: reminder::Column = reminder::Column::Fee;
    const REVERSED: Option<reminder::Column> = None;
    const WORDS: (EntityType, reminder::Column) =
        (EntityType::Invoice, reminder::Column::InvoiceId);
    const CONDITION: Option<&'static str> = None;
}

/// Filter of parts of invoices; all conditions must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this invoice.
    pub invoice: Option<InvoiceId>,
    /// Of an invoice to this buyer.
    pub buyer: Option<Buyer>,
    /// Its own day is this day or later.
    pub from: Option<NaiveDate>,
    /// Its own day is this day or earlier.
    pub to: Option<NaiveDate>,
    /// Its day in the books is this day or later.
    pub booked_from: Option<NaiveDate>,
    /// Its day in the books is this day or earlier.
    pub booked_to: Option<NaiveDate>,
    /// Statuses, one of which it must have; empty: any. A reminder has none.
    pub statuses: Vec<BookingStatus>,
    /// Words, or beginnings of words, that must all occur: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {}

/// Fields that parts of invoices can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its own day.
    Day,
    /// Day in the books.
    BookedOn,
    /// Amount.
    Amount,
}

/// Returns the day in the books; the expression is the same as in the index.
fn booked_on<M: ListedPart>() -> SimpleExpr {
    match M::BOOKED_ON {
        Some(booked_on) => Func::coalesce([column(booked_on), column(M::DAY)]).into(),
        None => column(M::DAY),
    }
}

/// Returns the order of parts by a field.
#[must_use]
pub fn order<M: ListedPart>(field: Field, descending: bool) -> Order {
    let (name, key, key_type) = match field {
        Field::Day => (M::BY_DAY, column(M::DAY), KeyType::Day),
        Field::BookedOn => ("BOOKED_ON", booked_on::<M>(), KeyType::Day),
        Field::Amount => ("AMOUNT", column(M::AMOUNT), KeyType::Number),
    };
    Order { name, key, key_type, id: column(M::ID), descending }
}

/// Selects the parts of the invoices that the viewer may read.
fn select<M: InvoicePart>(ctx: Context<'_>) -> SelectStatement {
    let mut select = Query::select();
    select.from(M::Entity::default());
    let visible = super::visible(ctx);
    if !visible.is_empty() {
        let theirs = Query::select()
            .column((invoice::Entity, invoice::Column::Id))
            .from(invoice::Entity)
            .cond_where(visible)
            .take();
        select.and_where(column(M::INVOICE).in_subquery(theirs));
    }
    select
}

fn matching<M: ListedPart>(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = select::<M>(ctx);
    select.and_where_option(M::CONDITION.map(Expr::cust));
    if let Some(buyer) = filter.buyer {
        let own = |column: invoice::Column| Expr::col((invoice::Entity, column));
        let theirs = match buyer {
            Buyer::Member(id) => own(invoice::Column::MemberId).eq(id),
            Buyer::Organisation(id) => own(invoice::Column::OrganisationId).eq(id),
        };
        let invoices = Query::select()
            .column((invoice::Entity, invoice::Column::Id))
            .from(invoice::Entity)
            .and_where(theirs)
            .take();
        select.and_where(column(M::INVOICE).in_subquery(invoices));
    }
    if let Some(reverses) = M::REVERSED.filter(|_| !filter.statuses.is_empty()) {
        select.cond_where(has_status::<M>(&filter.statuses, M::ID, reverses));
    }
    let (backend, text) = (ctx.db.backend(), filter.search.as_deref());
    let (entity_type, id) = M::WORDS;
    let found = search::filter(backend, entity_type, column(id), text);
    select
        .and_where_option(found)
        .and_where_option(filter.invoice.map(|id| column(M::INVOICE).eq(id)))
        .and_where_option(filter.from.map(|day| column(M::DAY).gte(fixed_day(day))))
        .and_where_option(filter.to.map(|day| column(M::DAY).lte(fixed_day(day))))
        .and_where_option(filter.booked_from.map(|day| booked_on::<M>().gte(fixed_day(day))))
        .and_where_option(filter.booked_to.map(|day| booked_on::<M>().lte(fixed_day(day))));
    select
}

/// Returns a page of the parts that the viewer may read and that match the filter.
pub async fn list<M: ListedPart>(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<M>,
) -> Result<Slice<M>> {
    page::fetch(ctx.db.read(), matching::<M>(ctx, filter), page).await
}

/// Counts the parts that [`list`] pages through.
pub async fn count<M: ListedPart>(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching::<M>(ctx, filter)).await
}

/// Returns those of these parts that the viewer may read, in no order.
pub async fn by_ids<M: InvoicePart>(
    ctx: Context<'_>,
    ids: &[Uuid],
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    with::<M>(ctx, M::ID, ids, columns).await
}

/// Returns the reversals of these parts that the viewer may read, in no order. `columns` must
/// include the one of the reversed part.
pub async fn reversals_of<M: Reversible>(
    ctx: Context<'_>,
    ids: &[Uuid],
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    with::<M>(ctx, M::REVERSES, ids, columns).await
}

async fn with<M: InvoicePart>(
    ctx: Context<'_>,
    key: Column<M>,
    ids: &[Uuid],
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    query::rows_among(ctx.db, select::<M>(ctx), key, ids, &[], columns).await
}
