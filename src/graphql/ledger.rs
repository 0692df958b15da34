//! The ledger of costs and grants as the API has it: lists, and corrections by reversal.

use std::{collections::HashSet, sync::Arc};

use ::entity::{
    activity, cost, grant,
    id::{CostId, GrantId},
    kind::Form,
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object, SimpleObject};
use uuid::Uuid;

use super::{
    activities::{Activity, activity_of, changed, ids},
    agreements::{Agreement, Counterparty, agreement_of, counterparty, counterparty_of},
    audit::{AuditEntry, history_of_records},
    batch::{BatchRow, grouped},
    connection::{
        self, CONNECTION, Column, Connection, ConnectionNode, DIRECT, Pages, and, every,
        selected_columns,
    },
    cost::list_size,
    database,
    mutation::mutation,
    scalars::{Date, Money, Parsed, node_id, row_id, take},
    viewer,
};
use domain::{
    activities::{
        accounts::Supplier,
        reversals::{self, NewReversal},
    },
    agreements,
    error::{Error, Result, ValidationErrors},
    revenue::bookings::{self, Booked},
};

/// Status of a cost or a grant.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "bookings::Status")]
pub enum BookingStatus {
    /// Stands as it was booked.
    Standing,
    /// Was reversed: see `reversedBy`.
    Reversed,
    /// Reverses another one: see `reverses`.
    Reversal,
}

/// A cost of an activity, as it was booked. It never changes: a correction is a reversal
/// (`costReverse`), and a new cost.
#[derive(Clone, Description)]
pub struct Cost(pub BatchRow<cost::Model>);

