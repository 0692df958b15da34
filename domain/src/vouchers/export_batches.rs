//! Export batches: each voucher is exported once to the bookkeeping program, with a number of its
//! own, and a batch can be repeated byte for byte.
//!
//! The file of a batch is never rewritten; a later change is a correcting voucher in a later batch.

use ::entity::export_batch::{Column, Entity, Model};
use sea_orm::{ColumnTrait, EntityTrait, Order, QueryFilter, sea_query::Query};

use crate::{
    auth::viewer::Permission,
    context::Context,
    database::rows,
    error::{Error, Result},
};

/// The columns of a batch without its file.
pub const LISTED: [Column; 7] = [
    Column::Id,
    Column::Number,
    Column::MadeAt,
    Column::ThroughOn,
    Column::Vouchers,
    Column::VouchersSha256,
    Column::FileSha256,
];

/// Returns every batch without its file, the earliest first.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage accounts.
pub async fn list(ctx: Context<'_>) -> Result<Vec<Model>> {
    ctx.require(Permission::ManageAccounts)?;
    let select =
        Query::select().columns(LISTED).from(Entity).order_by(Column::Number, Order::Asc).take();
    rows(ctx.db.read(), &select, &LISTED).await
}

/// Returns a batch with its file, byte for byte as it was exported.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage accounts, NOT_FOUND.
pub async fn by_number(ctx: Context<'_>, number: i32) -> Result<Model> {
    ctx.require(Permission::ManageAccounts)?;
    let found = Entity::find().filter(Column::Number.eq(number)).one(ctx.db.read()).await?;
    found.ok_or_else(|| Error::not_found("export batch", number))
}
