//! Reading of uploaded files: a viewer may read a file if it may read the agreement, the cost or
//! the archived document that the file belongs to.

use std::collections::HashSet;

use ::entity::{
    agreement, archived_document, cost,
    id::{AgreementId, ArchivedDocumentId, CostId, StoredFileId},
    stored_file,
};

use crate::{
    agreements, archived_documents,
    audit::reads,
    context::Context,
    error::Result,
    ledger,
    stored_files::{self, FileOwner},
};

/// Returns a file with its bytes; `None` if there is none, it was erased, or the viewer may not
/// read it. The read of a file of an archived document is logged.
///
/// # Errors
/// CONFLICT with the reason BUSY if far too many reads wait to be written.
pub async fn read(
    ctx: Context<'_>,
    id: StoredFileId,
) -> Result<Option<(stored_file::Model, Vec<u8>)>> {
    let Some(row) = by_ids(ctx, &[id]).await?.pop() else { return Ok(None) };
    if let Some(document) = row.archived_document_id {
        let columns = [archived_document::Column::ErasedOn];
        let found = archived_documents::by_ids(ctx, &[document], &columns).await?.pop();
        // The same bytes may be stored for another file.
        if found.is_none_or(|document| document.erased_on.is_some()) {
            return Ok(None);
        }
        reads::note_document(ctx, document)?;
    }
    Ok(stored_files::content(ctx.db.read(), &row.sha256).await?.map(|bytes| (row, bytes)))
}

/// Returns those of these files that the viewer may read, in no order. No one may read a file that
/// nothing uses.
pub async fn by_ids(ctx: Context<'_>, ids: &[StoredFileId]) -> Result<Vec<stored_file::Model>> {
    let found = stored_files::with_owners(ctx, ids).await?;
    let (mut of_agreements, mut of_costs, mut of_documents) = (Vec::new(), Vec::new(), Vec::new());
    for (_, owner) in &found {
        match owner {
            FileOwner::Signature(_, agreement) => of_agreements.push(*agreement),
            FileOwner::Cost(cost, ..) => of_costs.push(cost.0),
            FileOwner::Document(document, _) => of_documents.push(*document),
        }
    }
    let (mut agreements, mut costs) = (HashSet::<AgreementId>::new(), HashSet::<CostId>::new());
    if !of_agreements.is_empty() {
        let rows = agreements::by_ids(ctx, &of_agreements, &[agreement::Column::Id]).await?;
        agreements.extend(rows.iter().map(|row| row.id));
    }
    if !of_costs.is_empty() {
        let columns = [cost::Column::Id];
        let rows = ledger::by_ids::<cost::Model>(ctx, &of_costs, &columns).await?;
        costs.extend(rows.iter().map(|row| row.id));
    }
    let mut documents = HashSet::<ArchivedDocumentId>::new();
    if !of_documents.is_empty() {
        let columns = [archived_document::Column::Id];
        let rows = archived_documents::by_ids(ctx, &of_documents, &columns).await?;
        documents.extend(rows.iter().map(|row| row.id));
    }
    let is_visible = |owner: &FileOwner| match owner {
        FileOwner::Signature(_, agreement) => agreements.contains(agreement),
        FileOwner::Cost(cost, ..) => costs.contains(cost),
        FileOwner::Document(document, _) => documents.contains(document),
    };
    let visible = found.into_iter().filter(|(_, owner)| is_visible(owner));
    Ok(visible.map(|(row, _)| row).collect())
}
