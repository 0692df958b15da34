//! GraphQL queries of costs and grants: filters and lists.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use futures_util::future::BoxFuture;

use super::types::{BookingStatus, Cost, Grant};
use crate::graphql::{
    agreements::queries::counterparty,
    caller,
    connection::{self, Connection, ConnectionNode, ListRequest},
    cost::cost as weight,
    database,
    order::{self, order_input},
    scalars::{Date, Parsed, day_range, row_id},
    slug_list::slugs,
};
use domain::{
    error::{LINE, Result, ValidationErrors},
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
    /// All of these words occur in the description or the reference, or all of them in the search
    /// words of a supplier that you may see: those of `members` and `organisations`. A word may be
    /// the beginning of a longer one. Case and accents are ignored, but å, ä and ö are letters of
    /// their own.
    #[graphql(directive = weight::apply("60".into()))]
    search: Option<String>,
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
    /// Name of the funder, spelled as `Grant.funder`.
    funder: Option<String>,
    /// All of these words occur in the name of the funder. A word may be the beginning of a longer
    /// one. Case and accents are ignored, but å, ä and ö are letters of their own.
    #[graphql(directive = weight::apply("60".into()))]
    search: Option<String>,
}

impl CostFilter {
    fn check(self, errors: &mut ValidationErrors) -> ledger::Filter {
        let supplier = self.supplier_id.and_then(|id| supplier(&id, "filter.supplierId", errors));
        let Self { activity_slugs, agreement_id, booked_from, booked_to, status, search, .. } =
            self;
        let funder = None;
        let rest = GrantFilter {
            activity_slugs,
            agreement_id,
            booked_from,
            booked_to,
            status,
            funder,
            search,
        };
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
            funder: errors.optional_text("filter.funder", self.funder.as_deref(), LINE),
            search: errors.optional_text("filter.search", self.search.as_deref(), LINE),
        }
    }
}

/// Field that costs are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum CostOrderField {
    /// By day in the books.
    BookedOn,
    /// By amount. Negative ones come first: most reversals, and costs that a supplier pays back.
    Amount,
    /// By name of the activity, in Swedish alphabetical order.
    Activity,
    /// By name of the supplier, in Swedish alphabetical order; costs without a supplier that you
    /// may see first.
    Supplier,
}

impl From<CostOrderField> for ledger::Field {
    fn from(field: CostOrderField) -> Self {
        match field {
            CostOrderField::BookedOn => Self::BookedOn,
            CostOrderField::Amount => Self::Amount,
            CostOrderField::Activity => Self::Activity,
            CostOrderField::Supplier => Self::Party,
        }
    }
}

order_input! {
    /// Order of costs. Ties are ordered by id.
    CostOrder by CostOrderField
}

/// Field that grants are ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum GrantOrderField {
    /// By day in the books.
    BookedOn,
    /// By amount. Negative ones come first: most reversals, and grants that are paid back.
    Amount,
    /// By name of the activity, in Swedish alphabetical order.
    Activity,
    /// By name of the funder, in Swedish alphabetical order.
    Funder,
}

impl From<GrantOrderField> for ledger::Field {
    fn from(field: GrantOrderField) -> Self {
        match field {
            GrantOrderField::BookedOn => Self::BookedOn,
            GrantOrderField::Amount => Self::Amount,
            GrantOrderField::Activity => Self::Activity,
            GrantOrderField::Funder => Self::Party,
        }
    }
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
    let order = ledger::order::<N::Row>(database(ctx).backend(), field, descending);
    connection::connection(
        ctx,
        ListRequest::<N, _>::new(filter, order, args, errors),
        move |ctx, filter, page| Box::pin(ledger::list::<N::Row>(caller(ctx), field, filter, page)),
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
