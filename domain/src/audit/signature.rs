//! The key that signs the trail. Someone who has only the database can't write an entry that this
//! program accepts.

use std::{collections::BTreeMap, fmt, io, path::Path};

use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{
        DecodePrivateKey, DecodePublicKey, EncodePublicKey, KeypairBytes,
        spki::der::pem::LineEnding,
    },
};
use sha2::{Digest, Sha256};

use crate::{
    config::{Settings, TRAIL_KEY, TRAIL_PUBLIC_KEYS},
    error::{Error, Result},
    files,
};

/// Maximum size of a file of keys, in bytes.
const LARGEST_FILE: u64 = 1 << 20;
/// Ends the label line of a private key in PEM.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----";
/// Ends the label line of a public key in PEM.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----";

/// Public keys whose signatures are accepted.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys {
    by_id: BTreeMap<String, VerifyingKey>,
}

/// Returns the id of a key: the first 16 hexadecimal digits of its SHA-256.
fn id_of(key: &VerifyingKey) -> String {
    hex::encode(&Sha256::digest(key.as_bytes())[..8])
}

impl TrustedKeys {
    /// Reads the public keys of a PEM text.
    ///
    /// # Errors
    /// A description of the error.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let mut keys = Self::default();
        for block in blocks(text).filter(|block| block.starts_with(PUBLIC)) {
            let key = VerifyingKey::from_public_key_pem(block)
                .map_err(|_| "holds a public key that is not Ed25519".to_owned())?;
            keys.add(key)?;
        }
        if keys.is_empty() { Err("holds no public key in PEM".to_owned()) } else { Ok(keys) }
    }

    /// Reads the public keys of the file that the settings name; `None` if they name none.
    ///
    /// # Errors
    /// INVALID naming the setting and the error of its file.
    pub fn of_settings(settings: &Settings) -> Result<Option<Self>> {
        let Some(file) = &settings.trail.public_keys else { return Ok(None) };
        let position = file.display();
        let bad = |reason: String| {
            Error::invalid(TRAIL_PUBLIC_KEYS, format!("names {position}, which {reason}"))
        };
        let text = files::read_text(file, LARGEST_FILE)
            .map_err(|error| bad(format!("can't be read: {error}")))?;
        Self::from_pem(&text).map(Some).map_err(bad)
    }

    fn add(&mut self, key: VerifyingKey) -> Result<(), String> {
        // The signatures of a weak key hold for more than one text.
        if key.is_weak() {
            return Err("holds a public key of small order".to_owned());
        }
        self.by_id.insert(id_of(&key), key);
        Ok(())
    }

    /// Returns this set with the keys of another one.
    #[must_use]
    pub fn with(mut self, others: &Self) -> Self {
        self.by_id.extend(others.by_id.iter().map(|(id, key)| (id.clone(), *key)));
        self
    }

    /// Adds a key, in hexadecimal, that another key of the set vouches for. Returns `false` for a
    /// text that is not a key.
    pub(super) fn add_hex(&mut self, text: &str) -> bool {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).is_ok()
            && VerifyingKey::from_bytes(&bytes).is_ok_and(|key| self.add(key).is_ok())
    }

    /// `true` if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// `true` if one of them has this id.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// `true` if the key with this id signed the message.
    #[must_use]
    pub fn holds(&self, id: &str, message: &str, signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature).ok();
        let key = self.by_id.get(id);
        key.zip(signature).is_some_and(|(key, signature)| {
            key.verify_strict(message.as_bytes(), &signature).is_ok()
        })
    }
}

/// The key that signs the trail, with the public keys of its predecessors.
#[derive(Clone)]
pub struct TrailKey {
    signing: SigningKey,
    id: String,
    trusted: TrustedKeys,
}

impl fmt::Debug for TrailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrailKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl TrailKey {
    /// Creates a key.
    #[must_use]
    pub fn generate() -> Self {
        Self::of(SigningKey::from_bytes(&rand::random()))
    }

    fn of(signing: SigningKey) -> Self {
        let public = signing.verifying_key();
        let id = id_of(&public);
        Self { signing, trusted: TrustedKeys { by_id: BTreeMap::from([(id.clone(), public)]) }, id }
    }

