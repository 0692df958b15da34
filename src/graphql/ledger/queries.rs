//! GraphQL queries of costs and grants: filters and lists.

use async_graphql::{Context, ID, InputObject, Object};
use futures_util::future::BoxFuture;

use super::types::{BookingStatus, Cost, Grant};
use crate::graphql::{
    agreements::queries::counterparty,
    caller,
    connection::{self, Connection, ConnectionNode, ListRequest},
    scalars::{Date, Parsed, row_id, take},
};
use domain::{
    error::{Result, ValidationErrors},
    ledger::{self, Booked, booked_for::Supplier},
};

/// Filter of costs. All conditions must hold.
#[derive(InputObject, Default)]
pub struct CostFilter {
    /// Ids: belongs to any of these activities.
    activity_ids: Option<Vec<ID>>,
    /// Id of the supplier, a member or an organisation.
    supplier_id: Option<ID>,
    /// Id of the agreement by which the network owes it.
    agreement_id: Option<ID>,
    /// Booked on this day or later.
    from: Option<Parsed<Date>>,
    /// Booked on this day or earlier.
    to: Option<Parsed<Date>>,
    /// Has any of these statuses.
    status: Option<Vec<BookingStatus>>,
}

/// Filter of grants. All conditions must hold.
#[derive(InputObject, Default)]
pub struct GrantFilter {
    /// Ids: belongs to any of these activities.
    activity_ids: Option<Vec<ID>>,
    /// Id of the agreement by which it comes in.
    agreement_id: Option<ID>,
    /// Booked on this day or later.
    from: Option<Parsed<Date>>,
    /// Booked on this day or earlier.
    to: Option<Parsed<Date>>,
    /// Has any of these statuses.
    status: Option<Vec<BookingStatus>>,
}

impl CostFilter {
    fn check(self, errors: &mut ValidationErrors) -> ledger::Filter {
        let supplier = self.supplier_id.and_then(|id| supplier(&id, "filter.supplierId", errors));
        let Self { activity_ids, agreement_id, from, to, status, .. } = self;
        let rest = GrantFilter { activity_ids, agreement_id, from, to, status };
        ledger::Filter { supplier, ..rest.check(errors) }
    }
}

impl GrantFilter {
    fn check(self, errors: &mut ValidationErrors) -> ledger::Filter {
        let activity = |(index, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, &format!("filter.activityIds.{index}"), errors)
        };
        ledger::Filter {
            activities: self.activity_ids.map(|ids| {
                ids.into_iter().enumerate().map(|each| activity(each, errors)).collect()
            }),
            supplier: None,
            agreement: self.agreement_id.map(|id| row_id(&id, "filter.agreementId", errors)),
            from: take(self.from, "filter.from", errors).map(|day| day.0),
            to: take(self.to, "filter.to", errors).map(|day| day.0),
            statuses: self.status.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

/// Parses the id of a supplier.
pub(in crate::graphql) fn supplier(
    id: &ID,
    path: &str,
    errors: &mut ValidationErrors,
) -> Option<Supplier> {
    counterparty(id, path, errors).map(Supplier::from)
}

/// Returns a page of the ledger.
fn listed<'c, N: ConnectionNode<Row: Booked>>(
    ctx: &'c Context<'_>,
    filter: ledger::Filter,
    args: domain::page::Args,
    errors: ValidationErrors,
) -> BoxFuture<'c, Result<Connection<N>>> {
    connection::connection(
        ctx,
        ListRequest::<N, _>::new(filter, ledger::latest_first::<N::Row>(), args, errors),
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
    /// day first.
    async fn costs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<CostFilter>>,
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
        listed(ctx, filter, connection::args(first, after, last, before), errors).await
    }

    /// Booked grants of the activities whose revenue you may see, including reversals, the latest
    /// day first.
    async fn grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Filter; everything when omitted.")] filter: Option<Box<GrantFilter>>,
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
        listed(ctx, filter, connection::args(first, after, last, before), errors).await
    }
}