#[Object(use_type_description)]
impl Cost {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("cost", self.0.id)
    }

    /// The activity that it belongs to.
    async fn activity(&self, ctx: &Context<'_>) -> Result<Activity> {
        let found = activity_of(ctx, &self.0, |row| Some(row.activity_id)).await?;
        found.ok_or_else(|| Error::NotFound("there is no such activity".into()))
    }

    /// Day in the books.
    async fn booked_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    /// The amount that counts as cost: without the VAT that is deducted. Negative for a reversal.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// Input VAT (ingående moms) that is deducted, beside the amount and in no report of cost; null
    /// when it is not known.
    async fn vat(&self) -> Option<Money> {
        self.0.vat.map(Into::into)
    }

    /// Purpose of it.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The supplier; null when none is recorded, or you may not see it.
    async fn supplier(&self, ctx: &Context<'_>) -> Option<Result<Counterparty>> {
        Supplier::of(self.0.member_id, self.0.organisation_id)?;
        match counterparty_of(ctx, &self.0, |row| (row.member_id, row.organisation_id)).await {
            Err(Error::NotFound(_)) => None,
            found => Some(found),
        }
    }

    /// The supplier's own number of its invoice; null: none.
    async fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// The agreement by which the network owes it; null when there is none, or you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.agreement_id).await.transpose()
    }

    /// Its status: a cost that stands, one that was reversed, or a reversal.
    async fn status(&self, ctx: &Context<'_>) -> Result<BookingStatus> {
        status(ctx, &self.0).await
    }

    /// The cost that this one reverses; null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// The reversal of it; null when it was not reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason for the reversal; null unless it is one.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The entries of the audit log about it; empty unless you may read them (OFFICE, FINANCE,
    /// AUDITOR).
    #[graphql(directive = list_size::apply(Some(1), None))]
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<AuditEntry>> {
        history_of_records(ctx, &self.0, Form::Cost, |row| row.id.0).await
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

/// A grant (bidrag) to an activity, as it was booked. It never changes: a correction is a reversal
/// (`grantReverse`), and a new grant.
#[derive(Clone, Description)]
pub struct Grant(pub BatchRow<grant::Model>);

#[Object(use_type_description)]
impl Grant {
    /// Opaque and globally unique.
    pub async fn id(&self) -> ID {
        node_id("grant", self.0.id)
    }

    /// The activity that it belongs to.
    async fn activity(&self, ctx: &Context<'_>) -> Result<Activity> {
        let found = activity_of(ctx, &self.0, |row| Some(row.activity_id)).await?;
        found.ok_or_else(|| Error::NotFound("there is no such activity".into()))
    }

    /// Day in the books.
    async fn booked_on(&self) -> Date {
        Date(self.0.booked_on)
    }

    /// The amount. Negative for a reversal, or when a grant is paid back.
    async fn amount(&self) -> Money {
        self.0.amount.into()
    }

    /// The body that gives it.
    async fn funder(&self) -> &str {
        &self.0.funder
    }

    /// The agreement by which it comes in; null when there is none, or you may not see it.
    async fn agreement(&self, ctx: &Context<'_>) -> Option<Result<Agreement>> {
        agreement_of(ctx, &self.0, |row| row.agreement_id).await.transpose()
    }

    /// Its status: a grant that stands, one that was reversed, or a reversal.
    async fn status(&self, ctx: &Context<'_>) -> Result<BookingStatus> {
        status(ctx, &self.0).await
    }

    /// The grant that this one reverses; null unless it is a reversal.
    async fn reverses(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        original_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// The reversal of it; null when it was not reversed.
    async fn reversed_by(&self, ctx: &Context<'_>) -> Option<Result<Self>> {
        reversal_of::<Self>(ctx, &self.0).await.transpose()
    }

    /// Reason for the reversal; null unless it is one.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The entries of the audit log about it; empty unless you may read them (OFFICE, FINANCE,
    /// AUDITOR).
    #[graphql(directive = list_size::apply(Some(1), None))]
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<AuditEntry>> {
        history_of_records(ctx, &self.0, Form::Grant, |row| row.id.0).await
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

/// The status of each row of a batch, by one statement.
async fn status<M: Booked>(ctx: &Context<'_>, row: &BatchRow<M>) -> Result<BookingStatus> {
    let reversed = row
        .share("reversed".to_owned(), async {
            let columns = [M::COLUMNS.id, M::COLUMNS.reverses];
            let found =
                bookings::reversals_of::<M>(database(ctx), viewer(ctx), &row_ids(row), &columns)
                    .await?;
            Ok(found.iter().filter_map(Booked::reverses).collect::<HashSet<_>>())
        })
        .await?;
    Ok(bookings::Status::of(row.reverses().is_some(), reversed.contains(&row.booking_id())).into())
}

/// The booking that each row of a batch reverses.
async fn original_of<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    let Some(own) = row.reverses() else { return Ok(None) };
    let found = row
        .load(ctx, "original", async {
            let ids: Vec<Uuid> = row.batch_rows().iter().filter_map(Booked::reverses).collect();
            let rows = bookings::by_ids::<N::Row>(
                database(ctx),
                viewer(ctx),
                &ids,
                &selected_columns::<N>(ctx, DIRECT),
            )
            .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.booking_id()))
        })
        .await?;
    Ok(found.get(&own).and_then(|rows| rows.first()).cloned().map(N::of))
}

/// The reversal of each row of a batch.
async fn reversal_of<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    row: &BatchRow<N::Row>,
) -> Result<Option<N>> {
    let found = row
        .load(ctx, "reversal", async {
            let columns =
                and(selected_columns::<N>(ctx, DIRECT), <N::Row as Booked>::COLUMNS.reverses);
            let rows = bookings::reversals_of::<N::Row>(
                database(ctx),
                viewer(ctx),
                &row_ids(row),
                &columns,
            )
            .await?;
            Ok(grouped(BatchRow::each(rows), |row| row.reverses()))
        })
        .await?;
    Ok(found.get(&Some(row.booking_id())).and_then(|rows| rows.first()).cloned().map(N::of))
}

/// The same page of each row of a batch of activities.
pub(super) async fn bookings_of<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    row: &BatchRow<activity::Model>,
    args: domain::page::Args,
) -> Result<Connection<N>> {
    let pages = row
        .load(ctx, "pages", async {
            let columns = selected_columns::<N>(ctx, CONNECTION);
            Ok(Pages::new(
                bookings::of_each::<N::Row>(database(ctx), viewer(ctx), &ids(row), &args, &columns)
                    .await?,
            ))
        })
        .await?;
    let own = row.clone();
    let count: connection::Count = Arc::new(move |ctx| {
        let own = own.clone();
        Box::pin(async move {
            let counts = own
                .load(
                    ctx,
                    "count",
                    bookings::count_each::<N::Row>(database(ctx), viewer(ctx), &ids(&own)),
                )
                .await?;
            Ok(counts.get(&own.id.0).copied().unwrap_or_default())
        })
    });
    Ok(pages.connection(row.id, count))
}

