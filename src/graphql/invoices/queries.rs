//! GraphQL queries of invoices: filters, orders and lists.

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    mutations::InvoiceRunInput,
    types::{
        Invoice,
        run::InvoiceRun,
        status::{InvoiceKind, InvoiceStatus},
    },
};
use crate::graphql::{
    agreements::queries::counterparty,
    batch::BatchRow,
    caller,
    connection::{self, Connection, DIRECT, ListRequest, selected_columns},
    cost::{cost, unversioned},
    database, errors, network,
    order::{self, order_input},
    payments::types::InvoiceDifference,
    scalars::{Date, Parsed, day_range, row_id, take},
    slug_list::slugs,
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    invoices::{self, Buyer, Filter, Parent, invoice_run},
    page::{Args, Order},
};

/// Filter of invoices. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct InvoiceFilter {
    /// Has one of these statuses on `asOf`.
    status: Option<Vec<InvoiceStatus>>,
    /// Day of the status; defaults to today.
    as_of: Option<Parsed<Date>>,
    /// Is an invoice, or a credit note.
    kind: Option<InvoiceKind>,
    /// Has a line of one of these activities, by slug; each must exist.
    activity_slugs: Option<Vec<String>>,
    /// Id of the buyer, a member or an organisation.
    buyer_id: Option<ID>,
    /// Id of an agreement: has a line that is invoiced by it. Matches nothing if you may not see
    /// the agreement.
    agreement_id: Option<ID>,
    /// `issuedOn` is this day or later.
    issued_from: Option<Parsed<Date>>,
    /// `issuedOn` is this day or earlier.
    issued_to: Option<Parsed<Date>>,
    /// `dueOn` is this day or later.
    due_from: Option<Parsed<Date>>,
    /// `dueOn` is this day or earlier.
    due_to: Option<Parsed<Date>>,
    /// `true` for invoices that are overpaid, and so to be refunded; `false` for the others.
    overpaid: Option<bool>,
    /// Has one of these differences between the paid sum and its total.
    difference: Option<Vec<InvoiceDifference>>,
    /// All of these words occur in the number, the payment reference, the buyer's present and
    /// former names, the references or the text of the lines. A word may be the beginning of a
    /// longer one. Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = cost::apply("60".into()))]
    search: Option<String>,
}

impl InvoiceFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let [due_from, due_to] = day_range("due", self.due_from, self.due_to, errors);
        let [issued_from, issued_to] =
            day_range("issued", self.issued_from, self.issued_to, errors);
        Filter {
            states: self.status.into_iter().flatten().map(Into::into).collect(),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            kind: self.kind.map(Into::into),
            activities: slugs(self.activity_slugs, "activity_slugs", errors),
            buyer: self.buyer_id.and_then(|id| buyer(&id, errors)),
            agreement: self.agreement_id.map(|id| row_id(&id, "filter.agreementId", errors)),
            issued_from,
            issued_to,
            due_from,
            due_to,
            overpaid: self.overpaid,
            differences: self.difference.into_iter().flatten().map(Into::into).collect(),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Parses the id of a member or an organisation, or records an error.
pub(in crate::graphql) fn buyer(id: &ID, errors: &mut ValidationErrors) -> Option<Buyer> {
    counterparty(id, "filter.buyerId", errors).map(Buyer::from)
}

/// Order of invoices.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "invoices::Field")]
pub enum InvoiceOrderField {
    /// By number, numerically; drafts first.
    Number,
    /// By day of issue; drafts last.
    IssuedOn,
    /// By last day to pay; invoices without one last.
    DueOn,
    /// By total.
    Total,
}

order_input! {
    /// Order of invoices. Ties are ordered by id.
    InvoiceOrder by InvoiceOrderField
}

fn order(ctx: &Context<'_>, parsed: Option<InvoiceOrder>) -> Order {
    let (field, descending) = order::chosen(parsed, (invoices::Field::Number, false));
    invoices::order(database(ctx).backend(), field, descending)
}

/// Returns the invoices of each row of a batch, with one statement for all of them.
pub fn invoices_of<'c, M: Send + Sync + 'static>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    of: Parent,
    id: fn(&M) -> Uuid,
    filter: Option<Box<InvoiceFilter>>,
    order_by: Option<InvoiceOrder>,
    args: Args,
) -> BoxFuture<'c, Result<Connection<Invoice>>> {
    let mut errors = ValidationErrors::default();
    let filter = filter.unwrap_or_default().check(&mut errors);
    let order = order(ctx, order_by);
    connection::nested_connection(
        ctx,
        row,
        id,
        ListRequest::new(filter, order, args, errors),
        move |ctx, parents, filter, page| {
            Box::pin(invoices::of_each(caller(ctx), of, parents, filter, page))
        },
        move |ctx, parents, filter| {
            Box::pin(invoices::count_each(caller(ctx), of, parents, filter))
        },
    )
}

