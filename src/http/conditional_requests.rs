//! ETag and If-None-Match (RFC 9110, 13) of the answer to a GET request. Its validator is the key
//! under which it may be stored: see `answer_cache`.

use std::sync::OnceLock;

use axum::http::HeaderMap;
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use sha2::{Digest, Sha256};

use crate::graphql::{self, Register};
use domain::config::Network;

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

/// `true` if the client already has the answer of this validator, by a weak comparison.
#[must_use]
pub fn is_known(headers: &HeaderMap, validator: &str) -> bool {
    let known = headers.typed_get::<IfNoneMatch>().zip(validator.parse::<ETag>().ok());
    known.is_some_and(|(known, validator)| !known.precondition_passes(&validator))
}