/// A filter of costs; every part narrows the others.
#[derive(InputObject, Default)]
pub struct CostFilter {
    /// Of any of these activities.
    activity_ids: Option<Vec<ID>>,
    /// Of this supplier: a member or an organisation.
    supplier_id: Option<ID>,
    /// For this agreement.
    agreement_id: Option<ID>,
    /// Booked on this day or later.
    from: Option<Parsed<Date>>,
    /// Booked on this day or earlier.
    to: Option<Parsed<Date>>,
    /// With any of these statuses.
    status: Option<Vec<BookingStatus>>,
}

/// A filter of grants; every part narrows the others.
#[derive(InputObject, Default)]
pub struct GrantFilter {
    /// Of any of these activities.
    activity_ids: Option<Vec<ID>>,
    /// For this agreement.
    agreement_id: Option<ID>,
    /// Booked on this day or later.
    from: Option<Parsed<Date>>,
    /// Booked on this day or earlier.
    to: Option<Parsed<Date>>,
    /// With any of these statuses.
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
            row_id(&id, "activity", &format!("filter.activityIds.{index}"), errors)
        };
        bookings::Filter {
            activities: self.activity_ids.map(|ids| {
                ids.into_iter().enumerate().map(|each| activity(each, errors)).collect()
            }),
            supplier: None,
            agreement: self
                .agreement_id
                .map(|id| row_id(&id, "agreement", "filter.agreementId", errors)),
            from: take(self.from, "filter.from", errors).map(|day| day.0),
            to: take(self.to, "filter.to", errors).map(|day| day.0),
            statuses: self.status.unwrap_or_default().into_iter().map(Into::into).collect(),
        }
    }
}

/// Reads the id of a supplier.
pub(super) fn supplier(id: &ID, path: &str, errors: &mut ValidationErrors) -> Option<Supplier> {
    Some(match counterparty(id, path, errors)? {
        agreements::Counterparty::Member(id) => Supplier::Member(id),
        agreements::Counterparty::Organisation(id) => Supplier::Organisation(id),
    })
}

/// A page of the ledger.
async fn listed<N: ConnectionNode<Row: Booked>>(
    ctx: &Context<'_>,
    filter: bookings::Filter,
    args: domain::page::Args,
    mut errors: ValidationErrors,
) -> Result<Connection<N>> {
    domain::page::Page::check(&args, &bookings::latest_first::<N::Row>(), &mut errors);
    errors.finish()?;
    let slice = bookings::list::<N::Row>(
        database(ctx),
        viewer(ctx),
        &filter,
        &args,
        &selected_columns::<N>(ctx, CONNECTION),
    )
    .await?;
    let count: connection::Count = Arc::new(move |ctx| {
        let filter = filter.clone();
        Box::pin(
            async move { bookings::count::<N::Row>(database(ctx), viewer(ctx), &filter).await },
        )
    });
    Ok(Connection::new(slice, count))
}

/// The ledger's queries.
#[derive(Default)]
pub struct LedgerQuery;

#[Object]
impl LedgerQuery {
    /// Costs that were booked, the latest day first, their reversals included; those of the
    /// activities whose revenue you may see.
    async fn costs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<CostFilter>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Cost>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        listed(ctx, filter, connection::args(first, after, last, before), errors).await
    }

    /// Grants that were booked, the latest day first, their reversals included; those of the
    /// activities whose revenue you may see.
    async fn grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which; all when left out")] filter: Option<GrantFilter>,
        #[graphql(
            desc = "That many rows from the front; 25 when neither `first` nor `last` is given, and at most 200"
        )]
        first: Option<i32>,
        #[graphql(desc = "Only rows after the one with this cursor")] after: Option<String>,
        #[graphql(desc = "That many rows from the back")] last: Option<i32>,
        #[graphql(desc = "Only rows before the one with this cursor")] before: Option<String>,
    ) -> Result<Connection<Grant>> {
        let mut errors = ValidationErrors::default();
        let filter = filter.unwrap_or_default().check(&mut errors);
        listed(ctx, filter, connection::args(first, after, last, before), errors).await
    }
}

/// A reversal of a cost.
#[derive(InputObject)]
pub struct CostReverseInput {
    /// The cost to reverse.
    cost_id: ID,
    /// Day in the books, of no closed period, and not before the cost's own or after today; today
    /// when left out, or the first open day.
    reversed_on: Option<Parsed<Date>>,
    /// Reason for it.
    reason: String,
}

