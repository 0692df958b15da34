//! How invoices are asked for: filters, orders and lists.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject};
use uuid::Uuid;

use super::{Invoice, InvoiceDifference, InvoiceKind, InvoiceState};
use crate::graphql::{
    OrderDirection,
    batch::{BatchRow, distinct},
    connection::{self, CONNECTION, Connection, DIRECT, Pages, selected_columns},
    database,
    scalars::{Date, NodeId, Parsed, row_id, take},
    viewer,
};
use domain::{
    error::{LINE, Result, ValidationErrors},
    invoices::{self, Buyer, Filter, Of},
    page::{Args, Order, Page},
};

/// Which invoices; every part narrows the others, and an empty list narrows nothing.
#[derive(InputObject, Default)]
pub struct InvoiceFilter {
    /// In one of these states on `asOf`.
    state: Option<Vec<InvoiceState>>,
    /// The day that the state is reckoned on; today when left out.
    as_of: Option<Parsed<Date>>,
    /// Invoices or credit notes alone.
    kind: Option<InvoiceKind>,
    /// Slugs: with a line of one of these activities.
    activity: Option<Vec<String>>,
    /// To this member or organisation.
    buyer: Option<ID>,
    /// Issued on this day or later.
    issued_from: Option<Parsed<Date>>,
    /// Issued on this day or earlier.
    issued_to: Option<Parsed<Date>>,
    /// With a last day to pay before this day.
    due_before: Option<Parsed<Date>>,
    /// `true` for invoices that are overpaid, and so to be paid back; `false` for the others.
    overpaid: Option<bool>,
    /// With one of these differences between what is paid and what it is over.
    difference: Option<Vec<InvoiceDifference>>,
}

impl InvoiceFilter {
    fn check(self, errors: &mut ValidationErrors) -> Filter {
        let slugs = self.activity.unwrap_or_default();
        Filter {
            states: self.state.into_iter().flatten().map(Into::into).collect(),
            as_of: take(self.as_of, "filter.asOf", errors).map(|day| day.0),
            kind: self.kind.map(Into::into),
            activities: slugs
                .iter()
                .enumerate()
                .map(|(position, slug)| {
                    errors.text(&format!("filter.activity.{position}"), slug, LINE)
                })
                .collect(),
            buyer: self.buyer.and_then(|id| buyer(&id, errors)),
            issued_from: take(self.issued_from, "filter.issuedFrom", errors).map(|day| day.0),
            issued_to: take(self.issued_to, "filter.issuedTo", errors).map(|day| day.0),
            due_before: take(self.due_before, "filter.dueBefore", errors).map(|day| day.0),
            overpaid: self.overpaid,
            differences: self.difference.into_iter().flatten().map(Into::into).collect(),
        }
    }
}

/// The member or the organisation that an id means, or its fault noted.
fn buyer(id: &ID, errors: &mut ValidationErrors) -> Option<Buyer> {
    let read = id.parse::<NodeId>().and_then(|read| match read.noun.as_str() {
        "member" => Ok(Buyer::Member(read.id.into())),
        "organisation" => Ok(Buyer::Organisation(read.id.into())),
        other => Err(format!("is the id of a {other}, not of a member or an organisation")),
    });
    read.map_err(|reason| errors.add("filter.buyer", reason)).ok()
}

/// What invoices can be ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "invoices::Field")]
pub enum InvoiceOrderField {
    /// Number, as people count; drafts before all.
    Number,
    /// Day of issue; drafts after all.
    IssuedOn,
    /// Last day to pay; those without one after all.
    DueOn,
    /// What is to be paid.
    Total,
}

/// An order of invoices; the id breaks ties.
#[derive(InputObject)]
pub struct InvoiceOrder {
    /// What to order by.
    field: InvoiceOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Asc")]
    direction: OrderDirection,
}

fn order(ctx: &Context<'_>, parsed: Option<InvoiceOrder>) -> Order {
    let (field, descending) = parsed.map_or((invoices::Field::Number, false), |order| {
        (order.field.into(), order.direction.is_descending())
    });
    invoices::order(database(ctx), field, descending)
}

