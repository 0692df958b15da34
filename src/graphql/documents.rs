//! Documents as the API tells of them: the text of an agreement as HTML, with the way to its PDF.

use std::collections::HashMap;

use ::entity::{agreement, agreement_document, id::AgreementId};
use async_graphql::{Context, Description, Object};

use super::{database, loaders::Handle, network, scalars::node_id, viewer};
use crate::{
    agreements::{contents, text},
    documents::agreement as document,
    error::Result,
};

/// The rendered text of an agreement: frozen when it was offered, or a preview of what would be offered.
#[derive(Clone, Description)]
pub struct AgreementDocument {
    /// Of the PDF's bytes, in hexadecimal.
    pub sha256: String,
    /// A whole page.
    pub html: String,
    /// Where the PDF is.
    pub pdf_url: String,
}

#[Object(use_type_description)]
impl AgreementDocument {
    /// SHA-256 of the PDF's bytes, in hexadecimal: what signatures refer to.
    async fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The text as a web page, ready to print.
    async fn html(&self) -> &str {
        &self.html
    }

    /// Where the PDF/A file is, on this server; it takes the same token as the API.
    async fn pdf_url(&self) -> &str {
        &self.pdf_url
    }
}

/// Where the PDF of an agreement is.
fn pdf_url(id: AgreementId) -> String {
    format!("/files/agreements/{}.pdf", *node_id("agreement", id))
}

/// The text that an agreement was offered with, loaded for its batch with the columns that the selection asks for.
pub(super) async fn frozen(ctx: &Context<'_>, agreement: &Handle<agreement::Model>) -> Result<Option<AgreementDocument>> {
    use agreement_document::Column as C;
    let look_ahead = ctx.look_ahead();
    let wanted = [("sha256", C::Sha256), ("html", C::Html)].into_iter().filter(|(field, _)| look_ahead.field(field).exists());
    let columns: Vec<_> = std::iter::once(C::AgreementId).chain(wanted.map(|(_, column)| column)).collect();
    let ids: Vec<_> = agreement.siblings().iter().map(|row| row.id).collect();
    let found = agreement.load(ctx, "", contents::documents_of(database(ctx), &ids, &columns)).await?;
    let document = found.get(&agreement.id).cloned();
    Ok(document.map(|row| AgreementDocument { sha256: row.sha256, html: row.html, pdf_url: pdf_url(agreement.id) }))
}

/// What a draft would be offered with today; null for what is no draft, or was made from no template.
pub(super) async fn preview(ctx: &Context<'_>, agreement: &Handle<agreement::Model>) -> Result<Option<AgreementDocument>> {
    let is_draft = |row: &&agreement::Model| row.offered_at.is_none() && row.withdrawn_on.is_none();
    let drafts: Vec<_> = agreement.siblings().iter().filter(is_draft).map(|row| row.id).collect();
    if !drafts.contains(&agreement.id) {
        return Ok(None);
    }
    let found = agreement.load(ctx, "", text::previews(database(ctx), viewer(ctx), network(ctx), &drafts)).await?;
    let found: &HashMap<_, _> = &found;
    let Some(document) = found.get(&agreement.id).cloned().transpose()? else { return Ok(None) };
    let pdf_url = pdf_url(agreement.id);
    // Setting the PDF takes its time, so that it is done only for those who want to know of it.
    if ctx.look_ahead().field("sha256").exists() {
        let rendered = document::render(document).await?;
        return Ok(Some(AgreementDocument { sha256: rendered.sha256, html: rendered.html, pdf_url }));
    }
    Ok(Some(AgreementDocument { sha256: String::new(), html: document::html(&document), pdf_url }))
}