    /// Reads the private key of a PEM text, with its public keys, which are those of former keys.
    ///
    /// # Errors
    /// A description of the error.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let mut private = blocks(text).filter(|block| block.starts_with(PRIVATE));
        let block = match (private.next(), private.next()) {
            (Some(block), None) => block,
            (None, _) => return Err("holds no private key in PEM (PKCS #8)".to_owned()),
            _ => return Err("holds more than one private key".to_owned()),
        };
        let signing = SigningKey::from_pkcs8_pem(block)
            .map_err(|_| "holds a private key that is not Ed25519".to_owned())?;
        let mut key = Self::of(signing);
        if text.contains(PUBLIC) {
            key.trusted = key.trusted.with(&TrustedKeys::from_pem(text)?);
        }
        Ok(key)
    }

    /// Reads the key of a file.
    ///
    /// # Errors
    /// INVALID naming the setting and the error of the file.
    pub fn read(setting: &str, file: &Path) -> Result<Self> {
        let position = file.display();
        let text = files::read_text(file, LARGEST_FILE).map_err(|error| {
            Error::invalid(setting, format!("names {position}, which can't be read: {error}"))
        })?;
        if let Some(mode) = files::mode_for_others(file) {
            tracing::warn!(
                "other users of this machine can read the private key in {position} (its mode is {mode:03o}); run `chmod 600` on it"
            );
        }
        Self::from_pem(&text)
            .map_err(|reason| Error::invalid(setting, format!("names {position}, which {reason}")))
    }

    /// Reads the key that the settings name; `None` if they name none and there is none at the
    /// default path.
    ///
    /// # Errors
    /// INVALID naming the setting and the error of its file.
    pub fn of_settings(settings: &Settings) -> Result<Option<Self>> {
        let file = settings.trail_key_file();
        if settings.trail.key.is_none() && !file.exists() {
            return Ok(None);
        }
        let mut key = Self::read(TRAIL_KEY, &file)?;
        if let Some(others) = TrustedKeys::of_settings(settings)? {
            key.trusted = key.trusted.with(&others);
        }
        Ok(Some(key))
    }

    /// Returns the private key in PEM (PKCS #8), which `openssl pkey` reads.
    ///
    /// # Errors
    /// Fails if it can't be encoded.
    pub fn to_pem(&self) -> io::Result<String> {
        use ed25519_dalek::pkcs8::EncodePrivateKey;
        // Without the public key, which older versions of OpenSSL reject there.
        let bytes = KeypairBytes { secret_key: self.signing.to_bytes(), public_key: None };
        Ok(bytes.to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?.to_string())
    }

    /// Returns the trusted public keys, its own first, in PEM.
    ///
    /// # Errors
    /// Fails if one can't be encoded.
    pub fn trusted_pem(&self) -> io::Result<String> {
        let others =
            self.trusted.by_id.iter().filter(|(id, _)| **id != self.id).map(|(_, key)| key);
        let keys = std::iter::once(&self.signing.verifying_key())
            .chain(others)
            .map(pem_of)
            .collect::<io::Result<Vec<_>>>();
        Ok(keys?.concat())
    }

    /// Returns the public key in PEM.
    ///
    /// # Errors
    /// Fails if it can't be encoded.
    pub fn public_pem(&self) -> io::Result<String> {
        pem_of(&self.signing.verifying_key())
    }

    /// Returns the public key in hexadecimal.
    #[must_use]
    pub fn public_hex(&self) -> String {
        hex::encode(self.signing.verifying_key().as_bytes())
    }

    /// Returns the id by which entries and checkpoints name the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the keys to verify with: its own and those of its predecessors.
    #[must_use]
    pub fn trusted(&self) -> &TrustedKeys {
        &self.trusted
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &str) -> Vec<u8> {
        self.signing.sign(message.as_bytes()).to_bytes().to_vec()
    }
}

/// Creates a file that only its owner may read (0600), atomically, and flushes it to the disk.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if it exists, or the error of writing.
/// [`io::ErrorKind::AlreadyExists`] when it is there, or when it can't be written.
pub fn write_private(file: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(text.as_bytes())?;
    written.as_file().sync_all()?;
    written.persist_noclobber(file).map_err(|error| error.error)?;
    files::sync_folder_of(file)
}

fn pem_of(key: &VerifyingKey) -> io::Result<String> {
    key.to_public_key_pem(LineEnding::LF).map_err(io::Error::other)
}

/// Returns the blocks of a PEM text, each with its labels.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("-----BEGIN ").filter_map(|(start, _)| {
        let block = text.get(start..)?;
        let end = block.find("-----END ")?;
        let label = block.get(end..)?.find('\n').unwrap_or(block.len() - end);
        block.get(..end + label)
    })
}

/// Returns the text that is signed for a commit: its first and last revision, and the last hash,
/// which covers all entries before it. An entry that was inserted between two commits belongs to
/// neither.
pub(super) fn head(first: i64, last: i64, hash: &str) -> String {
    format!("samregister trail head\n{first}\n{last}\n{hash}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_what_it_writes_with_its_predecessors() {
        let (old, new) = (TrailKey::generate(), TrailKey::generate());
        let text =
            format!("{}{}", new.to_pem().unwrap_or_default(), old.public_pem().unwrap_or_default());
        let read = TrailKey::from_pem(&text).unwrap_or_else(|reason| panic!("{reason}"));
        assert_eq!(read.id(), new.id());
        for key in [&old, &new] {
            assert!(read.trusted().holds(key.id(), "text", &key.sign("text")));
            assert!(!read.trusted().holds(key.id(), "other", &key.sign("text")));
        }
        assert!(
            !read.trusted().holds(old.id(), "text", &new.sign("text")),
            "each key signs for itself"
        );
        assert!(!TrailKey::generate().trusted().contains(old.id()));
        let mut trusted = TrustedKeys::default();
        assert!(
            trusted.add_hex(&new.public_hex())
                && trusted.contains(new.id())
                && !trusted.add_hex("00")
        );
    }

    #[test]
    fn invalid_keys_are_rejected() {
        let key = TrailKey::generate().to_pem().unwrap_or_default();
        for (text, reason) in [
            ("", "holds no private key in PEM (PKCS #8)".to_owned()),
            (&format!("{key}{key}"), "holds more than one private key".to_owned()),
            (&key.replace('M', "N"), "holds a private key that is not Ed25519".to_owned()),
        ] {
            assert_eq!(TrailKey::from_pem(text).map(|key| key.id().to_owned()), Err(reason));
        }
    }
}
