//! GraphQL types of the documents of agreements: HTML, digest and link to the PDF.

use std::sync::{Arc, OnceLock};

use ::entity::{agreement, agreement_document, id::AgreementId};
use async_graphql::{Context, Description, Object};
use tokio::sync::OnceCell;

use crate::graphql::{
    batch::BatchRow,
    caller,
    cost::{CostMeter, cost, unversioned},
    file_links::link,
    network,
    request::{LongText, RequestCache, take_bytes},
    scalars::{Sha256, Url, node_id},
};
use ::documents::agreement as document;
use domain::{
    agreements::documents,
    error::{Error, Result},
    templates::typeset,
};

/// Text that an agreement was offered with: made at `Agreement.offeredAt`, and never changed.
#[derive(Description)]
pub struct AgreementDocument {
    row: agreement_document::Model,
    path: String,
}

#[Object(use_type_description)]
impl AgreementDocument {
    /// SHA-256 of the PDF's bytes, in hexadecimal; signatures refer to it. For an imported text,
    /// the digest of the text.
    async fn sha256(&self) -> Sha256 {
        Sha256::new(&self.row.sha256)
    }

    /// Text as an HTML page, in which all values are escaped.
    #[graphql(directive = cost::apply("20".into()), directive = unversioned::apply())]
    async fn html(&self) -> LongText<&str> {
        LongText(&self.row.html)
    }

    /// Link to the PDF: absolute, and signed so that it opens without a token for some minutes.
    #[graphql(directive = unversioned::apply())]
    async fn pdf_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Result<Url> {
        link(ctx, &self.path, Some(&self.row.sha256), valid_for_seconds)
    }
}

/// Text of an agreement or a template version before an offer, rendered on request.
#[derive(Description)]
pub struct AgreementPreview {
    rendering: Arc<Rendering>,
    path: Arc<str>,
}

/// A document and its renderings, each made at most a single time per request.
#[derive(Default)]
struct Rendering {
    document: OnceCell<Result<Arc<document::Agreement>>>,
    html: OnceCell<Result<Arc<str>>>,
    pdf_sha256: OnceCell<Result<Arc<str>>>,
    /// Path of the PDF. Contains the parameters, which may be long.
    path: OnceLock<Arc<str>>,
}

impl AgreementPreview {
    /// Returns the preview of `name` in this request. `make` creates its document on first use, and
    /// `path` the path of its PDF.
    pub(in crate::graphql) async fn of<F>(
        ctx: &Context<'_>,
        name: String,
        path: impl FnOnce() -> String,
        make: impl FnOnce() -> F,
    ) -> Result<Self>
    where
        F: Future<Output = Result<document::Agreement>>,
    {
        let rendering = ctx
            .data_opt::<RequestCache>()
            .map_or_else(Arc::default, |cache| cache.shared(name, Rendering::default));
        rendering.document.get_or_init(|| async { make().await.map(Arc::new) }).await.clone()?;
        let path = Arc::clone(rendering.path.get_or_init(|| path().into()));
        Ok(Self { rendering, path })
    }

    async fn document(&self) -> Result<document::Agreement> {
        let missing =
            || async { Err(Error::internal(std::io::Error::other("a preview has no document"))) };
        self.rendering
            .document
            .get_or_init(missing)
            .await
            .clone()
            .map(|document| (*document).clone())
    }
}

#[Object(use_type_description)]
impl AgreementPreview {
    /// SHA-256 of the PDF's bytes, in hexadecimal. Selecting it renders the PDF. A PDF that takes
    /// longer than the declared cost uses more of your budget, as estimated from the document:
    /// CONFLICT with reason COST_BUDGET when too little is left.
    #[graphql(directive = cost::apply("8000".into()))]
    async fn sha256(&self, ctx: &Context<'_>) -> Result<Sha256> {
        let meter = ctx.data_opt::<CostMeter>().cloned();
        let allow = move |time| meter.map_or(Ok(()), |meter| meter.take_beyond(PDF_COST, time));
        let render = || {
            Box::pin(async {
                let document = self.document().await?;
                Ok(typeset::render_if(caller(ctx), document, allow).await?.sha256.into())
            })
        };
        Ok(Sha256::new(self.rendering.pdf_sha256.get_or_init(render).await.clone()?))
    }

