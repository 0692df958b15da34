//! Tax decisions of the network: the VAT treatment of an activity's income and of members' fees,
//! from a day on.
//!
//! No fee has a VAT treatment by default. It is stated with the price or the agreement, or the tax
//! decision determines it.

pub mod exemption;
pub mod in_force;
pub mod integrity;
mod loading;
pub mod new_decision;
pub mod record;

use ::entity::{
    id::TaxDecisionId,
    tax_decision::{Column, Entity, Model},
};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use crate::{context::Context, database::among, error::Result};

/// Returns all tax decisions, the latest first. They are public, as fees are.
pub async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .order_by_desc(Column::ValidFrom)
        .order_by_asc(Column::Fee)
        .order_by_asc(Column::Id)
        .all(db)
        .await?)
}

/// Returns these tax decisions, in no particular order.
pub async fn by_ids(ctx: Context<'_>, ids: &[TaxDecisionId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(among(ctx.db.backend(), Expr::col(Column::Id), ids.iter().copied()))
        .all(ctx.db.read())
        .await?)
}
