//! Allocations (tilldelning): the yearly amounts that per-mille fees are calculated from.

pub mod new_allocation;
pub mod set;

use ::entity::{
    allocation::{Column, Entity, Model},
    id::{AllocationId, MemberId},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use super::of_visible_member;
use crate::{auth::viewer::Resource, context::Context, database::among, error::Result};

/// Returns the allocations of those of these members whose affairs the viewer can read, the latest
/// year first. With `year`, only the allocations of that year.
pub async fn of_members(
    ctx: Context<'_>,
    members: &[MemberId],
    year: Option<i32>,
) -> Result<Vec<Model>> {
    let mut find = Entity::find()
        .filter(of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            Expr::col(Column::MemberId),
        ))
        .filter(among(ctx.db.backend(), Expr::col(Column::MemberId), members.iter().copied()))
        .order_by_desc(Column::Year)
        // ALL_PARTIES sorts before STATE_SHARE, and is the basis of fees.
        .order_by_asc(Column::Basis);
    if let Some(year) = year {
        find = find.filter(Column::Year.eq(year));
    }
    Ok(find.all(ctx.db.read()).await?)
}

/// Returns those of these allocations that the viewer can read, in no order.
pub async fn by_ids(ctx: Context<'_>, ids: &[AllocationId]) -> Result<Vec<Model>> {
    let find = Entity::find()
        .filter(of_visible_member(
            &ctx.viewer.visibility(Resource::MemberAffairs),
            Expr::col(Column::MemberId),
        ))
        .filter(among(ctx.db.backend(), Expr::col(Column::Id), ids.iter().copied()));
    Ok(find.all(ctx.db.read()).await?)
}
