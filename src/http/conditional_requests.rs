//! Whether a client has the answer already: the validator (ETag) of an answer to a GET, made of all
//! that the answer depends on.

use std::sync::OnceLock;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

use super::{App, content_negotiation::Media, execution::Ready, persisted_documents::hex};
use crate::graphql::{self, Register};
use domain::{audit, auth::viewer::Viewer, config::Network};

/// What answers depend on beside the register and the request: the program and its settings.
/// Servers of one register that differ in them have validators that differ.
#[must_use]
pub fn edition(schema: &Register, network: &Network) -> String {
    // The schema tells programs of one version apart while it is made. A program has one, however
    // many servers it runs.
    static SCHEMA: OnceLock<String> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| hex(&Sha256::digest(graphql::sdl(schema))));
    hex(&Sha256::digest(format!("{}\n{schema}\n{network:?}", env!("CARGO_PKG_VERSION"))))
}

/// The validator of the answer to this question; null when it has none, as when what may change
/// without a revision is asked.
///
/// It is made before the answer: what is written meanwhile makes the answer newer than its
/// validator says, which costs one more answer and never shows an old one. It is weak (`W/`), since
/// the same answer may come compressed or not.
pub(super) async fn validator(
    app: &App,
    viewer: &Viewer,
    ready: &Ready,
    media: Media,
) -> Option<String> {
    if ready.figures.is_unversioned {
        return None;
    }
    let question = &ready.document;
    let revision = audit::revision(&app.db).await.ok()?;
    let variables = serde_json::to_string(&question.variables).ok()?;
    let parts = [
        app.edition.clone(),
        revision.to_string(),
        // States follow from the day without any write.
        app.db.clock.today().to_string(),
        format!("{viewer:?}"),
        media.content_type().to_owned(),
        question.operation_name.clone().unwrap_or_default(),
        variables,
        question.query.clone(),
    ];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| {
        digest.chain_update(part.len().to_le_bytes()).chain_update(part)
    });
    Some(format!("W/\"{}\"", hex(&digest.finalize())))
}

/// Whether the client says that it has what this validator stands for.
#[must_use]
pub fn is_known(headers: &HeaderMap, validator: &str) -> bool {
    let bare = validator.trim_start_matches("W/");
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    known
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|known| known.trim_start_matches("W/") == bare || known == "*")
}
