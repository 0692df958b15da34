//! GraphQL types of costs and grants.

use std::collections::HashSet;

use ::entity::{activity, cost, grant};
use async_graphql::{Context, Description, Enum, ID, Object};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::graphql::{
    activities::types::{Activity, activity_of},
    agreements::{
        counterparty::{Counterparty, CounterpartyIds, counterparty_of},
        types::{Agreement, agreement_of},
    },
    audit::types::{AuditEntry, entries_of},
    batch::{BatchRow, grouped},
    caller,
    connection::{
        self, Column, Connection, ConnectionNode, DIRECT, ListRequest, and, every, selected_columns,
    },
    cost::{cost as weight, unversioned},
    database,
    scalars::{Date, DateTime, Money, node_id},
    stored_files::types::StoredFile,
    times,
};

use domain::{
    booking_status,
    error::{Error, Result, ValidationErrors},
    ledger::{self, Booked, booked_for::Supplier, reverse_cost, reverse_grant},
    stored_files,
};

/// Status of a cost, a grant, a payment or a refund.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "booking_status::BookingStatus")]
pub enum BookingStatus {
    /// Booked and in effect: neither reversed nor a reversal.
    Booked,
    /// Reversed: see `reversedBy`.
    Reversed,
    /// Reversal of another booking: see `reverses`.
    Reversal,
}

