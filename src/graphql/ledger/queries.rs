//! GraphQL queries of costs and grants: filters and lists.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use futures_util::future::BoxFuture;

use super::types::{BookingStatus, Cost, Grant};
use crate::graphql::{
    agreements::queries::counterparty,
    caller,
    connection::{self, Connection, ConnectionNode, ListRequest},
    order::{self, order_input},
    scalars::{Date, Parsed, day_range, row_id},
    slug_list::slugs,
};
use domain::{
    error::{Result, ValidationErrors},
    ledger::{self, Booked, booked_for::Supplier},
};

/// Filter of costs. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct CostFilter {
    /// Belongs to one of these activities, by slug; each must exist.
    activity_slugs: Option<Vec<String>>,
    /// Id of the supplier, a member or an organisation.
    supplier_id: Option<ID>,
    /// Id of the agreement by which the network owes it.
    agreement_id: Option<ID>,
    /// `bookedOn` is this day or later.
    booked_from: Option<Parsed<Date>>,
    /// `bookedOn` is this day or earlier.
    booked_to: Option<Parsed<Date>>,
    /// Has one of these statuses.
    status: Option<Vec<BookingStatus>>,
}

/// Filter of grants. All conditions must hold; an empty list is no condition.
#[derive(InputObject, Default)]
pub struct GrantFilter {
    /// Belongs to one of these activities, by slug; each must exist.
    activity_slugs: Option<Vec<String>>,
    /// Id of the agreement by which it comes in.
    agreement_id: Option<ID>,
    /// `bookedOn` is this day or later.
    booked_from: Option<Parsed<Date>>,
    /// `bookedOn` is this day or earlier.
    booked_to: Option<Parsed<Date>>,
    /// Has one of these statuses.
    status: Option<Vec<BookingStatus>>,
}

impl CostFilter {
    fn check(self, errors: &mut ValidationErrors) -> ledger::Filter {
        let supplier = self.supplier_id.and_then(|id| supplier(&id, "filter.supplierId", errors));
        let Self { activity_slugs, agreement_id, booked_from, booked_to, status, .. } = self;
        let rest = GrantFilter { activity_slugs, agreement_id, booked_from, booked_to, status };
        ledger::Filter { supplier, ..rest.check(errors) }
    }
}

impl GrantFilter {
    fn check(self, errors: &mut ValidationErrors) -> ledger::Filter {
        let [from, to] = day_range("booked", self.booked_from, self.booked_to, errors);
        ledger::Filter {
            activities: slugs(self.activity_slugs, "activity_slugs", errors),
            supplier: None,
            agreement: self.agreement_id.map(|id| row_id(&id, "filter.agreementId", errors)),
            from,
            to,
            statuses: self.status.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

/// Field that costs are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ledger::Field")]
pub enum CostOrderField {
    /// By day in the books.
    BookedOn,
    /// By amount. Negative ones come first: most reversals, and costs that a supplier pays back.
    Amount,
}

order_input! {
    /// Order of costs. Ties are ordered by id.
    CostOrder by CostOrderField
}

/// Field that grants are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "ledger::Field")]
pub enum GrantOrderField {
    /// By day in the books.
    BookedOn,
    /// By amount. Negative ones come first: most reversals, and grants that are paid back.
    Amount,
}

order_input! {
    /// Order of grants. Ties are ordered by id.
    GrantOrder by GrantOrderField
}

/// Parses the id of a supplier.
pub(in crate::graphql) fn supplier(
    id: &ID,
    path: &str,
    errors: &mut ValidationErrors,
) -> Option<Supplier> {
    counterparty(id, path, errors).map(Supplier::from)
}

/// The order of a list without `orderBy`.
const LATEST_FIRST: (ledger::Field, bool) = (ledger::Field::BookedOn, true);

/// Returns a page of the ledger.
fn listed<'c, N: ConnectionNode<Row: Booked>>(
    ctx: &'c Context<'_>,
    filter: ledger::Filter,
    (field, descending): (ledger::Field, bool),
    args: domain::page::Args,
    errors: ValidationErrors,
) -> BoxFuture<'c, Result<Connection<N>>> {
    connection::connection(
        ctx,
        ListRequest::<N, _>::new(filter, ledger::order::<N::Row>(field, descending), args, errors),
        |ctx, filter, page| Box::pin(ledger::list::<N::Row>(caller(ctx), filter, page)),
        |ctx, filter| Box::pin(ledger::count::<N::Row>(caller(ctx), filter)),
    )
}

/// Queries of the ledger.
#[derive(Default)]
pub struct LedgerQuery;

#[Object]
impl LedgerQuery {
    /// Booked costs of the activities whose revenue you may see, including reversals, the latest
    /// day first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn costs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<CostFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<CostOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Cost>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let order = order::chosen(order_by, LATEST_FIRST);
        listed(ctx, filter, order, connection::args(first, after, last, before), errors).await
    }

    /// Booked grants of the activities whose revenue you may see, including reversals, the latest
    /// day first unless `orderBy` says otherwise.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    async fn grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<GrantFilter>>,
        #[graphql(desc = "Order; the latest first when omitted.")] order_by: Option<GrantOrder>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<Grant>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        let order = order::chosen(order_by, LATEST_FIRST);
        listed(ctx, filter, order, connection::args(first, after, last, before), errors).await
    }
}
