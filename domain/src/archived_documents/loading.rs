//! Reads a document within a change.

use ::entity::{
    archived_document::{Entity, Model},
    id::ArchivedDocumentId,
};
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::error::{ConflictReason, Error, Result};

/// Returns a document whose files are stored.
///
/// # Errors
/// NOT_FOUND, CONFLICT `ERASED`.
pub(super) async fn find_stored(
    tx: &impl ConnectionTrait,
    id: ArchivedDocumentId,
) -> Result<Model> {
    let row = Entity::find_by_id(id).one(tx).await?;
    let row =
        row.ok_or_else(|| Error::missing("archived_document_id", "there is no such document"))?;
    if let Some(day) = row.erased_on {
        let number = &row.number;
        let message = format!("the files of {number} were erased on {day}");
        return Err(Error::conflict(ConflictReason::Erased, message));
    }
    Ok(row)
}
