//! ETag and If-None-Match (RFC 9110, 13): the validator of an answer to a GET request, from all
//! that the answer depends on.

use std::sync::OnceLock;

use axum::http::HeaderMap;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use sha2::{Digest, Sha256};

use super::{App, content_negotiation::Media, execution::Ready};
use crate::graphql::{self, Register, language::Language};
use domain::{audit, auth::viewer::Viewer, config::Network};

/// Returns a digest of what answers depend on apart from the database and the request: the program
/// and its settings. Servers of one database with different settings have different validators.
#[must_use]
pub fn edition(schema: &Register, network: &Network) -> String {
    // The schema distinguishes builds of one version during development. A program has one schema,
    // even if it runs several servers.
    static SCHEMA: OnceLock<String> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| hex::encode(Sha256::digest(graphql::sdl(schema))));
    hex::encode(Sha256::digest(format!("{}\n{schema}\n{network:?}", env!("CARGO_PKG_VERSION"))))
}

/// Returns the validator of the answer to a request; `None` if it has none, as when it selects a
/// field that may change without a revision.
///
/// It is calculated before the answer: a write in between makes the answer newer than its
/// validator, which costs one more request and never returns a stale answer. It is weak (`W/`),
/// since the same answer may be compressed or not.
pub(super) async fn validator(
    app: &App,
    viewer: &Viewer,
    ready: &Ready,
    media: Media,
    language: Language,
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
        // Statuses depend on the day without any write.
        app.clock.today().to_string(),
        format!("{viewer:?}"),
        media.content_type().to_owned(),
        language.tag().to_owned(),
        question.operation_name.clone().unwrap_or_default(),
        variables,
        question.query.clone(),
    ];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| {
        digest.chain_update(part.len().to_le_bytes()).chain_update(part)
    });
    Some(format!("W/\"{}\"", hex::encode(digest.finalize())))
}

/// `true` if the client already has the answer of this validator, by a weak comparison.
#[must_use]
pub fn is_known(headers: &HeaderMap, validator: &str) -> bool {
    let known = headers.typed_get::<IfNoneMatch>().zip(validator.parse::<ETag>().ok());
    known.is_some_and(|(known, validator)| !known.precondition_passes(&validator))
}
