//! GraphQL type of archived documents.

use std::{collections::HashMap, sync::Arc};

use ::entity::{archived_document, id::ArchivedDocumentId, stored_file};
use async_graphql::{Context, Description, Enum, ID, Object};

use crate::graphql::{
    audit::types::{AuditEntry, entries_of},
    batch::BatchRow,
    caller,
    connection::{self, Column, Connection, ConnectionNode, every},
    cost::{cost, list_size, unversioned},
    node::{self, Node},
    scalars::{Date, DateTime, NodeId, node_id},
    stored_files::types::StoredFile,
    times,
};
use domain::{
    archived_documents::{self, attachment::Attachment, erase, replace},
    error::{Error, FieldErrorCode, FieldProblem, Result, ValidationErrors},
    stored_files,
};

/// Kind of an archived document.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::ArchivedDocumentKind")]
pub enum ArchivedDocumentKind {
    /// A signed contract (undertecknat avtal).
    SignedContract,
    /// An appendix (bilaga).
    Appendix,
    /// Minutes (protokoll), which are never erased.
    Minutes,
    /// A decision (beslut), which is never erased.
    Decision,
    /// A report (rapport).
    Report,
    /// Any other document.
    Other,
}

/// A document of the archive (handling): received or made by the network, with a registry number
/// (diarienummer) and its versions.
#[derive(Clone, Description)]
pub struct ArchivedDocument(pub BatchRow<archived_document::Model>);

#[Object(use_type_description)]
impl ArchivedDocument {
    /// Global id of the document, opaque.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Registry number (diarienummer), gapless per year of the registration: `D2026-0001`.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// Kind of document.
    async fn kind(&self) -> ArchivedDocumentKind {
        self.0.kind.into()
    }

    /// Title.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Language of the document, as `sv`.
    async fn language(&self) -> &str {
        &self.0.language
    }

    /// Day on which it was received, made or signed.
    async fn dated_on(&self) -> Date {
        Date(self.0.dated_on)
    }

    /// Day of the registration.
    async fn registered_on(&self) -> Date {
        Date(self.0.registered_on)
    }

    /// Agreement, member, organisation, activity or cost that it is attached to; null for a
    /// document of the network itself.
    async fn attached_to(&self, ctx: &Context<'_>) -> Option<Result<Node>> {
        let own = subject(&self.0)?;
        let found = self.0.load(ctx, "", || async {
            let ids: Vec<NodeId> = self.0.batch_rows().iter().filter_map(subject).collect();
            node::by_ids(ctx, &ids).await
        });
        found.await.map(|found| found.get(&own).cloned()).transpose()
    }

    /// Latest version; null if the files are erased.
    async fn file(&self, ctx: &Context<'_>) -> Option<Result<StoredFile>> {
        if self.0.erased_on.is_some() {
            return None;
        }
        let files = files_of(ctx, &self.0).await;
        files.map(|files| files.first().cloned().map(stored)).transpose()
    }

    /// All versions, the latest first. Those of an erased document can't be opened.
    #[graphql(directive = list_size::apply(Some(3), None))]
    async fn files(&self, ctx: &Context<'_>) -> Result<Vec<StoredFile>> {
        Ok(files_of(ctx, &self.0).await?.into_iter().map(stored).collect())
    }

    /// Number of versions.
    async fn version_count(&self) -> i32 {
        self.0.versions
    }

    /// Day on which the files were erased; null: they are stored.
    async fn erased_on(&self) -> Option<Date> {
        self.0.erased_on.map(Date)
    }

    /// Reason of the erasure; null unless erased.
    async fn erasure_reason(&self) -> Option<&str> {
        self.0.erasure_reason.as_deref()
    }

