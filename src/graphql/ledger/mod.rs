//! GraphQL types, queries and mutations of the ledger of costs and grants: lists, and corrections
//! by reversal.

pub mod mutations;

use std::collections::HashSet;

use ::entity::{activity, cost, grant};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    activities::{Activity, activity_of},
    agreements::{
        Agreement, Counterparty, CounterpartyIds, agreement_of, counterparty, counterparty_of,
    },
    audit::{AuditEntry, entries_of},
    batch::{BatchRow, grouped},
    caller,
    connection::{
        self, CONNECTION, Column, Connection, ConnectionNode, DIRECT, ListRequest, and, every,
        selected_columns,
    },
    cost::cost as weight,
    database,
    scalars::{Date, DateTime, Money, Parsed, node_id, row_id, take},
    stored_files::StoredFile,
    times,
};

use domain::{
    activities::accounts::Supplier,
    agreements,
    error::{Error, Result, ValidationErrors},
    revenue::bookings::{self, Booked},
    stored_files,
};

/// Status of a cost or a grant.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "bookings::Status")]
pub enum BookingStatus {
    /// Neither reversed nor a reversal.
    Standing,
    /// Reversed: see `reversedBy`.
    Reversed,
    /// Reversal of another booking: see `reverses`.
    Reversal,
}

/// A booked cost of an activity. It never changes: correct it with a reversal (`costReverse`) and a
/// new cost.
#[derive(Clone, Description)]
pub struct Cost(pub BatchRow<cost::Model>);

#[Object(use_type_description)]
impl Cost {
    /// Global id of the cost, opaque.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = weight::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = weight::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Activity of the cost.
    async fn activity(&self, ctx: &Context<'_>) -> Result<Activity> {
        let found = activity_of(ctx, &self.0, |row| Some(row.activity_id)).await?;
        found.ok_or_else(|| Error::NotFound("there is no such activity".into()))
    }

    /// Day in the books.
    async fn booked_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    /// Amount in kronor without deducted VAT. Negative for a reversal.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Deducted input VAT (ingående moms) in kronor, which is not part of the amount and in no
    /// report of costs; null when not known.
    async fn vat(&self) -> Option<Money> {
        self.0.vat.map(Into::into)
    }

    /// Purpose of the cost.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Supplier; null when none is recorded, or you may not see it.
    async fn supplier(&self, ctx: &Context<'_>) -> Option<Result<Counterparty>> {
        Supplier::of(self.0.member_id, self.0.organisation_id)?;
        let ids = |row: &cost::Model| CounterpartyIds {
            member: row.member_id,
            organisation: row.organisation_id,
        };
        match counterparty_of(ctx, &self.0, ids).await {
            Err(Error::NotFound(_)) => None,
            found => Some(found),
        }
    }

    /// Supplier's invoice number; null: none.
    async fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// Supplier's voucher; null: none was uploaded.
    async fn file(&self, ctx: &Context<'_>) -> Option<Result<StoredFile>> {
        let found = self.0.load(ctx, "", || async {
            let costs: Vec<_> = self.0.batch_rows().iter().map(|row| row.id).collect();
            stored_files::of_costs(database(ctx), &costs).await
        });
        match found.await {
            Ok(found) => found.get(&self.0.id).cloned().map(StoredFile).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Agreement by which the network owes it; null when there is none, or you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.agreement_id).await.transpose()
    }

    /// Status: in effect, reversed, or a reversal.
    async fn status(&self, ctx: &Context<'_>) -> Result<BookingStatus> {
        status(ctx, &self.0).await
    }

    /// Cost that this one reverses; null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this cost; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of the reversal; null unless it is one.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Entries of the audit trail about it, the latest first; empty unless you may read them
    /// (OFFICE, FINANCE, AUDITOR).
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<AuditEntry>> {
        entries_of(ctx, &self.0, |row| row.id, connection::args(first, after, last, before)).await
    }
}

impl ConnectionNode for Cost {
    type Row = cost::Model;
    const NAME: &'static str = "Cost";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use cost::Column as C;
        match field {
            "activity" => &[C::ActivityId],
            "bookedOn" => &[C::BookedOn],
            "amount" => &[C::Amount],
            "vat" => &[C::Vat],
            "description" => &[C::Description],
            "supplier" => &[C::MemberId, C::OrganisationId],
            "reference" => &[C::Reference],
            "agreement" => &[C::AgreementId],
            "status" | "reverses" => &[C::ReversesId],
            "reason" => &[C::Reason],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[cost::Column::Id]
    }
}

/// A booked grant (bidrag) to an activity. It never changes: correct it with a reversal
/// (`grantReverse`) and a new grant.
#[derive(Clone, Description)]
pub struct Grant(pub BatchRow<grant::Model>);

#[Object(use_type_description)]
impl Grant {
    /// Global id of the grant, opaque.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = weight::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = weight::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Activity of the grant.
    async fn activity(&self, ctx: &Context<'_>) -> Result<Activity> {
        let found = activity_of(ctx, &self.0, |row| Some(row.activity_id)).await?;
        found.ok_or_else(|| Error::NotFound("there is no such activity".into()))
    }

    /// Day in the books.
    async fn booked_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    /// Amount in kronor. Negative for a reversal, or a grant that is paid back.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Name of the body that pays the grant.
    async fn funder(&self) -> &str {
        &self.0.funder
    }