/// The invoices of each row of a batch, by one statement for all of them.
pub async fn invoices_of<M: Send + Sync + 'static>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    of: Of,
    id: fn(&M) -> Uuid,
    filter: Option<InvoiceFilter>,
    order_by: Option<InvoiceOrder>,
    args: Args,
) -> Result<Connection<Invoice>> {
    let mut errors = ValidationErrors::default();
    let filter = filter.unwrap_or_default().check(&mut errors);
    let order = order(ctx, order_by);
    Page::check(&args, &order, &mut errors);
    errors.finish()?;
    let pages = row.load(ctx, "invoices", async {
        let parents = distinct(row.batch_rows().iter().map(id));
        let columns = selected_columns::<Invoice>(ctx, CONNECTION);
        let slices = invoices::of_each(
            database(ctx),
            viewer(ctx),
            of,
            &parents,
            &filter,
            &order,
            &args,
            &columns,
        )
        .await?;
        Ok(Pages::new(slices))
    });
    let pages = pages.await?;
    let (row, own) = (row.clone(), id(row));
    let count: connection::Count = Arc::new(move |ctx| {
        let (row, filter) = (row.clone(), filter.clone());
        Box::pin(async move {
            let parents = distinct(row.batch_rows().iter().map(id));
            let counts = row
                .load(
                    ctx,
                    "count",
                    invoices::count_each(database(ctx), viewer(ctx), of, &parents, &filter),
                )
                .await?;
            Ok(counts.get(&own).copied().unwrap_or_default())
        })
    });
    Ok(pages.connection(own, count))
}

/// Names an invoice in one of three ways.
#[derive(OneofObject)]
pub enum InvoiceBy {
    /// By its id.
    Id(ID),
    /// By its number: of an invoice, else of a credit note, since each has a series of its own.
    Number(String),
    /// By the reference that it is paid with (OCR-nummer).
    Ocr(String),
}

/// Questions about invoices.
#[derive(Default)]
pub struct InvoiceQuery;

#[Object]
impl InvoiceQuery {
    /// The invoices and credit notes that you may see; by number unless you say otherwise. A MEMBER
    /// sees what it was sent.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn invoices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out.")] filter: Option<InvoiceFilter>,
        #[graphql(desc = "By number when left out.")] order_by: Option<InvoiceOrder>,
        #[graphql(
            desc = "That many from the front, 0 to 200; 25 when neither this nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "That many from the back, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Only those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Invoice>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let (order, args) = (order(ctx, order_by), connection::args(first, after, last, before));
        Page::check(&args, &order, &mut errors);
        errors.finish()?;
        let slice = invoices::list(
            database(ctx),
            viewer(ctx),
            &filter,
            &order,
            &args,
            &selected_columns::<Invoice>(ctx, CONNECTION),
        )
        .await?;
        let count: connection::Count = Arc::new(move |ctx| {
            let filter = filter.clone();
            Box::pin(async move { invoices::count(database(ctx), viewer(ctx), &filter).await })
        });
        Ok(Connection::new(slice, count))
    }

    /// One invoice or credit note; null when there is none, or none that you may see.
    async fn invoice(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] by: InvoiceBy,
    ) -> Option<Result<Invoice>> {
        find(ctx, by).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, by: InvoiceBy) -> Result<Option<Invoice>> {
    let (db, viewer, columns) =
        (database(ctx), viewer(ctx), selected_columns::<Invoice>(ctx, DIRECT));
    let mut errors = ValidationErrors::default();
    let found = match by {
        InvoiceBy::Id(id) => {
            let id = row_id(&id, "invoice", "by.id", &mut errors);
            errors.finish()?;
            invoices::by_ids(db, viewer, &[id], &columns).await?.into_iter().next()
        }
        InvoiceBy::Number(number) => {
            let number = errors.text("by.number", &number, LINE);
            errors.finish()?;
            invoices::by_number(db, viewer, &number, &columns).await?
        }
        InvoiceBy::Ocr(ocr) => {
            let ocr = errors.text("by.ocr", &ocr, LINE);
            errors.finish()?;
            invoices::by_ocr(db, viewer, &ocr, &columns).await?
        }
    };
    Ok(found.map(|row| Invoice(BatchRow::single(row))))
}
