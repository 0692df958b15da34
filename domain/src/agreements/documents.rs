//! The contents of an agreement apart from its row: the parameters and the text that it was offered
//! with, and its signatures.
//!
//! A viewer who can read an agreement can read all of this. The caller has checked that the viewer
//! can read the agreements.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ::entity::{
    agreement, agreement_document,
    id::{AgreementId, SignatureId},
    signature,
};
use documents::agreement as document;
use sea_orm::{
    EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};

use super::document_loading;
use crate::{
    config::Network, context::Context, database::among, error::Result, query, templates::typeset,
    worker_pool,
};

/// Returns the text of each of these agreements as it was offered. An agreement without a text has
/// no entry.
pub async fn documents_of(
    ctx: Context<'_>,
    agreements: &[AgreementId],
    columns: &[agreement_document::Column],
) -> Result<HashMap<AgreementId, agreement_document::Model>> {
    let select = Query::select().from(agreement_document::Entity).take();
    let key = agreement_document::Column::AgreementId;
    let found: Vec<agreement_document::Model> =
        query::rows_among(ctx.db, select, key, agreements, &[], columns).await?;
    Ok(found.into_iter().map(|row| (row.agreement_id, row)).collect())
}

/// Returns the signatures of these agreements, in the order of signing.
pub async fn signatures_of(
    ctx: Context<'_>,
    agreements: &[AgreementId],
) -> Result<Vec<signature::Model>> {
    let agreement = Expr::col((signature::Entity, signature::Column::AgreementId));
    Ok(signature::Entity::find()
        .filter(among(ctx.db.backend(), agreement, agreements.iter().copied()))
        .order_by_asc(signature::Column::SignedOn)
        .order_by_asc(signature::Column::Id)
        .all(ctx.db.read())
        .await?)
}

/// Returns those of these signatures whose agreements the viewer can read, in no order.
pub async fn signatures_by_ids(
    ctx: Context<'_>,
    ids: &[SignatureId],
) -> Result<Vec<signature::Model>> {
    let own = Expr::col((signature::Entity, signature::Column::Id));
    let theirs = among(ctx.db.backend(), own, ids.iter().copied());
    let found = signature::Entity::find().filter(theirs).all(ctx.db.read()).await?;
    let agreements: Vec<AgreementId> = found.iter().map(|row| row.agreement_id).collect();
    let readable = super::by_ids(ctx, &agreements, &[agreement::Column::Id]).await?;
    let readable: HashSet<AgreementId> = readable.iter().map(|row| row.id).collect();
    Ok(found.into_iter().filter(|row| readable.contains(&row.agreement_id)).collect())
}

/// Returns the documents that these drafts would be offered with today, without a number.
/// Agreements that are not drafts or have no template are omitted.
///
/// # Errors
/// Each document has its own result, INVALID when its parameters do not fit.
pub async fn previews(
    ctx: Context<'_>,
    network: &Network,
    ids: &[AgreementId],
) -> Result<HashMap<AgreementId, Result<document::Agreement>>> {
    use ::entity::partial::PartialRow;
    let rows = super::by_ids(ctx, ids, &agreement::Model::every_column()).await?;
    let drafts = rows
        .into_iter()
        .filter(|row| row.offered_at.is_none() && row.withdrawn_on.is_none())
        .collect();
    let today = ctx.clock.today();
    let sources = document_loading::sources(ctx.db.read(), drafts).await?;
    let network = Arc::new(network.clone());
    let mut documents = HashMap::new();
    // Sequentially, so that a page of drafts takes only one slot of the queue at a time.
    for source in sources {
        let (id, network) = (source.row.id, Arc::clone(&network));
        let document = worker_pool::run(&ctx.viewer.subject, move || {
            Ok(source.document(&network, None, today, "parameters"))
        })
        .await?;
        documents.insert(id, document);
    }
    Ok(documents)
}

/// The PDF of an agreement.
#[derive(Clone, Debug)]
pub struct Pdf {
    /// The agreement's number; null: a draft, which is marked on every page.
    pub number: Option<String>,
    /// SHA-256 of the bytes in hexadecimal.
    pub sha256: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Returns `true` if the agreement is a draft that the viewer can read. The PDF of a draft is
/// rendered for each request.
pub async fn is_draft(ctx: Context<'_>, id: AgreementId) -> Result<bool> {
    use ::entity::agreement::Column;
    let found = super::by_ids(ctx, &[id], &[Column::Id, Column::Number]).await?;
    Ok(found.iter().any(|row| row.number.is_none()))
}

/// Returns the PDF of an agreement: the bytes that it was offered with, or those that a draft would
/// be offered with today. `None` if the viewer can read no such agreement, or if the register has
/// no PDF of it.
///
/// # Errors
/// INVALID for a draft whose parameters do not fit its template.
pub async fn pdf_of(ctx: Context<'_>, network: &Network, id: AgreementId) -> Result<Option<Pdf>> {
    use ::entity::agreement::Column;
    let found = super::by_ids(ctx, &[id], &[Column::Id, Column::Number]).await?.pop();
    let Some(row) = found else { return Ok(None) };
    if row.number.is_none() {
        let draft = previews(ctx, network, &[id]).await?.remove(&id);
        let Some(document) = draft.transpose()? else { return Ok(None) };
        let rendered = typeset::render(ctx, document).await?;
        return Ok(Some(Pdf { number: None, sha256: rendered.sha256, bytes: rendered.pdf }));
    }
    let stored = agreement_document::Entity::find_by_id(id).one(ctx.db.read()).await?;
    Ok(stored.and_then(|stored| {
        Some(Pdf { number: row.number, sha256: stored.sha256, bytes: stored.pdf? })
    }))
}
