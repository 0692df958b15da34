//! Keys in PEM files: one key a file, of a kind that can sign tokens.

use std::path::Path;

use ed25519_dalek::VerifyingKey;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{self, rust_crypto::DEFAULT_PROVIDER},
};

use crate::{
    error::{Error, Result},
    files,
};

/// Largest key file, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// Maximum length of the modulus of an RSA key, in bytes: a longer one makes each request slow.
pub(super) const MAX_RSA_BYTES: usize = 512;
/// Error text for a key of an unsupported kind.
const UNSUPPORTED_KIND: &str = "is neither an Ed25519, a P-256 nor an RSA key";

/// Reads the only key of a PEM file; `read` gets its label and the text.
pub(super) fn read<T>(
    setting: &str,
    file: &Path,
    read: impl FnOnce(&str, &[u8]) -> Result<T, String>,
) -> Result<T> {
    let position = file.display();
    let text = files::read_text(file, MAX_FILE_BYTES);
    let text = text.map_err(|error| {
        Error::invalid(setting, format!("names {position}, which can't be read: {error}"))
    })?;
    let labels: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .collect();
    // OpenSSL writes the name of the curve before a key in the SEC 1 format.
    let key = match labels.as_slice() {
        [label] | ["EC PARAMETERS", label] => read(label, text.as_bytes()),
        [] => Err("is not PEM".to_owned()),
        _ => Err("holds more than one key".to_owned()),
    };
    key.map_err(|reason| Error::invalid(setting, format!("names {position}, which {reason}")))
}

/// Reads a public key. The algorithm follows from the kind of key, never from a token.
pub(super) fn public_key(label: &str, pem: &[u8]) -> Result<(Algorithm, DecodingKey), String> {
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        "CERTIFICATE" => {
            return Err("is a certificate; `openssl x509 -pubkey -noout` extracts its public key"
                .to_owned());
        }
        _ if label.ends_with("PRIVATE KEY") => {
            return Err(
                "is a private key; `openssl pkey -pubout` extracts its public key".to_owned()
            );
        }
        _ => return Err("is not a public key".to_owned()),
    }
    let is_usable = |key, algorithm| crypto::verify("", b"", key, algorithm).is_ok();
    if let Ok(key) = DecodingKey::from_ed_pem(pem) {
        let holds =
            key.try_get_as_bytes().is_ok_and(is_sound_ed25519) && is_usable(&key, Algorithm::EdDSA);
        return if holds {
            Ok((Algorithm::EdDSA, key))
        } else {
            Err("is a broken Ed25519 key".to_owned())
        };
    }
    if let Ok(key) = DecodingKey::from_ec_pem(pem) {
        let holds = is_usable(&key, Algorithm::ES256);
        return if holds {
            Ok((Algorithm::ES256, key))
        } else {
            Err("is on another curve than P-256".to_owned())
        };
    }
    let key = DecodingKey::from_rsa_pem(pem).map_err(|_| UNSUPPORTED_KIND.to_owned())?;
    let components = key
        .try_get_as_bytes()
        .and_then(DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key);
    let (modulus, _) = components.map_err(|_| "is a broken RSA key".to_owned())?;
    match modulus.len() {
        // The minimum for RS256 (RFC 7518, 3.3).
        ..256 => Err("is an RSA key of less than 2048 bits".to_owned()),
        256..=MAX_RSA_BYTES => Ok((Algorithm::RS256, key)),
        _ => Err("is an RSA key of more than 4096 bits".to_owned()),
    }
}

/// Returns `true` if the bytes are an Ed25519 public key for which only the holder of the private
/// key can sign: in canonical encoding (RFC 8032, 5.1.2) and not of small order. For a key of small
/// order, anyone can make signatures that verify.
pub(super) fn is_sound_ed25519(bytes: &[u8]) -> bool {
    let Ok(bytes) = <&[u8; 32]>::try_from(bytes) else { return false };
    // y is below the field's prime, 2^255 - 19; the highest bit is the sign of x.
    let is_canonical = bytes[0] < 0xed
        || bytes[1..31].iter().any(|byte| *byte != 0xff)
        || bytes[31] & 0x7f != 0x7f;
    is_canonical && VerifyingKey::from_bytes(bytes).is_ok_and(|key| !key.is_weak())
}

/// Reads a private key.
pub(super) fn private_key(label: &str, pem: &[u8]) -> Result<EncodingKey, String> {
    match label {
        "PRIVATE KEY" | "RSA PRIVATE KEY" => {}
        "EC PRIVATE KEY" => {
            return Err(
                "is in the SEC 1 format; `openssl pkcs8 -topk8 -nocrypt` converts it to PKCS #8"
                    .to_owned(),
            );
        }
        "ENCRYPTED PRIVATE KEY" => {
            return Err("is encrypted; `openssl pkey` decrypts it".to_owned());
        }
        _ => return Err("is not a private key".to_owned()),
    }
    let key = EncodingKey::from_ed_pem(pem)
        .or_else(|_| EncodingKey::from_ec_pem(pem))
        .or_else(|_| EncodingKey::from_rsa_pem(pem));
    key.map_err(|_| UNSUPPORTED_KIND.to_owned())
}
