//! Documents: the text of an agreement as people read it, as HTML and as a link to its PDF.

use std::{collections::HashMap, sync::Arc};

use ::entity::{agreement, agreement_document, id::AgreementId};
use async_graphql::{Context, Description, Object};
use tokio::sync::OnceCell;

use super::{database, loaders::Handle, network, scalars::node_id, viewer};
use crate::{
    agreements::{contents, text},
    documents::agreement::{self as document, Rendered},
    error::Result,
    templates::layout,
};

/// The text of an agreement: frozen when it was offered, or as a preview.
#[derive(Description)]
pub struct AgreementDocument {
    source: Source,
    pdf_url: String,
}

enum Source {
    /// As it is kept.
    Kept(agreement_document::Model),
    /// Made when somebody asks; the PDF only for its hash.
    Preview { document: Box<document::Agreement>, rendered: OnceCell<Result<Arc<Rendered>>> },
}

impl AgreementDocument {
    /// The text that an agreement was offered with.
    pub fn kept(row: agreement_document::Model, pdf_url: String) -> Self {
        Self { source: Source::Kept(row), pdf_url }
    }

    /// A text that nobody has been offered.
    pub fn preview(document: document::Agreement, pdf_url: String) -> Self {
        Self { source: Source::Preview { document: Box::new(document), rendered: OnceCell::new() }, pdf_url }
    }
}

#[Object(use_type_description)]
impl AgreementDocument {
    /// SHA-256 of the PDF's bytes, in hexadecimal: what signatures refer to. Asking a preview for it renders its PDF; an agreement that was
    /// imported with a text has the text's.
    async fn sha256(&self, ctx: &Context<'_>) -> Result<String> {
        match &self.source {
            Source::Kept(row) => Ok(row.sha256.clone()),
            Source::Preview { document, rendered } => {
                let render = || async { layout::render(viewer(ctx), (**document).clone()).await.map(Arc::new) };
                let rendered = rendered.get_or_init(render).await.clone()?;
                Ok(rendered.sha256.clone())
            }
        }
    }

    /// The text as a page of HTML, in which every value is escaped.
    async fn html(&self, ctx: &Context<'_>) -> Result<String> {
        match &self.source {
            Source::Kept(row) => Ok(row.html.clone()),
            Source::Preview { document, .. } => layout::html(viewer(ctx), (**document).clone()).await,
        }
    }

    /// Where the PDF is, below the API's own address; it takes the same token as the API.
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
    Ok(found.get(&agreement.id).cloned().map(|row| AgreementDocument::kept(row, pdf_url(agreement.id))))
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
    let document = found.get(&agreement.id).cloned().transpose()?;
    Ok(document.map(|document| AgreementDocument::preview(document, pdf_url(agreement.id))))
}