/// Defines the type of a booking. The fields that costs and grants share are declared one time,
/// with the descriptions of each; its `own` ones are between them.
macro_rules! booking_type {
    (
        $(#[$description:meta])*
        $name:ident($row:ident) {
            $(#[$id:meta])*
            id;
            $(#[$activity:meta])*
            activity;
            $(#[$amount:meta])*
            amount;
            own { $($own:tt)* }
            $(#[$agreement:meta])*
            agreement;
            $(#[$reverses:meta])*
            reverses;
            $(#[$reversed_by:meta])*
            reversed_by;
            $(#[$viewer_can_reverse:meta])*
            viewer_can_reverse = $reversible:path;
            columns { $($field:literal => $columns:expr,)* }
        }
    ) => {
$(#[$description])*
#[derive(Clone, Description)]
pub struct $name(pub BatchRow<$row::Model>);

#[Object(use_type_description)]
impl $name {
    $(#[$id])*
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

    $(#[$activity])*
    async fn activity(&self, ctx: &Context<'_>) -> Result<Activity> {
        let found = activity_of(ctx, &self.0, |row| Some(row.activity_id)).await?;
        found.ok_or_else(|| Error::NotFound("there is no such activity".into()))
    }

    /// Day in the books.
    async fn booked_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    $(#[$amount])*
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    $($own)*

    $(#[$agreement])*
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.agreement_id).await.transpose()
    }

    /// Status: in effect, reversed, or a reversal.
    async fn status(&self, ctx: &Context<'_>) -> Result<BookingStatus> {
        status(ctx, &self.0).await
    }

    $(#[$reverses])*
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    $(#[$reversed_by])*
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
        let args = connection::args(first, after, last, before);
        entries_of(ctx, &self.0, |row| row.id, args).await
    }

    $(#[$viewer_can_reverse])*
    #[graphql(directive = weight::apply("3".into()), directive = unversioned::apply())]
    async fn viewer_can_reverse(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || $reversible(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id.0))
    }
}

impl ConnectionNode for $name {
    type Row = $row::Model;
    const NAME: &'static str = stringify!($name);

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        let columns: &'static [Column<Self::Row>] = match field {
            "activity" => &[$row::Column::ActivityId],
            "bookedOn" => &[$row::Column::BookedOn],
            "amount" => &[$row::Column::Amount],
            $($field => $columns,)*
            "agreement" => &[$row::Column::AgreementId],
            "status" | "reverses" | "viewerCanReverse" => &[$row::Column::ReversesId],
            "reason" => &[$row::Column::Reason],
            "id" | "createdAt" | "updatedAt" | "reversedBy" | "auditEntries" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[$row::Column::Id]
    }
}
    };
}

booking_type! {
/// A booked cost of an activity. It never changes: correct it with a reversal (`costReverse`) and a
/// new cost.
Cost(cost) {
    /// Global id of the cost, opaque.
    id;
    /// Activity of the cost.
    activity;
    /// Amount in kronor without deducted VAT. Negative for a cost that the supplier pays back. A
    /// reversal has the amount of the reversed cost with the opposite sign.
    amount;
    own {

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
            stored_files::of_costs(caller(ctx), &costs).await
        });
        match found.await {
            Ok(found) => {
                found.get(&self.0.id).cloned().map(BatchRow::single).map(StoredFile).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }

    }
    /// Agreement by which the network owes it; null when there is none, or you may not see it.
    agreement;
    /// Cost that this one reverses; null unless it is a reversal.
    reverses;
    /// Reversal of this cost; null unless it is reversed.
    reversed_by;
    /// `true` if you may reverse the cost (`costReverse`): it is in effect.
    viewer_can_reverse = reverse_cost::reversible;
    columns {
        "vat" => &[cost::Column::Vat],
        "description" => &[cost::Column::Description],
        "supplier" => &[cost::Column::MemberId, cost::Column::OrganisationId],
        "reference" => &[cost::Column::Reference],
        "file" => &[],
    }
}
}

booking_type! {
/// A booked grant (bidrag) to an activity. It never changes: correct it with a reversal
/// (`grantReverse`) and a new grant.
Grant(grant) {
    /// Global id of the grant, opaque.
    id;
    /// Activity of the grant.
    activity;
    /// Amount in kronor. Negative for a grant that is paid back. A reversal has the amount of the
    /// reversed grant with the opposite sign.
    amount;
    own {

    /// Name of the body that pays the grant.
    async fn funder(&self) -> &str {
        &self.0.funder
    }

    }
    /// The agreement by which it comes in; null when there is none, or you may not see it.
    agreement;
    /// The grant that this one reverses; null unless it is a reversal.
    reverses;
    /// Reversal of this grant; null unless it is reversed.
    reversed_by;
    /// `true` if you may reverse the grant (`grantReverse`): it is in effect.
    viewer_can_reverse = reverse_grant::reversible;
    columns {
        "funder" => &[grant::Column::Funder],
    }
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
            let found = ledger::reversals_of::<M>(caller(ctx), &row_ids(row), &columns).await?;
            Ok(found.iter().filter_map(Booked::reverses).collect::<HashSet<_>>())
        })
        .await?;
    let is_reversed = reversed.contains(&row.booking_id());
    Ok(booking_status::BookingStatus::of(row.reverses().is_some(), is_reversed).into())
}

/// Returns the booking that each row of a batch reverses.
async fn original_of<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    connection::referenced::<N, _, _>(
        ctx,
        row,
        Booked::reverses,
        Booked::booking_id,
        |ctx, ids, columns| Box::pin(ledger::by_ids::<N::Row>(caller(ctx), ids, columns)),
    )
    .await
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
            let rows = ledger::reversals_of::<N::Row>(caller(ctx), &row_ids(row), &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.reverses()))
        })
        .await?;
    Ok(found.get(&Some(row.booking_id())).and_then(|rows| rows.first()).cloned().map(N::of))
}

/// Returns the same page of bookings for each row of a batch of activities.
pub(in crate::graphql) fn bookings_of<'c, N: ConnectionNode<Row: Booked>>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<activity::Model>,
    args: domain::page::Args,
) -> BoxFuture<'c, Result<Connection<N>>> {
    let backend = database(ctx).backend();
    let latest_first = ledger::order::<N::Row>(backend, ledger::Field::BookedOn, true);
    connection::nested_connection(
        ctx,
        row,
        |row| row.id,
        ListRequest::new((), latest_first, args, ValidationErrors::default()),
        |ctx, activities, (), page| {
            Box::pin(ledger::of_each::<N::Row>(caller(ctx), activities, page))
        },
        |ctx, activities, ()| Box::pin(ledger::count_each::<N::Row>(caller(ctx), activities)),
    )
}

/// Returns the booking with this id, with all of its columns. Fails with NOT_FOUND.
pub(in crate::graphql) async fn node<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    id: Uuid,
) -> Result<N> {
    Ok(N::of(BatchRow::single(row_with_id::<N>(ctx, id).await?)))
}

/// Returns the reversal with this id and the booking that it reverses. Fails with NOT_FOUND.
pub(super) async fn reversal_and_original<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    id: Uuid,
) -> Result<(N, N)> {
    let reversal = row_with_id::<N>(ctx, id).await?;
    let original = node(ctx, reversal.reverses().unwrap_or_default()).await?;
    Ok((N::of(BatchRow::single(reversal)), original))
}

async fn row_with_id<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    id: Uuid,
) -> Result<N::Row> {
    let found = ledger::by_ids::<N::Row>(caller(ctx), &[id], &every::<N>()).await?.pop();
    found.ok_or_else(|| Error::NotFound("there is no such booking".into()))
}
