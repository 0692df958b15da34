//! The fields `createdAt` and `updatedAt` of nodes, from the audit trail.

use std::{collections::HashMap, sync::Arc};

use ::entity::id::Identifier;
use async_graphql::Context;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    batch::{BatchRow, distinct},
    caller,
    scalars::DateTime,
};
use domain::{
    audit::History,
    change_feed::times::{self, Parts, Times},
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

/// A row of which the trail has no entries, but lists in those of the object that it is a part of.
pub struct PartOf<M> {
    /// The parts of the object.
    pub parts: Parts,
    /// Returns the id of the row.
    pub id: fn(&M) -> Uuid,
    /// Returns the id of the object.
    pub owner: fn(&M) -> Uuid,
}

impl<M: Send + Sync + 'static> PartOf<M> {
    /// Returns the time of the first entry with the row, as [`created_at`].
    pub fn created_at<'c>(
        self,
        ctx: &'c Context<'_>,
        row: &'c BatchRow<M>,
    ) -> BoxFuture<'c, Option<Result<DateTime>>> {
        let times = self.times(ctx, row);
        Box::pin(async move {
            times.await.map(|times| times.map(|times| DateTime(times.created_at))).transpose()
        })
    }

    /// Returns the time of the last entry that changed the row, as [`updated_at`].
    pub fn updated_at<'c>(
        self,
        ctx: &'c Context<'_>,
        row: &'c BatchRow<M>,
    ) -> BoxFuture<'c, Option<Result<DateTime>>> {
        let times = self.times(ctx, row);
        Box::pin(async move {
            times.await.map(|times| times.map(|times| DateTime(times.updated_at))).transpose()
        })
    }

    fn times<'c>(
        self,
        ctx: &'c Context<'_>,
        row: &'c BatchRow<M>,
    ) -> BoxFuture<'c, Result<Option<Times>>> {
        let Self { parts, id, owner } = self;
        let found = row.share("times".to_owned(), move || async move {
            let owners: Vec<Uuid> = distinct(row.batch_rows().iter().map(owner));
            times::of_parts(caller(ctx), parts, &owners).await
        });
        Box::pin(async move {
            let found: Arc<HashMap<Uuid, Times>> = found.await?;
            Ok(found.get(&id(row)).copied())
        })
    }
}
