//! GraphQL mutations of archived documents.

use ::entity::id::ArchivedDocumentId;
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{
        ArchivedDocumentErasePayload, ArchivedDocumentRegisterPayload,
        ArchivedDocumentReplacePayload,
    },
    types::{ArchivedDocumentKind, attachment, changed},
};
use crate::graphql::{
    mutation::mutation,
    scalars::{Date, Parsed, row_id},
};
use domain::{
    archived_documents::{
        erase,
        register::{self, NewDocument},
        replace,
    },
    error::{Result, ValidationErrors},
};

/// Input of `archivedDocumentRegister`.
#[derive(InputObject)]
pub struct ArchivedDocumentRegisterInput {
    /// Id of the file, uploaded by you with `POST /files` at most a day before.
    file_id: ID,
    /// Kind of document.
    kind: ArchivedDocumentKind,
    /// Title in the diary. It stays in the audit trail: write no names of persons in it.
    title: String,
    /// Language of the document, as `sv` or `en`; `sv` when omitted.
    language: Option<String>,
    /// Day on which it was received, made or signed; not after today.
    dated_on: Parsed<Date>,
    /// Id of an agreement, a member, an organisation, an activity or a cost, whose readers may read
    /// the document. When omitted, it is the network's own.
    attached_to_id: Option<ID>,
}

/// Input of `archivedDocumentReplace`.
#[derive(InputObject)]
pub struct ArchivedDocumentReplaceInput {
    /// Id of the document.
    archived_document_id: ID,
    /// Id of the file, uploaded by you with `POST /files` at most a day before.
    file_id: ID,
}

/// Input of `archivedDocumentErase`.
#[derive(InputObject)]
pub struct ArchivedDocumentEraseInput {
    /// Id of the document.
    archived_document_id: ID,
    /// Reason of the erasure, which is stored.
    reason: String,
}

/// Mutations of archived documents.
#[derive(Default)]
pub struct ArchivedDocumentMutation;

#[Object]
impl ArchivedDocumentMutation {
    /// Registers a document in the archive (registrera en handling), with the next registry number
    /// (diarienummer) of the year. The file becomes its first version.
    ///
    /// Requires the role OFFICE.
    async fn archived_document_register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document to register.")] input: Box<ArchivedDocumentRegisterInput>,
    ) -> Option<Result<ArchivedDocumentRegisterPayload>> {
        Some(Box::pin(register(ctx, *input)).await)
    }

    /// Adds a version to a document of the archive. Earlier versions remain readable. CONFLICT with
    /// reason ERASED.
    ///
    /// Requires the role OFFICE.
    async fn archived_document_replace(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The version to add.")] input: Box<ArchivedDocumentReplaceInput>,
    ) -> Option<Result<ArchivedDocumentReplacePayload>> {
        Some(Box::pin(replace(ctx, *input)).await)
    }

    /// Erases the bytes and names of all versions of a document (gallring). The document stays
    /// in the archive with its number, and its files with their SHA-256. CONFLICT with reason
    /// RETAINED while it must be retained: minutes and decisions always; contracts, appendices and
    /// vouchers of costs through the seventh year after their day, and after the end of the
    /// agreement; ERASED if it is erased.
    ///
    /// Requires the role OFFICE.
    async fn archived_document_erase(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The document to erase.")] input: Box<ArchivedDocumentEraseInput>,
    ) -> Option<Result<ArchivedDocumentErasePayload>> {
        Some(Box::pin(erase(ctx, *input)).await)
    }
}

async fn register(
    ctx: &Context<'_>,
    input: ArchivedDocumentRegisterInput,
) -> Result<ArchivedDocumentRegisterPayload> {
    let mut errors = ValidationErrors::default();
    let new = NewDocument {
        file_id: row_id(&input.file_id, "file_id", &mut errors),
        kind: input.kind.into(),
        title: input.title,
        language: input.language,
        dated_on: input.dated_on.take("dated_on", &mut errors).0,
        attached_to: input
            .attached_to_id
            .and_then(|id| attachment(&id, "attached_to_id", &mut errors)),
    };
    let mutation = mutation(ctx);
    let payload = async |id: ArchivedDocumentId| {
        Ok(ArchivedDocumentRegisterPayload { archived_document: changed(ctx, id).await? })
    };
    mutation.perform(register::register(mutation.context(), new, errors), payload).await
}

async fn replace(
    ctx: &Context<'_>,
    input: ArchivedDocumentReplaceInput,
) -> Result<ArchivedDocumentReplacePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.archived_document_id, "archived_document_id", &mut errors);
    let file = row_id(&input.file_id, "file_id", &mut errors);
    let mutation = mutation(ctx);
    let payload = async |id: ArchivedDocumentId| {
        Ok(ArchivedDocumentReplacePayload { archived_document: changed(ctx, id).await? })
    };
    mutation.perform(replace::replace(mutation.context(), id, file, errors), payload).await
}

async fn erase(
    ctx: &Context<'_>,
    input: ArchivedDocumentEraseInput,
) -> Result<ArchivedDocumentErasePayload> {
    let mut errors = ValidationErrors::default();
    let id = row_id(&input.archived_document_id, "archived_document_id", &mut errors);
    let mutation = mutation(ctx);
    let erased = erase::erase(mutation.context(), id, &input.reason, errors);
    let payload = async |id: ArchivedDocumentId| {
        Ok(ArchivedDocumentErasePayload { archived_document: changed(ctx, id).await? })
    };
    mutation.perform(erased, payload).await
}
