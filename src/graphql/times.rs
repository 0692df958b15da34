//! The fields `createdAt` and `updatedAt` of nodes, from the audit trail.

use std::{collections::HashMap, sync::Arc};

use ::entity::{id::Identifier, payment};
use async_graphql::Context;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{batch::BatchRow, caller, scalars::DateTime};
use domain::{
    audit::History,
    change_feed::times::{self, Times},
    error::Result,
};

/// Returns the time of the first entry about a row that the viewer may learn of; `None` if there is
/// none. Loads the times of the whole batch with one statement, which both fields share.
pub fn created_at<'c, M, K>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    id: fn(&M) -> K,
) -> BoxFuture<'c, Option<Result<DateTime>>>
where
    M: Send + Sync + 'static,
    K: Identifier + 'static,
{
    let times = of(ctx, row, id);
    Box::pin(async move {
        times.await.map(|times| times.map(|times| DateTime(times.created_at))).transpose()
    })
}

/// Returns the time of the last entry about a row that the viewer may learn of, as [`created_at`]
/// does for the first.
pub fn updated_at<'c, M, K>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    id: fn(&M) -> K,
) -> BoxFuture<'c, Option<Result<DateTime>>>
where
    M: Send + Sync + 'static,
    K: Identifier + 'static,
{
    let times = of(ctx, row, id);
    Box::pin(async move {
        times.await.map(|times| times.map(|times| DateTime(times.updated_at))).transpose()
    })
}

fn of<'c, M, K>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<M>,
    id: fn(&M) -> K,
) -> BoxFuture<'c, Result<Option<Times>>>
where
    M: Send + Sync + 'static,
    K: Identifier + 'static,
{
    let own: Uuid = id(row).into();
    let found = row.share("times".to_owned(), move || async move {
        let Some(history) = History::of(K::NODE_TYPE) else { return Ok(HashMap::new()) };
        let ids: Vec<Uuid> = row.batch_rows().iter().map(|row| id(row).into()).collect();
        times::of_each(caller(ctx), history, &ids).await
    });
    Box::pin(async move {
        let found: Arc<HashMap<Uuid, Times>> = found.await?;
        Ok(found.get(&own).copied())
    })
}

/// Returns the time at which a payment was recorded, which is also that of its last change: a
/// payment never changes. `None` if the viewer may not learn of it.
pub fn of_payment<'c>(
    ctx: &'c Context<'_>,
    row: &'c BatchRow<payment::Model>,
) -> BoxFuture<'c, Option<Result<DateTime>>> {
    let found =
        row.share("times".to_owned(), move || times::of_payments(caller(ctx), row.batch_rows()));
    Box::pin(async move {
        found.await.map(|found| found.get(&row.id).copied().map(DateTime)).transpose()
    })
}
