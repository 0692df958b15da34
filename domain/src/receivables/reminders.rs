//! Reminders (påminnelser) of overdue invoices.

use ::entity::{
    id::InvoiceId,
    reminder::{Column, Entity, Model},
};
use sea_orm::{EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use crate::{context::Context, database::among, error::Result};

/// Returns the reminders of each of these invoices, the earliest first. The caller must have
/// checked that the viewer may read the invoices.
pub async fn of_invoices(ctx: Context<'_>, invoices: &[InvoiceId]) -> Result<Vec<Model>> {
    Ok(Entity::find()
        .filter(among(ctx.db.backend(), Expr::col(Column::InvoiceId), invoices.iter().copied()))
        .order_by_asc(Column::SentOn)
        .order_by_asc(Column::Id)
        .all(ctx.db.read())
        .await?)
}