    /// The agreement by which it comes in; null when there is none, or you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.agreement_id).await.transpose()
    }

    /// Status: in effect, reversed, or a reversal.
    async fn status(&self, ctx: &Context<'_>) -> Result<BookingStatus> {
        status(ctx, &self.0).await
    }

    /// The grant that this one reverses; null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reversal of this grant; null unless it is reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason of the reversal; null unless it is one.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Entries of the audit trail about it, the latest first; empty unless you may read them
    /// (OFFICE, FINANCE, AUDITOR).
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<AuditEntry>> {
        entries_of(ctx, &self.0, |row| row.id, connection::args(first, after, last, before)).await
    }
}

impl ConnectionNode for Grant {
    type Row = grant::Model;
    const NAME: &'static str = "Grant";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> &'static [Column<Self::Row>] {
        use grant::Column as C;
        match field {
            "activity" => &[C::ActivityId],
            "bookedOn" => &[C::BookedOn],
            "amount" => &[C::Amount],
            "funder" => &[C::Funder],
            "agreement" => &[C::AgreementId],
            "status" | "reverses" => &[C::ReversesId],
            "reason" => &[C::Reason],
            _ => &[],
        }
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[grant::Column::Id]
    }
}

fn row_ids<M: Booked>(row: &BatchRow<M>) -> Vec<Uuid> {
    row.batch_rows().iter().map(Booked::booking_id).collect()
}

/// Returns the status of a row; loads its batch with one statement.
async fn status<M: Booked>(ctx: &Context<'_>, row: &BatchRow<M>) -> Result<BookingStatus> {
    let reversed = row
        .share("reversed".to_owned(), || async {
            let columns = [M::COLUMNS.id, M::COLUMNS.reverses];
            let found = bookings::reversals_of::<M>(caller(ctx), &row_ids(row), &columns).await?;
            Ok(found.iter().filter_map(Booked::reverses).collect::<HashSet<_>>())
        })
        .await?;
    Ok(bookings::Status::of(row.reverses().is_some(), reversed.contains(&row.booking_id())).into())
}

/// Returns the booking that each row of a batch reverses.
async fn original_of<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    let Some(own) = row.reverses() else { return Ok(None) };
    let found = row
        .load(ctx, "original", || async {
            let ids: Vec<Uuid> = row.batch_rows().iter().filter_map(Booked::reverses).collect();
            let rows =
                bookings::by_ids::<N::Row>(caller(ctx), &ids, &selected_columns::<N>(ctx, DIRECT))
                    .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.booking_id()))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(N::of))
}

/// Returns the reversal of each row of a batch.
async fn reversal_of<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    let found = row
        .load(ctx, "reversal", || async {
            let columns =
                and(selected_columns::<N>(ctx, DIRECT), <N::Row as Booked>::COLUMNS.reverses);
            let rows =
                bookings::reversals_of::<N::Row>(caller(ctx), &row_ids(row), &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.reverses()))
        })
        .await?;
    Ok(found.get(&Some(row.booking_id())).and_then(|rows| rows.first()).cloned().map(N::of))
}

/// Returns the same page of bookings for each row of a batch of activities.
pub(super) fn bookings_of<'c, N: ConnectionNode<Row: Booked>>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<activity::Model>,
    args: domain::page::Args,
) -> BoxFuture<'c, Result<Connection<N>>> {
    connection::nested_connection(
        ctx,
        row,
        |row| row.id,
        (),
        |ctx, activities, ()| {
            Box::pin(async move {
                let columns = selected_columns::<N>(ctx, CONNECTION);
                bookings::of_each::<N::Row>(caller(ctx), activities, &args, &columns).await
            })
        },
        |ctx, activities, ()| Box::pin(bookings::count_each::<N::Row>(caller(ctx), activities)),
    )
}

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
    fn check(self, errors: &mut ValidationErrors) -> bookings::Filter {
        let supplier = self.supplier_id.and_then(|id| supplier(&id, "filter.supplierId", errors));
        let Self { activity_ids, agreement_id, from, to, status, .. } = self;
        let rest = GrantFilter { activity_ids, agreement_id, from, to, status };
        bookings::Filter { supplier, ..rest.check(errors) }
    }
}

impl GrantFilter {
    fn check(self, errors: &mut ValidationErrors) -> bookings::Filter {
        let activity = |(index, id): (usize, ID), errors: &mut ValidationErrors| {
            row_id(&id, &format!("filter.activityIds.{index}"), errors)
        };
        bookings::Filter {
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
pub(super) fn supplier(id: &ID, path: &str, errors: &mut ValidationErrors) -> Option<Supplier> {
    Some(match counterparty(id, path, errors)? {
        agreements::Counterparty::Member(id) => Supplier::Member(id),
        agreements::Counterparty::Organisation(id) => Supplier::Organisation(id),
    })
}

/// Returns a page of the ledger.
fn listed<'c, N: ConnectionNode<Row: Booked>>(
    ctx: &'c Context<'_>,
    filter: bookings::Filter,
    args: domain::page::Args,
    errors: ValidationErrors,
) -> BoxFuture<'c, Result<Connection<N>>> {
    connection::connection(
        ctx,
        ListRequest::<N, _>::new(ctx, filter, bookings::latest_first::<N::Row>(), args),
        errors,
        |ctx, list| {
            Box::pin(bookings::list::<N::Row>(caller(ctx), &list.filter, &list.args, &list.columns))
        },
        |ctx, filter| Box::pin(bookings::count::<N::Row>(caller(ctx), filter)),
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

/// Returns the booking with this id, with all of its columns. Fails with NOT_FOUND.
pub(super) async fn node<N: ConnectionNode<Row: Booked>>(ctx: &Context<'_>, id: Uuid) -> Result<N> {
    let found = bookings::by_ids::<N::Row>(caller(ctx), &[id], &every::<N>()).await?.pop();
    found
        .map(|row| N::of(BatchRow::single(row)))
        .ok_or_else(|| Error::NotFound("there is no such booking".into()))
}
