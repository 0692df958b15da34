//! Export of new vouchers in a batch.

use ::entity::{
    export_batch::{Column, Entity, Model},
    id::ExportBatchId,
    voucher,
};
use chrono::NaiveDate;
use documents::{sha256, sie};
use sea_orm::{
    ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel,
    sea_query::{Expr, Query},
};

use super::{
    bookings::Range,
    numbering::{LastNumbers, digest, number},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    error::{FieldErrorCode, Result, ValidationErrors},
    vouchers,
};

/// Vouchers that are written together.
const ROWS: usize = 250;

/// Exports in a new batch every voucher up to and including a day that was not exported before, and
/// the corrections of exported ones. `errors` are those found while the input was parsed. Returns
/// the batch, or `None` if there is nothing new.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage accounts and invoices; INVALID for a future day or if the
/// network has no name; CONFLICT `NO_ACCOUNT` if a line's account is not an account number.
pub async fn export(
    ctx: Context<'_>,
    network: &Network,
    through: NaiveDate,
    mut errors: ValidationErrors,
) -> Result<Option<Model>> {
    ctx.require(Permission::ManageAccounts)?;
    ctx.require(Permission::ManageInvoices)?;
    errors.expect(
        through <= ctx.clock.today(),
        "through",
        FieldErrorCode::too_late(ctx.clock.today(), "must not be in the future"),
    );
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::VoucherExport).await?;
    let mut booked = vouchers::booked(change.tx(), network, Range::NewThrough(through)).await?;
    if booked.vouchers.is_empty() {
        change.undo().await?;
        return Ok(None);
    }
    let mut last = last_numbers(change.tx()).await?;
    let batch_id = ExportBatchId::new();
    let exported = number(&mut booked.vouchers, &mut last, batch_id);
    let content = sie::file(&booked.journal(ctx.clock.today(), network)?)?;
    let batch = Model {
        id: batch_id,
        number: last_batch(change.tx()).await? + 1,
        made_at: change.at(),
        through_on: through,
        vouchers: i32::try_from(exported.len()).unwrap_or(i32::MAX),
        vouchers_sha256: digest(&exported),
        file_sha256: sha256(&content),
        content,
    };
    audit::insert(&change, batch.clone()).await?;
    for rows in exported.chunks(ROWS) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        voucher::Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    change.record(None, Some(&batch))?;
    change.commit_with(batch.id).await?;
    Ok(Some(batch))
}

/// Returns the last number of each series and year.
async fn last_numbers(db: &impl ConnectionTrait) -> Result<LastNumbers> {
    use voucher::Column as V;
    let select = Query::select()
        .columns([V::Series, V::Year])
        .expr(Expr::col(V::Number).max())
        .from(voucher::Entity)
        .and_where(Expr::col(V::BatchId).is_not_null())
        .group_by_columns([V::Series, V::Year])
        .take();
    let read = |row: &sea_orm::QueryResult| {
        Ok(((row.try_get_by_index(0)?, row.try_get_by_index(1)?), row.try_get_by_index(2)?))
    };
    db.query_all(&select).await?.iter().map(read).collect()
}

async fn last_batch(db: &impl ConnectionTrait) -> Result<i32> {
    let select = Query::select().expr(Expr::col(Column::Number).max()).from(Entity).take();
    let row = db.query_one(&select).await?;
    Ok(row
        .map(|row| row.try_get_by_index::<Option<i32>>(0))
        .transpose()?
        .flatten()
        .unwrap_or_default())
}
