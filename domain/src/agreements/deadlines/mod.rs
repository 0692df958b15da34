//! Deadlines: agreements that expire or need a decision within a window of days, and the users who
//! have acknowledged them.

pub mod acknowledgements;
pub mod expiring_agreement;
pub mod query;
pub mod rules;
pub mod snooze;
mod soonest;
pub mod unsnooze;

use ::entity::{
    agreement::{Column, Model},
    kind::Form,
};
use sea_orm::{
    Condition, DbBackend,
    sea_query::{Expr, SelectStatement},
};

use self::rules::Window;
use super::{Filter, acknowledged::acknowledged, matching};
use crate::{
    context::Context,
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::column,
    term_sql,
};

/// Returns the order of deadlines: the earliest first.
#[must_use]
pub fn soonest_first(backend: DbBackend, window: Window) -> Order {
    let key = term_sql::next_deadline(backend, window.from);
    Order {
        name: "DEADLINE",
        key,
        key_type: KeyType::Day,
        id: column(Column::Id),
        descending: false,
    }
}

pub(super) fn expiring(ctx: Context<'_>, window: Window, filter: &Filter) -> SelectStatement {
    let mut select = unsnoozed(ctx, window, filter);
    select.cond_where(term_sql::deadline_within(ctx.db.backend(), window.from, window.to));
    select
}

/// Selects the agreements that match the filter, whatever their deadlines.
fn unsnoozed(ctx: Context<'_>, window: Window, filter: &Filter) -> SelectStatement {
    // Acknowledgements are evaluated on the first day of the window, also if the status is
    // evaluated on another day.
    let own = Filter {
        as_of: filter.as_of.or(Some(window.from)),
        include_snoozed: None,
        ..filter.clone()
    };
    let mut select = matching(ctx, &own);
    if !filter.include_snoozed.unwrap_or_default() {
        select.cond_where(acknowledged(ctx, window.from).not());
    }
    select
}

/// Returns a page of the agreements that the viewer can read and whose next deadline is in the
/// window, the earliest first. It omits agreements with a signed successor and, unless the filter
/// includes them, those whose deadline is acknowledged.
pub async fn list(
    ctx: Context<'_>,
    window: Window,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    let listed = || unsnoozed(ctx, window, filter);
    let select = soonest::select(ctx, window, filter, &page.page, listed)
        .unwrap_or_else(|| expiring(ctx, window, filter));
    page::fetch(ctx.db.read(), select, page).await
}

/// Counts the agreements that [`list`] pages through.
pub async fn count(ctx: Context<'_>, window: Window, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), expiring(ctx, window, filter)).await
}

/// Selects audit entries that are not about acknowledgements, which are an internal matter of the
/// network.
pub(crate) fn is_not_acknowledgement(backend: DbBackend) -> Condition {
    // Entries from before the migration of the audit trail have no form.
    let part = match backend {
        DbBackend::Postgres => {
            "(COALESCE(\"after\", \"before\")::jsonb -> 'acknowledged_at') IS NULL"
        }
        _ => "json_type(COALESCE(\"after\", \"before\"), '$.acknowledged_at') IS NULL",
    };
    let form = format!("COALESCE(form, '') <> '{}'", Form::Acknowledgement);
    Condition::all().add(Expr::cust(form)).add(Expr::cust(part))
}
