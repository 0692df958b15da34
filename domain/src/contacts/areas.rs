//! Contact areas (kontaktmannaskap): geographic areas that share board contacts.

use std::collections::HashMap;

use ::entity::{
    contact_area::{Column, Entity, Model},
    id::ContactAreaId,
};
use sea_orm::{
    EntityTrait, QueryFilter,
    sea_query::{Expr, Query, SelectStatement},
};

use crate::{
    activity_slugs::ListFilter,
    context::Context,
    database::among,
    error::Result,
    page::{self, KeyType, Order, PageRequest, Slice},
    query::column,
    search::{self, EntityType},
};

/// Filter of contact areas.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Words, or beginnings of words, that must all occur in the name: see [`search`].
    pub search: Option<String>,
}

impl ListFilter for Filter {}

/// Returns the order of contact areas: by name, in Swedish order.
#[must_use]
pub fn by_name(descending: bool) -> Order {
    Order {
        name: "NAME",
        key: column(Column::NameKey),
        key_type: KeyType::Text,
        id: column(Column::Id),
        descending,
    }
}

/// Returns contact areas. Every viewer can read them, since they reveal nothing about a member.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[ContactAreaId],
) -> Result<HashMap<ContactAreaId, Model>> {
    let found = Entity::find()
        .filter(among(ctx.db.backend(), Expr::col(Column::Id), ids.iter().copied()))
        .all(ctx.db.read())
        .await?;
    Ok(found.into_iter().map(|area| (area.id, area)).collect())
}

fn matching(ctx: Context<'_>, filter: &Filter) -> SelectStatement {
    let mut select = Query::select().from(Entity).take();
    let text = filter.search.as_deref();
    select.and_where_option(search::filter(
        ctx.db.backend(),
        EntityType::ContactArea,
        column(Column::Id),
        text,
    ));
    select
}

/// Returns a page of the contact areas that match the filter, ordered by name. Every viewer can
/// read them, since they reveal nothing about a member.
pub async fn list(
    ctx: Context<'_>,
    filter: &Filter,
    page: &PageRequest<Model>,
) -> Result<Slice<Model>> {
    page::fetch(ctx.db.read(), matching(ctx, filter), page).await
}

/// Counts the contact areas that [`list`] pages through.
pub async fn count(ctx: Context<'_>, filter: &Filter) -> Result<i64> {
    page::count(ctx.db.read(), matching(ctx, filter)).await
}
