//! Settings about the keys that tokens are signed and verified with.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{JWT_JWKS, JWT_PUBLIC_KEY, JWT_SECRET, JWT_SIGNING_KEY, Secret, Settings, checked};
use crate::error::{Error, Result};

/// What tokens are verified with.
#[derive(Clone, Copy, Debug)]
pub enum VerificationKey<'s> {
    /// HS256 by any of these; the first signs.
    Secrets(&'s [Secret]),
    /// EdDSA, ES256 or RS256, by the key in this PEM file.
    PublicKey(&'s Path),
    /// The same, by the keys of a set in this file.
    KeySet(&'s Path),
    /// The same, by the keys that the issuer has at this address, read so often.
    Issuer(&'s str, Duration),
}

/// Where a set of keys (JWKS) is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In a file.
    File(PathBuf),
    /// At an address that begins with `https://`.
    Issuer(String),
}

/// Reads where a set of keys is.
pub(super) fn key_source(text: &str) -> Result<KeySource, String> {
    if text.starts_with("https://") {
        let is_address = text.len() > "https://".len()
            && !text.contains(char::is_whitespace)
            && !text.contains('@');
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

impl Settings {
    /// What tokens are verified with.
    ///
    /// # Errors
    /// [`Error::Invalid`] when nothing is set or more than one thing, or when a signing key stands
    /// beside a secret, which signs by itself, or beside an issuer, who does.
    pub fn verification_key(&self) -> Result<VerificationKey<'_>> {
        let both = |one: &str, other: &str| {
            Err(Error::invalid(one, format!("and {other} are both set; remove one of them")))
        };
        let lone = |set: &str| match &self.jwt_signing_key {
            Some(_) => Err(Error::invalid(
                JWT_SIGNING_KEY,
                format!("goes with {JWT_PUBLIC_KEY}; with {set}, remove it"),
            )),
            None => Ok(()),
        };
        let secrets = Some(self.jwt_secrets.as_slice()).filter(|secrets| !secrets.is_empty());
        match (secrets, &self.jwt_public_key, &self.jwt_key_set) {
            (Some(_), Some(_), _) => both(JWT_SECRET, JWT_PUBLIC_KEY),
            (Some(_), _, Some(_)) => both(JWT_SECRET, JWT_JWKS),
            (_, Some(_), Some(_)) => both(JWT_PUBLIC_KEY, JWT_JWKS),
            (None, None, None) => Err(Error::invalid(
                JWT_SECRET,
                format!("or {JWT_PUBLIC_KEY} or {JWT_JWKS} must be set, to verify tokens with"),
            )),
            (Some(secrets), None, None) => {
                lone(JWT_SECRET).map(|()| VerificationKey::Secrets(secrets))
            }
            (None, Some(file), None) => Ok(VerificationKey::PublicKey(file)),
            (None, None, Some(KeySource::File(file))) => Ok(VerificationKey::KeySet(file)),
            (None, None, Some(KeySource::Issuer(url))) => lone("an issuer's keys")
                .map(|()| VerificationKey::Issuer(url, self.jwt_key_set_every)),
        }
    }
}
