//! GraphQL query and mutations of closed periods of the books.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{
    database,
    mutation::mutation,
    network,
    scalars::{Date, Parsed},
};
use domain::{
    books::{Closing, reopen},
    error::{Result, ValidationErrors},
    vouchers::close_period,
};

/// Queries of closed periods.
#[derive(Default)]
pub struct ClosingQuery;

#[Object]
impl ClosingQuery {
    /// Last closed day of the books, on and before which nothing more is booked: `2026-01-31` when
    /// they are closed through January. Null when no period is closed.
    async fn books_closed_through(&self, ctx: &Context<'_>) -> Result<Option<Date>> {
        Ok(Box::pin(Closing::load(database(ctx).read())).await?.through.map(Date))
    }
}

/// Input of `periodClose`.
#[derive(InputObject)]
pub struct PeriodCloseInput {
    /// Last day of the period, before today. All earlier days are closed too.
    closed_through: Parsed<Date>,
}

/// Input of `periodReopen`.
#[derive(InputObject)]
pub struct PeriodReopenInput {
    /// First day to reopen. All later days are open too.
    reopened_from: Parsed<Date>,
    /// Reason, in one line; stored in the audit trail.
    reason: String,
}

/// Payload of `periodClose`.
#[derive(SimpleObject)]
pub struct PeriodClosePayload {
    /// Last closed day.
    books_closed_through: Option<Date>,
}

/// Payload of `periodReopen`.
#[derive(SimpleObject)]
pub struct PeriodReopenPayload {
    /// Last closed day; null when no period is closed.
    books_closed_through: Option<Date>,
}

/// Mutations of closed periods.
#[derive(Default)]
pub struct ClosingMutation;

#[Object]
impl ClosingMutation {
    /// Closes the books through a day: nothing more is booked on that day or before it. Payments of
    /// such a day that arrive later are booked on the first open day, and retain their own day.
    /// Costs, grants, invoices, credit notes and reminders of such a day are refused.
    ///
    /// CONFLICT with reason ALREADY_CLOSED when the day is closed, or NOT_EXPORTED when a
    /// correcting voucher of these days is not yet in an export batch.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn period_close(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The period to close.")] input: Box<PeriodCloseInput>,
    ) -> Option<Result<PeriodClosePayload>> {
        let mut errors = ValidationErrors::default();
        let through = input.closed_through.take("closed_through", &mut errors).0;
        let mutation = mutation(ctx);
        let rule = close_period::close(mutation.context(), through, &network(ctx).accounts, errors);
        let payload = |_| async move {
            let closing = Closing::load(database(ctx).read()).await?;
            Ok(PeriodClosePayload { books_closed_through: closing.through.map(Date) })
        };
        Some(mutation.perform(rule, payload).await)
    }

    /// Reopens the books from a day, and stores the reason in the audit trail.
    ///
    /// CONFLICT with reason NOT_CLOSED when the day is open.
    ///
    /// Requires the role OFFICE or FINANCE.
    async fn period_reopen(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The period to reopen.")] input: Box<PeriodReopenInput>,
    ) -> Option<Result<PeriodReopenPayload>> {
        let mut errors = ValidationErrors::default();
        let from = input.reopened_from.take("reopened_from", &mut errors).0;
        let mutation = mutation(ctx);
        let rule = reopen::reopen(mutation.context(), from, &input.reason, errors);
        let payload = |_| async move {
            let closing = Closing::load(database(ctx).read()).await?;
            Ok(PeriodReopenPayload { books_closed_through: closing.through.map(Date) })
        };
        Some(mutation.perform(rule, payload).await)
    }
}
