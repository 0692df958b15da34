//! Documents: the text of an agreement as people read it, as HTML and as a link to its PDF.

use std::sync::Arc;

use ::entity::agreement_document;
use async_graphql::{Description, Object};
use tokio::sync::OnceCell;

use crate::{
    documents::agreement::{self as document, Rendered},
    error::Result,
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
    async fn sha256(&self) -> Result<String> {
        match &self.source {
            Source::Kept(row) => Ok(row.sha256.clone()),
            Source::Preview { document, rendered } => {
                let rendered =
                    rendered.get_or_init(|| async { document::render((**document).clone()).await.map(Arc::new) }).await.clone()?;
                Ok(rendered.sha256.clone())
            }
        }
    }

    /// The text as a page of HTML, in which every value is escaped.
    async fn html(&self) -> String {
        match &self.source {
            Source::Kept(row) => row.html.clone(),
            Source::Preview { document, .. } => document::html(document),
        }
    }

    /// Where the PDF is, below the API's own address; it takes the same token as the API.
    async fn pdf_url(&self) -> &str {
        &self.pdf_url
    }
}
