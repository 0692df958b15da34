//! The contents of an agreement apart from its row: the parameters and the text that it was offered
//! with, and its signatures.
//!
//! A viewer who can read an agreement can read all of this. The caller has checked that the viewer
//! can read the agreements.

use std::collections::HashMap;

use ::entity::{agreement_document, id::AgreementId, signature};
use sea_orm::{
    EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, Query},
};

use super::document_source;
use crate::{
    config::Network,
    context::Context,
    database::{Database, among, rows},
    error::Result,
    templates::layout,
};

/// Returns the text of each of these agreements as it was offered. An agreement without a text has
/// no entry.
pub async fn documents_of(
    db: &Database,
    agreements: &[AgreementId],
    columns: &[agreement_document::Column],
) -> Result<HashMap<AgreementId, agreement_document::Model>> {
    let agreement =
        Expr::col((agreement_document::Entity, agreement_document::Column::AgreementId));
    let select = Query::select()
        .from(agreement_document::Entity)
        .columns(columns.iter().map(|column| (agreement_document::Entity, *column)))
        .and_where(among(db.backend(), agreement, agreements.iter().copied()))
        .take();
    let found: Vec<agreement_document::Model> = rows(db.read(), &select, columns).await?;
    Ok(found.into_iter().map(|row| (row.agreement_id, row)).collect())
}

/// Returns the signatures of these agreements, in the order of signing.
pub async fn signatures_of(
    db: &Database,
    agreements: &[AgreementId],
) -> Result<Vec<signature::Model>> {
    let agreement = Expr::col((signature::Entity, signature::Column::AgreementId));
    Ok(signature::Entity::find()
        .filter(among(db.backend(), agreement, agreements.iter().copied()))
        .order_by_asc(signature::Column::SignedOn)
        .order_by_asc(signature::Column::Id)
        .all(db.read())
        .await?)
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
        let draft = document_source::previews(ctx, network, &[id]).await?.remove(&id);
        let Some(document) = draft.transpose()? else { return Ok(None) };
        let rendered = layout::render(ctx.viewer, document).await?;
        return Ok(Some(Pdf { number: None, sha256: rendered.sha256, bytes: rendered.pdf }));
    }
    let stored = agreement_document::Entity::find_by_id(id).one(ctx.db.read()).await?;
    Ok(stored.and_then(|stored| {
        Some(Pdf { number: row.number, sha256: stored.sha256, bytes: stored.pdf? })
    }))
}
