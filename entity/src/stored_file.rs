//! Uploaded files, each of a signature, a cost or an archived document, or not used yet.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::id::{ArchivedDocumentId, CostId, SignatureId, StoredFileId};

/// An uploaded file.
#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stored_file")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StoredFileId,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Media type, as `application/pdf`.
    pub media_type: String,
    /// Name of the file, as it was uploaded.
    pub name: String,
    /// Number of bytes.
    pub size: i64,
    /// Time of the upload.
    pub uploaded_at: DateTime<Utc>,
    /// SHA-256 of the subject who uploaded it and may use it, in hexadecimal.
    pub uploaded_by: String,
    /// The signature whose signed copy it is.
    pub signature_id: Option<SignatureId>,
    /// The cost whose voucher it is.
    pub cost_id: Option<CostId>,
    /// The archived document of which it is a version.
    pub archived_document_id: Option<ArchivedDocumentId>,
    /// Number of the version, from 1; null: it belongs to no archived document.
    pub version: Option<i32>,
}

/// No relations are declared: each query joins the tables it needs.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
