//! Reading of uploaded files: a viewer may read a file if it may read the agreement or the cost that
//! the file belongs to.

use ::entity::{agreement, cost, id::StoredFileId, stored_file};

use crate::{
    agreements,
    context::Context,
    error::Result,
    ledger,
    stored_files::{self, FileOwner},
};

/// Returns a file with its bytes; `None` if there is none, or the viewer may not read it.
pub async fn read(
    ctx: Context<'_>,
    id: StoredFileId,
) -> Result<Option<(stored_file::Model, Vec<u8>)>> {
    let Some((row, owner)) = stored_files::find(ctx.db, id).await? else { return Ok(None) };
    let is_visible = match owner {
        FileOwner::Signature(_, agreement) => {
            let found = agreements::by_ids(ctx, &[agreement], &[agreement::Column::Id]).await?;
            !found.is_empty()
        }
        FileOwner::Cost(cost, ..) => {
            let columns = [cost::Column::Id];
            let found = ledger::by_ids::<cost::Model>(ctx, &[cost.0], &columns).await?;
            !found.is_empty()
        }
    };
    if !is_visible {
        return Ok(None);
    }
    Ok(stored_files::content(ctx.db.read(), &row.sha256).await?.map(|bytes| (row, bytes)))
}
