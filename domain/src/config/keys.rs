//! Settings of the keys that sign and verify tokens.

use std::path::PathBuf;

use super::environment::{checked, is_web_address};
use crate::error::Result;

/// Location of a key set (JWKS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// A URL that begins with `https://`.
    Issuer(String),
}

/// Parses the location of a key set.
pub(super) fn key_source(text: &str) -> Result<KeySource, String> {
    if text.starts_with("https://") {
        let is_address = is_web_address(text) && !text.contains('@');
        return checked(
            text,
            is_address,
            "must be an address as https://login.example.se/keys, without a name or password",
        )
        .map(KeySource::Issuer);
    }
    checked(
        text,
        !text.contains("://") && !text.contains('{'),
        "must name a file, or an address that begins with https://",
    )
    .map(|file| KeySource::File(file.into()))
}
