//! Payloads of the mutations of archived documents.

use async_graphql::SimpleObject;

use super::types::ArchivedDocument;

/// Payload of `archivedDocumentRegister`.
#[derive(SimpleObject)]
pub struct ArchivedDocumentRegisterPayload {
    /// The document, with its registry number.
    pub(super) archived_document: ArchivedDocument,
}

/// Payload of `archivedDocumentReplace`.
#[derive(SimpleObject)]
pub struct ArchivedDocumentReplacePayload {
    /// The document.
    pub(super) archived_document: ArchivedDocument,
}

/// Payload of `archivedDocumentErase`.
#[derive(SimpleObject)]
pub struct ArchivedDocumentErasePayload {
    /// The document, without its files.
    pub(super) archived_document: ArchivedDocument,
}
