//! Signatures of links to files: they carry the permissions of the caller who requested the link,
//! for some minutes, to programs that send no token, as a browser that opens a PDF.
//!
//! A signature holds the claims of the caller's token. It is encrypted and authenticated
//! (XChaCha20-Poly1305) together with the file's address, so that no one reads who requested the
//! link, and the link opens no other file. The keys are derived by HMAC-SHA256 from a secret of the
//! settings, which all servers of one register have. The nonce is derived from the content too:
//! equal links have equal signatures.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use chrono::{DateTime, Utc};
use entity::id::MemberId;
use ring::hmac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    bearer::Verified,
    viewer::{Role, Viewer},
};
use crate::error::{Error, Result};

/// Length of a nonce of XChaCha20-Poly1305 in bytes.
const NONCE: usize = 24;
/// Separate the derived keys from each other and from other uses of the same secret.
const ENCRYPTION: &[u8] = b"samregister file links 1: encryption";
const NONCES: &[u8] = b"samregister file links 1: nonces";
/// Longest signature that is read, in bytes: that of the longest token.
const MAX_SIGNATURE_BYTES: usize = 16 << 10;

/// The keys that sign links: the first signs, and every one opens. Clones share them.
#[derive(Clone)]
pub struct LinkKeys(Arc<[LinkKey]>);

/// The keys of one secret.
struct LinkKey {
    cipher: XChaCha20Poly1305,
    /// Key of the nonces.
    nonces: hmac::Key,
}

impl LinkKey {
    fn derive(secret: &[u8]) -> Option<Self> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let cipher =
            XChaCha20Poly1305::new_from_slice(hmac::sign(&secret, ENCRYPTION).as_ref()).ok()?;
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, NONCES).as_ref());
        Some(Self { cipher, nonces })
    }

    /// Returns the nonce of a text at an address. Other texts have other nonces.
    fn nonce(&self, address: &str, text: &[u8]) -> [u8; NONCE] {
        let mut input = hmac::Context::with_key(&self.nonces);
        input.update(&(address.len() as u64).to_le_bytes());
        input.update(address.as_bytes());
        input.update(text);
        let mut nonce = [0; NONCE];
        nonce.iter_mut().zip(input.sign().as_ref()).for_each(|(byte, derived)| *byte = *derived);
        nonce
    }
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKeys(hidden)")
    }
}

/// An opened link.
#[derive(Clone, Debug)]
pub struct Link {
    /// The caller who requested the link, with the end of the link as the end of its token.
    pub verified: Verified,
    /// SHA-256 of the file that the link was made for; null: the file is calculated on request.
    pub sha256: Option<String>,
}

/// The content of a signature. Its names are short, because they are part of each link.
#[derive(Serialize, Deserialize)]
struct Content {
    /// End of the link, in seconds.
    #[serde(rename = "e")]
    until: i64,
    #[serde(rename = "s")]
    subject: String,
    #[serde(rename = "r")]
    roles: Vec<String>,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    member: Option<Uuid>,
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    activities: Vec<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    issued: Option<i64>,
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl LinkKeys {
    /// Derives keys from these secrets: the first signs, and every one opens.
    #[must_use]
    pub fn derive<'s>(secrets: impl IntoIterator<Item = &'s [u8]>) -> Self {
        Self(secrets.into_iter().filter_map(LinkKey::derive).collect())
    }

    /// Returns a random key, which opens links of this process only.
    #[must_use]
    pub fn random() -> Self {
        Self::derive([rand::random::<[u8; 32]>().as_slice()])
    }