/// Names an invoice by exactly one of its keys.
#[derive(OneofObject)]
pub enum InvoiceBy {
    /// Global id.
    Id(ID),
    /// Number of an invoice, else of a credit note, since each has its own series.
    Number(String),
    /// Payment reference (OCR-nummer).
    Ocr(String),
}

/// Queries of invoices.
#[derive(Default)]
pub struct InvoiceQuery;

#[Object]
impl InvoiceQuery {
    /// Invoices and credit notes that you may see, by number unless `orderBy` says otherwise. A
    /// MEMBER sees those that were issued to it.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<InvoiceFilter>>,
        #[graphql(desc = "Order; by number when omitted.")] order_by: Option<InvoiceOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Invoice>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let args = connection::args(first, after, last, before);
        connection::large_connection(
            ctx,
            ListRequest::<Invoice, _>::new(filter, order(ctx, order_by), args, errors),
            |ctx, filter, page| Box::pin(invoices::list(caller(ctx), filter, page)),
            |ctx, filter, at_most| Box::pin(invoices::count(caller(ctx), filter, at_most)),
        )
        .await
    }

    /// An invoice or credit note by its id, number or payment reference; null when there is none,
    /// or you may not see it.
    async fn invoice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id, number or payment reference.")] by: InvoiceBy,
    ) -> Option<Result<Invoice>> {
        Box::pin(find(ctx, by)).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: InvoiceBy) -> Result<Option<Invoice>> {
    let (caller, columns) = (caller(ctx), selected_columns::<Invoice>(ctx, DIRECT));
    let mut errors = ValidationErrors::default();
    let found = match by {
        InvoiceBy::Id(id) => {
            let id = row_id(&id, "by.id", &mut errors);
            errors.finish()?;
            invoices::by_ids(caller, &[id], &columns).await?.into_iter().next()
        }
        InvoiceBy::Number(number) => {
            let number = errors.text("by.number", &number, LINE);
            errors.finish()?;
            invoices::by_number(caller, &number, &columns).await?
        }
        InvoiceBy::Ocr(ocr) => {
            let ocr = errors.text("by.ocr", &ocr, LINE);
            errors.finish()?;
            invoices::by_ocr(caller, &ocr, &columns).await?
        }
    };
    Ok(found.map(|row| Invoice(BatchRow::single(row))))
}

/// Queries of invoice runs.
#[derive(Default)]
pub struct InvoiceRunQuery;

#[Object]
impl InvoiceRunQuery {
    /// Previews an invoice run, and changes nothing. Requires the permission to run it; fails as
    /// `invoiceRun` does.
    #[graphql(directive = cost::apply("5000".into()), directive = unversioned::apply())]
    async fn invoice_run_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The fees to invoice.")] input: Box<InvoiceRunInput>,
    ) -> Result<InvoiceRun> {
        Box::pin(preview(ctx, *input)).await
    }
}

async fn preview(ctx: &Context<'_>, input: InvoiceRunInput) -> Result<InvoiceRun> {
    let mut errors = ValidationErrors::default();
    let ask = input.check(&mut errors);
    let plan = invoice_run::preview(caller(ctx), network(ctx), &ask, errors)
        .await
        .map_err(errors::within_input)?;
    Ok(InvoiceRun::of_plan(plan))
}