/// The result of `costReverse`.
#[derive(SimpleObject)]
pub struct CostReversePayload {
    /// The cost that was reversed; it stays as it was booked.
    cost: Cost,
    /// The reversal, with the negative amounts.
    reversal: Cost,
    /// The activity that both belong to.
    activity: Activity,
}

/// A reversal of a grant.
#[derive(InputObject)]
pub struct GrantReverseInput {
    /// The grant to reverse.
    grant_id: ID,
    /// Day in the books, of no closed period, and not before the grant's own or after today; today
    /// when left out, or the first open day.
    reversed_on: Option<Parsed<Date>>,
    /// Reason for it.
    reason: String,
}

/// The result of `grantReverse`.
#[derive(SimpleObject)]
pub struct GrantReversePayload {
    /// The grant that was reversed; it stays as it was booked.
    grant: Grant,
    /// The reversal, with the negative amount.
    reversal: Grant,
    /// The activity that both belong to.
    activity: Activity,
}

/// Mutations on the ledger.
#[derive(Default)]
pub struct LedgerMutation;

#[Object]
impl LedgerMutation {
    /// Reverses a cost: books the negative of it on a day of its own, for the same activity,
    /// supplier and agreement. What was reported of the cost's own day stays true. Record what is
    /// right with `costRecord`.
    ///
    /// CONFLICT with reason ALREADY_REVERSED, IS_REVERSAL for a reversal itself, or PERIOD_CLOSED
    /// for a given day of a closed period.
    async fn cost_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cost, and why it is reversed")] input: CostReverseInput,
    ) -> Option<Result<CostReversePayload>> {
        Some(reverse_cost(ctx, input).await)
    }

    /// Reverses a grant: books the negative of it on a day of its own. Record what is right with
    /// `grantRecord`.
    ///
    /// CONFLICT with reason ALREADY_REVERSED, IS_REVERSAL for a reversal itself, or PERIOD_CLOSED
    /// for a given day of a closed period.
    async fn grant_reverse(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The grant, and why it is reversed")] input: GrantReverseInput,
    ) -> Option<Result<GrantReversePayload>> {
        Some(reverse_grant(ctx, input).await)
    }
}

async fn reverse_cost(ctx: &Context<'_>, input: CostReverseInput) -> Result<CostReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = NewReversal {
        id: row_id(&input.cost_id, "cost", "input.costId", &mut errors),
        reversed_on: take(input.reversed_on, "input.reversedOn", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let mutation = mutation(ctx);
    let payload = async |id: CostId| {
        let reversal = node::<Cost>(ctx, id.0).await?;
        let cost = node::<Cost>(ctx, reversal.0.reverses().unwrap_or_default()).await?;
        Ok(CostReversePayload {
            activity: changed(ctx, reversal.0.activity_id).await?,
            cost,
            reversal,
        })
    };
    mutation
        .perform(reversals::reverse_cost(mutation.db(), viewer(ctx), new, errors), payload)
        .await
}

async fn reverse_grant(ctx: &Context<'_>, input: GrantReverseInput) -> Result<GrantReversePayload> {
    let mut errors = ValidationErrors::default();
    let new = NewReversal {
        id: row_id(&input.grant_id, "grant", "input.grantId", &mut errors),
        reversed_on: take(input.reversed_on, "input.reversedOn", &mut errors).map(|day| day.0),
        reason: input.reason,
    };
    let mutation = mutation(ctx);
    let payload = async |id: GrantId| {
        let reversal = node::<Grant>(ctx, id.0).await?;
        let grant = node::<Grant>(ctx, reversal.0.reverses().unwrap_or_default()).await?;
        Ok(GrantReversePayload {
            activity: changed(ctx, reversal.0.activity_id).await?,
            grant,
            reversal,
        })
    };
    mutation
        .perform(reversals::reverse_grant(mutation.db(), viewer(ctx), new, errors), payload)
        .await
}

/// The booking with this id, with all of its columns. Fails with NOT_FOUND.
async fn node<N: ConnectionNode<Row: Booked>>(ctx: &Context<'_>, id: Uuid) -> Result<N> {
    let found =
        bookings::by_ids::<N::Row>(database(ctx), viewer(ctx), &[id], &every::<N>()).await?.pop();
    found
        .map(|row| N::of(BatchRow::single(row)))
        .ok_or_else(|| Error::NotFound("there is no such booking".into()))
}
