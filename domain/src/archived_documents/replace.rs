//! Adds versions to documents. Earlier versions stay readable.

use ::entity::{
    archived_document::Model,
    id::{ArchivedDocumentId, StoredFileId},
};

use super::loading;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{Result, ValidationErrors},
    idempotency::Outcome,
    stored_files::{self, FileOwner},
};

/// Returns `true` if the viewer may add a version to the document: its files are not erased.
#[must_use]
pub fn can_replace(ctx: Context<'_>, row: &Model) -> bool {
    ctx.viewer.has(Permission::ManageRegister) && row.erased_on.is_none()
}

/// Makes an uploaded file the latest version of a document. `errors` are those already found in the
/// input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `ERASED`.
pub async fn replace(
    ctx: Context<'_>,
    id: ArchivedDocumentId,
    file_id: StoredFileId,
    errors: ValidationErrors,
) -> Result<ArchivedDocumentId> {
    ctx.require(Permission::ManageRegister)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::ArchivedDocumentReplace).await?;
    let before = loading::find_stored(change.tx(), id).await?;
    let after = Model { versions: before.versions + 1, ..before.clone() };
    audit::replace(&change, after.clone()).await?;
    change.record(Some(&before), Some(&after))?;
    let owner = FileOwner::Document(id, after.versions);
    stored_files::attach::attach(ctx, &mut change, file_id, owner).await?;
    change.commit_with(Outcome::of(id)).await?;
    Ok(id)
}
