//! GraphQL query of the retention report.

use async_graphql::{Context, Object};

use super::types::{RetentionHolding, RetentionReport};
use crate::graphql::{
    batch::BatchRow,
    caller,
    connection::every,
    contacts::types::Contact,
    cost::{cost, unversioned},
    network,
    scalars::{Date, Parsed, take},
};
use domain::{
    contacts,
    error::{Result, ValidationErrors},
    retention,
};

/// Queries of retention.
#[derive(Default)]
pub struct RetentionQuery;

#[Object]
impl RetentionQuery {
    /// Report of stored data, and of what may be erased or must be retained. For OFFICE and
    /// AUDITOR; FORBIDDEN to other roles. `samregister retention --erase` erases what may be
    /// erased.
    #[graphql(directive = cost::apply("500".into()), directive = unversioned::apply())]
    async fn retention(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Day of the report; defaults to today.")] as_of: Option<Parsed<Date>>,
    ) -> Option<Result<RetentionReport>> {
        Some(Box::pin(report(ctx, as_of)).await)
    }
}

async fn report(ctx: &Context<'_>, as_of: Option<Parsed<Date>>) -> Result<RetentionReport> {
    let mut errors = ValidationErrors::default();
    let on = take(as_of, "as_of", &mut errors).map(|on| on.0);
    errors.finish()?;
    let caller = caller(ctx);
    let report = retention::report(
        caller,
        &network(ctx).retention,
        on.unwrap_or_else(|| caller.clock.today()),
    )
    .await?;
    let is_selected = ctx.look_ahead().field("contacts").exists();
    let due = if is_selected {
        contacts::by_ids(caller, &report.contacts, &every::<Contact>()).await?
    } else {
        Vec::new()
    };
    let mut due = BatchRow::each(due);
    due.sort_by_key(|row| (row.valid_to, row.id));
    let extra = |held: retention::Holding| RetentionHolding {
        kind: held.kind.into(),
        record_count: held.count,
        oldest: held.oldest.map(Date),
        erasable_from: held.erasable_from.map(Date),
        due_count: held.due,
        law: held.kind.law(),
    };
    Ok(RetentionReport {
        as_of: Date(report.on),
        holdings: report.holdings.into_iter().map(extra).collect(),
        contacts: due.into_iter().map(Contact).collect(),
    })
}
