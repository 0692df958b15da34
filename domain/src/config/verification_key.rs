//! The settings that select the keys for verifying tokens.

use std::{path::Path, time::Duration};

use super::{
    keys::KeySource,
    names::{JWT_JWKS, JWT_PUBLIC_KEY, JWT_SECRET, JWT_SIGNING_KEY},
    secrets::Secret,
    settings::Settings,
};
use crate::error::{Error, Result};

/// The key or keys that verify tokens.
#[derive(Clone, Copy, Debug)]
pub enum VerificationKey<'s> {
    /// HS256 with any of these secrets; the first signs.
    Secrets(&'s [Secret]),
    /// EdDSA, ES256 or RS256, with the key in this PEM file.
    PublicKey(&'s Path),
    /// EdDSA, ES256 or RS256, with the keys of the JWKS in this file.
    KeySet(&'s Path),
    /// EdDSA, ES256 or RS256, with the JWKS at this URL of the issuer, read at this interval.
    Issuer(&'s str, Duration),
}

impl Settings {
    /// Returns the key or keys that verify tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] if none or several are set, or if a signing key is set together with a
    /// secret, which signs itself, or with an issuer, which signs its own tokens.
    pub fn verification_key(&self) -> Result<VerificationKey<'_>> {
        let both = |one: &str, other: &str| {
            Err(Error::invalid(one, format!("and {other} are both set; remove one of them")))
        };
        let lone = |set: &str| match &self.jwt_signing_key {
            Some(_) => Err(Error::invalid(
                JWT_SIGNING_KEY,
                format!("requires {JWT_PUBLIC_KEY}; with {set}, remove it"),
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
