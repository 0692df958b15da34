//! GraphQL queries of payments and refunds of all invoices: filters, orders and lists.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::types::{Payment, Refund};
use crate::graphql::{
    connection::{self, Connection},
    cost::cost,
    invoices::{part_lists::listed, queries::buyer},
    ledger::types::BookingStatus,
    order::{self, order_input},
    scalars::{Date, Parsed, day_range, row_id},
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    invoices::parts::{self, Field, Filter},
};

/// Filter of payments. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct PaymentFilter {
    /// Id of the invoice.
    invoice_id: Option<ID>,
    /// Id of the buyer of the invoice, a member or an organisation.
    buyer_id: Option<ID>,
    /// `receivedOn` is this day or later.
    received_from: Option<Parsed<Date>>,
    /// `receivedOn` is this day or earlier.
    received_to: Option<Parsed<Date>>,
    /// `bookedOn` is this day or later.
    booked_from: Option<Parsed<Date>>,
    /// `bookedOn` is this day or earlier.
    booked_to: Option<Parsed<Date>>,
    /// Has one of these statuses.
    status: Option<Vec<BookingStatus>>,
    /// All of these words occur in the reference of the bank or the number of the invoice. A word
    /// may be the beginning of a longer one.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl PaymentFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [booked_from, booked_to] =
            day_range("booked", self.booked_from, self.booked_to, errors);
        let [from, to] = day_range("received", self.received_from, self.received_to, errors);
        Filter {
            invoice: self.invoice_id.map(|id| row_id(&id, "filter.invoiceId", errors)),
            buyer: self.buyer_id.and_then(|id| buyer(&id, errors)),
            from,
            to,
            booked_from,
            booked_to,
            statuses: self.status.into_iter().flatten().map(Into::into).collect(),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Filter of refunds. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct RefundFilter {
    /// Id of the invoice.
    invoice_id: Option<ID>,
    /// Id of the buyer of the invoice, a member or an organisation.
    buyer_id: Option<ID>,
    /// `paidOn` is this day or later.
    paid_from: Option<Parsed<Date>>,
    /// `paidOn` is this day or earlier.
    paid_to: Option<Parsed<Date>>,
    /// `bookedOn` is this day or later.
    booked_from: Option<Parsed<Date>>,
    /// `bookedOn` is this day or earlier.
    booked_to: Option<Parsed<Date>>,
    /// Has one of these statuses.
    status: Option<Vec<BookingStatus>>,
    /// All of these words occur in the reference of the bank or the number of the invoice. A word
    /// may be the beginning of a longer one.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl RefundFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [booked_from, booked_to] =
            day_range("booked", self.booked_from, self.booked_to, errors);
        let [from, to] = day_range("paid", self.paid_from, self.paid_to, errors);
        Filter {
            invoice: self.invoice_id.map(|id| row_id(&id, "filter.invoiceId", errors)),
            buyer: self.buyer_id.and_then(|id| buyer(&id, errors)),
            from,
            to,
            booked_from,
            booked_to,
            statuses: self.status.into_iter().flatten().map(Into::into).collect(),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field to order payments by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum PaymentOrderField {
    /// By day at the bank.
    ReceivedOn,
    /// By day in the books.
    BookedOn,
    /// By amount.
    Amount,
}

impl From<PaymentOrderField> for Field {
    fn from(field: PaymentOrderField) -> Self {
        match field {
            PaymentOrderField::ReceivedOn => Self::Day,
            PaymentOrderField::BookedOn => Self::BookedOn,
            PaymentOrderField::Amount => Self::Amount,
        }
    }
}

order_input! {
    /// Order of payments. Ties are ordered by id.
    PaymentOrder by PaymentOrderField
}

/// Field to order refunds by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum RefundOrderField {
    /// By day at the bank.
    PaidOn,
    /// By day in the books.
    BookedOn,
    /// By amount.
    Amount,
}

impl From<RefundOrderField> for Field {
    fn from(field: RefundOrderField) -> Self {
        match field {
            RefundOrderField::PaidOn => Self::Day,
            RefundOrderField::BookedOn => Self::BookedOn,
            RefundOrderField::Amount => Self::Amount,
        }
    }
}

order_input! {
    /// Order of refunds. Ties are ordered by id.
    RefundOrder by RefundOrderField
}

/// Queries of payments and refunds.
#[derive(Default)]
pub struct PaymentQuery;

#[Object]
impl PaymentQuery {
    /// Payments of the invoices that you may see, with their reversals, the latest first unless
    /// `orderBy` says otherwise. A MEMBER sees those of its own invoices.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn payments(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<PaymentFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<PaymentOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Payment>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (Field::Day, true));
        let order = parts::order::<::entity::payment::Model>(field, descending);
        listed(ctx, filter, order, connection::args(first, after, last, before), errors).await
    }

    /// Refunds (återbetalningar) of the invoices that you may see, with their reversals, the latest
    /// first unless `orderBy` says otherwise. A MEMBER sees those of its own invoices.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn refunds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<RefundFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<RefundOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Refund>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (field, descending) = order::chosen(order_by, (Field::Day, true));
        let order = parts::order::<::entity::adjustment::Model>(field, descending);
        listed(ctx, filter, order, connection::args(first, after, last, before), errors).await
    }
}
