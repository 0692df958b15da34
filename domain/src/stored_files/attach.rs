//! Gives a file to the signature, the cost or the archived document that it belongs to.

use ::entity::{
    cost,
    id::StoredFileId,
    stored_file::{Entity, Model},
};
use documents::sha256;
use sea_orm::EntityTrait;

use super::{
    FileOwner,
    uploads::{NewFile, store_content},
};
use crate::{
    audit::{
        self, Change,
        forms::{CostFile, DocumentFile, SignatureFile},
    },
    context::Context,
    error::{Error, FieldErrorCode, Result},
};

/// Gives an uploaded file to a signature, a cost or an archived document, within the change that
/// records it.
///
/// # Errors
/// INVALID unless the viewer has uploaded it, and nothing uses it; for a signature, also unless it
/// is a PDF or an image.
pub(crate) async fn attach(
    ctx: Context<'_>,
    change: &mut Change,
    id: StoredFileId,
    owner: FileOwner,
) -> Result<()> {
    let own = sha256(ctx.viewer.subject.as_bytes());
    let found = Entity::find_by_id(id).one(change.tx()).await?;
    let unused = found.filter(|row| {
        row.signature_id.is_none()
            && row.cost_id.is_none()
            && row.archived_document_id.is_none()
            && row.uploaded_by == own
    });
    let Some(row) = unused else {
        let words = "is no unused file of yours; upload it first, at most a day before";
        return Err(Error::invalid("file_id", FieldErrorCode::Unknown.problem(words)));
    };
    let is_copy = row.media_type == "application/pdf" || row.media_type.starts_with("image/");
    if matches!(owner, FileOwner::Signature(..)) && !is_copy {
        let words = "must be a PDF, PNG or JPEG, as a scanned signed copy is";
        return Err(Error::invalid("file_id", FieldErrorCode::WrongType.problem(words)));
    }
    let (sha256, size) = (row.sha256.clone(), row.size);
    match owner {
        FileOwner::Signature(signature_id, agreement_id) => {
            audit::replace(change, Model { signature_id: Some(signature_id), ..row }).await?;
            let record = SignatureFile { id, agreement_id, signature_id, sha256, size };
            change.record(None, Some(&record))
        }
        FileOwner::Cost(cost_id, activity_id, booked_on) => {
            audit::replace(change, Model { cost_id: Some(cost_id), ..row }).await?;
            let record = CostFile { id, activity_id, cost_id, booked_on, sha256, size };
            change.record(None, Some(&record))
        }
        FileOwner::Document(document_id, version) => {
            let after =
                Model { archived_document_id: Some(document_id), version: Some(version), ..row };
            audit::replace(change, after).await?;
            let record = DocumentFile { id, document_id, version, sha256, size };
            change.record(None, Some(&record))
        }
    }
}

/// Stores a version of an archived document within the change that imports it. An erased one has no
/// bytes.
pub(crate) async fn store_version(change: &mut Change, row: Model, bytes: Vec<u8>) -> Result<()> {
    store_content(change.tx(), &row.sha256, bytes).await?;
    audit::insert(change, row.clone()).await?;
    let Model { id, sha256, size, archived_document_id, version, .. } = row;
    let (document_id, version) =
        (archived_document_id.unwrap_or_default(), version.unwrap_or_default());
    change.record(None, Some(&DocumentFile { id, document_id, version, sha256, size }))
}

/// Stores the voucher of a cost within the change that imports it.
pub(crate) async fn store_for_cost(
    change: &mut Change,
    cost: &cost::Model,
    new: NewFile,
) -> Result<()> {
    let row = Model {
        id: StoredFileId::new(),
        sha256: sha256(&new.bytes),
        media_type: new.media_type.unwrap_or_default(),
        name: new.name,
        size: i64::try_from(new.bytes.len()).map_err(Error::internal)?,
        uploaded_at: change.at(),
        // No one may use it for another object.
        uploaded_by: String::new(),
        signature_id: None,
        cost_id: Some(cost.id),
        archived_document_id: None,
        version: None,
    };
    store_content(change.tx(), &row.sha256, new.bytes).await?;
    audit::insert(change, row.clone()).await?;
    let (Model { id, sha256, size, .. }, booked_on) = (row, cost.booked_on);
    let (cost_id, activity_id) = (cost.id, cost.activity_id);
    let record = CostFile { id, activity_id, cost_id, booked_on, sha256, size };
    change.record(None, Some(&record))
}