    /// Entries of the audit trail about it, the latest first; empty unless you may read them
    /// (OFFICE, AUDITOR).
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Number of rows from the start, 0 to 200; 25 when `last` is omitted too."
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor: only rows after this one.")] after: Option<String>,
        #[graphql(desc = "Number of rows from the end, 0 to 200.")] last: Option<i32>,
        #[graphql(desc = "Cursor: only rows before this one.")] before: Option<String>,
    ) -> Result<Connection<AuditEntry>> {
        let args = connection::args(first, after, last, before);
        entries_of(ctx, &self.0, |row| row.id, args).await
    }

    /// `true` if you may add a version (`archivedDocumentReplace`): the files are not erased.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_replace(&self, ctx: &Context<'_>) -> bool {
        replace::can_replace(caller(ctx), &self.0)
    }

    /// `true` if you may erase the files (`archivedDocumentErase`): they are stored, and need not
    /// be retained any longer.
    #[graphql(directive = cost::apply("3".into()), directive = unversioned::apply())]
    async fn viewer_can_erase(&self, ctx: &Context<'_>) -> Result<bool> {
        let found = self.0.load(ctx, "", || erase::erasable(caller(ctx), self.0.batch_rows()));
        Ok(found.await?.contains(&self.0.id))
    }
}

/// Returns the global id of the object that a document is attached to.
fn subject(row: &archived_document::Model) -> Option<NodeId> {
    let (node_type, id) = Attachment::of(row)?.id();
    Some(NodeId { node_type, id })
}

fn stored(row: stored_file::Model) -> StoredFile {
    StoredFile(BatchRow::single(row))
}

/// Returns the files of a document, the latest first. Those of its batch are loaded together,
/// whichever fields show them.
async fn files_of(
    ctx: &Context<'_>,
    row: &BatchRow<archived_document::Model>,
) -> Result<Vec<stored_file::Model>> {
    let found: Arc<HashMap<ArchivedDocumentId, Vec<stored_file::Model>>> = row
        .share("files".to_owned(), || async {
            let documents: Vec<_> = row.batch_rows().iter().map(|row| row.id).collect();
            stored_files::of_documents(caller(ctx), &documents).await
        })
        .await?;
    Ok(found.get(&row.id).cloned().unwrap_or_default())
}

/// Reads the id of the object that a document is attached to, and records an error for the id of
/// another type.
pub(super) fn attachment(id: &ID, path: &str, errors: &mut ValidationErrors) -> Option<Attachment> {
    let read = id.parse::<NodeId>().map_err(FieldProblem::from);
    let read = read.and_then(|NodeId { node_type, id }| {
        Attachment::with_id(node_type, id).ok_or_else(|| {
            FieldErrorCode::NotAnId.problem(format!(
                "is an id of the type {node_type}, which no document can be attached to"
            ))
        })
    });
    read.map_err(|reason| errors.add(path, reason)).ok()
}

impl ConnectionNode for ArchivedDocument {
    type Row = archived_document::Model;
    const NAME: &'static str = "ArchivedDocument";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use archived_document::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "number" => &[C::Number],
            "kind" => &[C::Kind],
            "title" => &[C::Title],
            "language" => &[C::Language],
            "datedOn" => &[C::DatedOn],
            "registeredOn" => &[C::RegisteredOn],
            "attachedTo" => {
                &[C::AgreementId, C::MemberId, C::OrganisationId, C::ActivityId, C::CostId]
            }
            "versionCount" => &[C::Versions],
            "file" | "erasedOn" | "viewerCanReplace" => &[C::ErasedOn],
            "erasureReason" => &[C::ErasureReason],
            "viewerCanErase" => &[C::ErasedOn, C::Kind, C::DatedOn, C::AgreementId, C::CostId],
            "id" | "createdAt" | "updatedAt" | "files" | "auditEntries" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[archived_document::Column::Id]
    }
}

/// Reads the document after a mutation.
pub(super) async fn changed(ctx: &Context<'_>, id: ArchivedDocumentId) -> Result<ArchivedDocument> {
    let columns = every::<ArchivedDocument>();
    let found = archived_documents::by_ids(caller(ctx), &[id], &columns).await?.pop();
    let row = found.ok_or_else(|| Error::NotFound("there is no such document".into()))?;
    Ok(ArchivedDocument(BatchRow::single(row)))
}
