//! Fee schedules: prices of participation in an activity, or of membership, from a day on.

pub mod price;
pub mod set;
pub mod set_network_fee;
mod write;

use ::entity::{
    fee_schedule::{Column, Entity, Model},
    id::{ActivityId, FeeScheduleId},
};
use sea_orm::{
    ExprTrait,
    sea_query::{Query, SelectStatement},
};

use crate::{
    context::Context,
    database::among,
    error::Result,
    query::{self, column},
};

/// Selects fee schedules, the latest first.
fn select() -> SelectStatement {
    Query::select()
        .from(Entity)
        .order_by_expr(column(Column::ValidFrom), sea_orm::Order::Desc)
        .order_by_expr(column(Column::Basis), sea_orm::Order::Asc)
        .take()
}

/// Returns the fee schedules of these activities, the latest first. They are public, as the
/// activities are.
pub async fn of_activities(
    ctx: Context<'_>,
    activities: &[ActivityId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select();
    select.and_where(among(
        ctx.db.backend(),
        column(Column::ActivityId),
        activities.iter().copied(),
    ));
    query::rows(ctx.db.read(), select, columns).await
}

/// Returns the network's own fee schedules, for membership and service, the latest first. They are
/// public.
pub async fn of_network(ctx: Context<'_>, columns: &[Column]) -> Result<Vec<Model>> {
    let mut select = select();
    select.and_where(column(Column::ActivityId).is_null());
    query::rows(ctx.db.read(), select, columns).await
}

/// Returns these fee schedules, the latest first.
pub async fn by_ids(
    ctx: Context<'_>,
    ids: &[FeeScheduleId],
    columns: &[Column],
) -> Result<Vec<Model>> {
    let mut select = select();
    select.and_where(among(ctx.db.backend(), column(Column::Id), ids.iter().copied()));
    query::rows(ctx.db.read(), select, columns).await
}