    /// Text as an HTML page, in which all values are escaped.
    #[graphql(directive = cost::apply("300".into()))]
    async fn html(&self, ctx: &Context<'_>) -> Result<LongText<Arc<str>>> {
        let render = || {
            Box::pin(async { Ok(typeset::html(caller(ctx), self.document().await?).await?.into()) })
        };
        self.rendering.html.get_or_init(render).await.clone().map(LongText)
    }

    /// Link to the PDF: absolute, and signed so that it opens without a token for some minutes.
    #[graphql(directive = unversioned::apply())]
    async fn pdf_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 600,
            desc = "Number of seconds for which the link opens without a token, from 1 to 3600."
        )]
        valid_for_seconds: i32,
    ) -> Result<Url> {
        let link = link(ctx, &self.path, None, valid_for_seconds)?;
        take_bytes(ctx, link.0.len())?;
        Ok(link)
    }
}

/// Points declared by `AgreementPreview.sha256`.
const PDF_COST: u64 = 8000;

/// Returns the path of an agreement's PDF.
fn path(id: AgreementId) -> String {
    format!("/files/agreements/{}.pdf", *node_id(id))
}

/// Returns the text that an agreement was offered with; loads the selected columns for its batch.
pub(super) async fn frozen(
    ctx: &Context<'_>,
    agreement: &BatchRow<agreement::Model>,
) -> Result<Option<AgreementDocument>> {
    use agreement_document::Column as C;
    let found = agreement.load(ctx, "", || async {
        let look_ahead = ctx.look_ahead();
        // A link is bound to the digest of its file.
        let wanted = [("sha256", C::Sha256), ("pdfUrl", C::Sha256), ("html", C::Html)]
            .into_iter()
            .filter(|(field, _)| look_ahead.field(field).exists());
        let columns: Vec<_> =
            std::iter::once(C::AgreementId).chain(wanted.map(|(_, column)| column)).collect();
        let ids: Vec<_> = agreement.batch_rows().iter().map(|row| row.id).collect();
        documents::documents_of(caller(ctx), &ids, &columns).await
    });
    Ok(found
        .await?
        .get(&agreement.id)
        .cloned()
        .map(|row| AgreementDocument { row, path: path(agreement.id) }))
}

/// Returns the preview of a draft; `None` unless it is a draft with a template.
pub(super) async fn preview(
    ctx: &Context<'_>,
    agreement: &BatchRow<agreement::Model>,
) -> Result<Option<AgreementPreview>> {
    let is_draft = |row: &&agreement::Model| row.offered_at.is_none() && row.withdrawn_on.is_none();
    let drafts: Vec<_> = agreement.batch_rows().iter().filter(is_draft).map(|row| row.id).collect();
    if !drafts.contains(&agreement.id) {
        return Ok(None);
    }
    // A fixed name, so that fields with other response keys share it: the result does not depend on
    // their arguments.
    let found = agreement
        .share("previews".to_owned(), || async {
            documents::previews(caller(ctx), network(ctx), &drafts).await
        })
        .await?;
    let Some(document) = found.get(&agreement.id).cloned().transpose()? else { return Ok(None) };
    AgreementPreview::of(
        ctx,
        format!("agreement {}", agreement.id.0),
        || path(agreement.id),
        || async { Ok(document) },
    )
    .await
    .map(Some)
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes
        .add(&AgreementDocument { row: agreement_document::Model::default(), path: String::new() });
    sizes.add(&AgreementPreview { rendering: Arc::default(), path: Arc::from("") });
}
