//! Closed periods of the books.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{
    database,
    mutation::mutation,
    network,
    scalars::{Date, Parsed},
    viewer,
};
use domain::{
    books::{self, Closing},
    error::{Result, ValidationErrors},
    vouchers::close_period,
};

/// Queries about closed periods.
#[derive(Default)]
pub struct ClosingQuery;

#[Object]
impl ClosingQuery {
    /// The last day on which nothing is booked any more: `2026-01-31` when the books are closed
    /// through January. Null when every day is open.
    async fn books_closed_through(&self, ctx: &Context<'_>) -> Result<Option<Date>> {
        Ok(Closing::load(database(ctx).read()).await?.through.map(Date))
    }
}

/// A period to be closed.
#[derive(InputObject)]
pub struct PeriodCloseInput {
    /// Its last day, before today. All days before it are closed too.
    through: Parsed<Date>,
}

/// A period to be opened again.
#[derive(InputObject)]
pub struct PeriodReopenInput {
    /// The first day that is open again. Later days are open too.
    from: Parsed<Date>,
    /// Why, in one line; the audit trail keeps it.
    reason: String,
}

/// Payload of `periodClose`.
#[derive(SimpleObject)]
pub struct PeriodClosePayload {
    /// The last closed day.
    books_closed_through: Option<Date>,
}

/// Payload of `periodReopen`.
#[derive(SimpleObject)]
pub struct PeriodReopenPayload {
    /// The last closed day; null when every day is open.
    books_closed_through: Option<Date>,
}

/// Mutations of closed periods.
#[derive(Default)]
pub struct ClosingMutation;

#[Object]
impl ClosingMutation {
    /// Closes the books through a day: nothing is booked on that day or before it any more.
    /// Payments of such a day that come later are booked on the first open day, and keep their own.
    /// Costs, grants, invoices, credit notes and reminders of such a day are refused.
    ///
    /// CONFLICT with reason ALREADY_CLOSED when the day is closed, or NOT_EXPORTED when a
    /// correcting voucher of these days is in no export batch yet.
    async fn period_close(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The period.")] input: PeriodCloseInput,
    ) -> Option<Result<PeriodClosePayload>> {
        let mut errors = ValidationErrors::default();
        let through = input.through.take("input.through", &mut errors).0;
        let mutation = mutation(ctx);
        let rule = close_period::close(
            mutation.db(),
            viewer(ctx),
            through,
            &network(ctx).accounts,
            errors,
        );
        let payload = |_| async move {
            let closing = Closing::load(database(ctx).read()).await?;
            Ok(PeriodClosePayload { books_closed_through: closing.through.map(Date) })
        };
        Some(mutation.perform(rule, payload).await)
    }

    /// Opens the books again from a day, with the reason in the audit trail.
    ///
    /// CONFLICT with reason NOT_CLOSED when the day is open.
    async fn period_reopen(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The period.")] input: PeriodReopenInput,
    ) -> Option<Result<PeriodReopenPayload>> {
        let mut errors = ValidationErrors::default();
        let from = input.from.take("input.from", &mut errors).0;
        let mutation = mutation(ctx);
        let rule = books::reopen(mutation.db(), viewer(ctx), from, &input.reason, errors);
        let payload = |_| async move {
            let closing = Closing::load(database(ctx).read()).await?;
            Ok(PeriodReopenPayload { books_closed_through: closing.through.map(Date) })
        };
        Some(mutation.perform(rule, payload).await)
    }
}