    /// Returns the signature of a link to the file at this address, for the bearer of this token.
    /// The link ends at `until`, or earlier with the token.
    ///
    /// # Errors
    /// INTERNAL if there is no key.
    pub fn sign(
        &self,
        address: &str,
        token: &Verified,
        sha256: Option<&str>,
        until: DateTime<Utc>,
    ) -> Result<String> {
        let viewer = &token.viewer;
        let content = Content {
            until: until.min(token.until).timestamp(),
            subject: viewer.subject.clone(),
            roles: viewer.roles.iter().map(|role| role.word().to_owned()).collect(),
            member: viewer.member.map(|member| member.0),
            activities: viewer.activities.clone(),
            scopes: viewer.scopes.clone(),
            issued: token.issued,
            token: token.id.clone(),
            sha256: sha256.map(str::to_owned),
        };
        let text = serde_json::to_vec(&content).map_err(Error::internal)?;
        let broken = || Error::internal(std::io::Error::other("no key signs links to files"));
        let key = self.0.first().ok_or_else(broken)?;
        let (nonce, payload) =
            (key.nonce(address, &text), Payload { msg: &text, aad: address.as_bytes() });
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| broken())?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens a link to the file at this address. The caller must check the token for revocations.
    ///
    /// # Errors
    /// UNAUTHENTICATED if the link has expired at `now`, or was not signed for this address.
    pub fn open(&self, address: &str, signature: &str, now: DateTime<Utc>) -> Result<Link> {
        let content = self.content(address, signature).ok_or_else(refused)?;
        let until = DateTime::from_timestamp(content.until, 0).ok_or_else(refused)?;
        if now >= until {
            return Err(refused());
        }
        let roles = content.roles.iter().map(|word| word.parse::<Role>());
        let viewer = Viewer {
            subject: content.subject,
            roles: roles.collect::<Result<_, _>>().map_err(|_| refused())?,
            member: content.member.map(MemberId),
            activities: content.activities,
            scopes: content.scopes,
            ..Viewer::default()
        };
        let verified = Verified { viewer, until, issued: content.issued, id: content.token };
        Ok(Link { verified, sha256: content.sha256 })
    }

    fn content(&self, address: &str, signature: &str) -> Option<Content> {
        if signature.len() > MAX_SIGNATURE_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let text = self.0.iter().find_map(|key| {
            let payload = Payload { msg: sealed, aad: address.as_bytes() };
            key.cipher.decrypt(&XNonce::from(*nonce), payload).ok()
        })?;
        serde_json::from_slice(&text).ok()
    }
}

/// Returns the error for a link that opens nothing. It does not reveal the reason.
fn refused() -> Error {
    Error::Unauthenticated(
        "the link has expired or was changed; request a new one, or send the header Authorization: Bearer …"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const PATH: &str = "/files/invoices/invoice_1.pdf?a=b";

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn token() -> Verified {
        let viewer = Viewer {
            subject: "anna@example.se".into(),
            roles: vec![Role::Member, Role::ActivityLead],
            member: Some(MemberId(Uuid::from_u128(7))),
            activities: vec!["bip".into()],
            ..Viewer::default()
        };
        let until = now() + TimeDelta::days(1);
        Verified { viewer, until, issued: Some(7), id: Some("id".into()) }
    }

    #[test]
    fn a_link_opens_one_file_for_some_minutes() {
        let keys = LinkKeys::derive([b"one".as_slice()]);
        let until = now() + TimeDelta::minutes(10);
        let signature = keys.sign(PATH, &token(), Some("abc"), until).unwrap();
        assert!(!signature.contains("anna"), "{signature}");
        assert_eq!(keys.sign(PATH, &token(), Some("abc"), until).unwrap(), signature);
        let link = keys.open(PATH, &signature, now()).unwrap();
        assert_eq!(link.sha256.as_deref(), Some("abc"));
        assert_eq!(link.verified, Verified { until, ..token() });
        let again = LinkKeys::derive([b"new".as_slice(), b"one"]);
        assert!(again.open(PATH, &signature, now()).is_ok(), "an earlier secret opens links");
        let mut changed = signature.clone();
        changed.replace_range(40..41, if &signature[40..41] == "A" { "B" } else { "A" });
        for (keys, path, signature, at) in [
            (&keys, "/files/invoices/invoice_2.pdf?a=b", signature.as_str(), now()),
            (&keys, "/files/invoices/invoice_1.pdf?a=c", &signature, now()),
            (&keys, PATH, &signature, until),
            (&keys, PATH, &changed, now()),
            (&keys, PATH, "", now()),
            (&keys, PATH, "%", now()),
            (&LinkKeys::random(), PATH, &signature, now()),
        ] {
            let refused = keys.open(path, signature, at).err().map(|error| error.code());
            assert_eq!(
                refused,
                Some(crate::error::ErrorCode::Unauthenticated),
                "{path} {signature} {at}"
            );
        }
    }

    #[test]
    fn a_link_ends_with_its_token() {
        let keys = LinkKeys::random();
        let ends = Verified { until: now() + TimeDelta::seconds(5), ..token() };
        let signature = keys.sign(PATH, &ends, None, now() + TimeDelta::hours(1)).unwrap();
        assert!(keys.open(PATH, &signature, now() + TimeDelta::seconds(4)).is_ok());
        assert!(keys.open(PATH, &signature, now() + TimeDelta::seconds(5)).is_err());
    }
}
