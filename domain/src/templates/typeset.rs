//! Renders documents in the worker pool.

use std::time::Duration;

use documents::agreement::{self as document, Rendered};

use crate::{context::Context, error::Result, worker_pool};

/// Renders the document as HTML and PDF when a worker is available to the viewer.
///
/// # Errors
/// CONFLICT `DOCUMENT_TOO_LONG` when a limit of the typesetter is exceeded, or `TOO_MANY_REQUESTS`.
pub async fn render(ctx: Context<'_>, document: document::Agreement) -> Result<Rendered> {
    worker_pool::run(&ctx.viewer.subject, move || Ok(document::rendered(&document)?)).await
}

/// Renders like [`render`] if `allow` accepts the estimated CPU time.
///
/// # Errors
/// As [`render`], and the error of `allow`.
pub async fn render_if(
    ctx: Context<'_>,
    document: document::Agreement,
    allow: impl FnOnce(Duration) -> Result<()> + Send + 'static,
) -> Result<Rendered> {
    worker_pool::run(&ctx.viewer.subject, move || document::rendered_if(&document, allow)).await
}

/// Renders the document as an HTML page when a worker is available to the viewer.
///
/// # Errors
/// CONFLICT `TOO_MANY_REQUESTS` when too many of the viewer's documents are waiting.
pub async fn html(ctx: Context<'_>, document: document::Agreement) -> Result<String> {
    worker_pool::run(&ctx.viewer.subject, move || Ok(document::html(&document)?)).await
}
