//! Keys that verify tokens: from a PEM file, a file with a key set (JWKS, RFC 7517) or the JWKS URL
//! of an issuer.
//!
//! All but fixed keys are re-read while the server runs. A failed read (the issuer is down, a file
//! is half written) leaves the known keys in use.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, crypto,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::{Mutex, watch},
    time::Instant,
};

use super::pem;
use crate::{
    config::names,
    error::{Error, Result},
    files,
};

/// A key that verifies tokens. The algorithm follows from the kind of key, never from a token.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Key ID (`kid`).
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

/// Source of the keys.
#[derive(Debug)]
enum Source {
    /// Keys that never change.
    Fixed,
    /// A PEM file with one key.
    Pem(PathBuf),
    /// A file with a key set (JWKS).
    File(PathBuf),
    /// An issuer: the URL of its key set, and the interval between reads.
    Issuer(String, Duration),
}

/// The keys of one source.
#[derive(Debug)]
pub(super) struct KeySet {
    source: Source,
    keys: watch::Sender<Vec<Arc<Key>>>,
    /// Number of the last read of keys, among all reads of this process.
    generation: AtomicU64,
    /// Time of the last read that an unknown key ID caused.
    last_refetch: Mutex<Option<Instant>>,
}

/// Interval between reads of a file.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Shortest time between two reads that unknown key IDs cause. Protects the issuer from tokens with
/// made-up key IDs.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(30);
/// Timeout of a request to the issuer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest key set, in bytes.
const MAX_SET_BYTES: usize = 64 << 10;
/// Largest key set, in keys.
const MAX_SET_KEYS: usize = 100;

impl KeySet {
    fn new(source: Source, keys: Vec<Key>) -> Arc<Self> {
        let keys = keys.into_iter().map(Arc::new).collect();
        let keys = watch::Sender::new(keys);
        Arc::new(Self {
            source,
            keys,
            generation: AtomicU64::new(next_generation()),
            last_refetch: Mutex::default(),
        })
    }

    /// Returns a set of keys that never change.
    pub(super) fn fixed(
        algorithm: Algorithm,
        keys: impl Iterator<Item = DecodingKey>,
    ) -> Arc<Self> {
        Self::new(
            Source::Fixed,
            keys.map(|decoding| Key { id: None, algorithm, decoding }).collect(),
        )
    }

    /// Reads the key of a PEM file.
    ///
    /// # Errors
    /// INVALID naming the setting and the file.
    pub(super) fn of_pem(file: &Path) -> Result<Arc<Self>> {
        Ok(Self::new(Source::Pem(file.to_owned()), vec![of_pem(file)?]))
    }

    /// Reads the keys of a JWKS file.
    ///
    /// # Errors
    /// INVALID naming the setting and the file.
    pub(super) fn of_file(file: &Path) -> Result<Arc<Self>> {
        let error = |reason: String| {
            Error::invalid(names::JWT_JWKS, format!("names {}, which {reason}", file.display()))
        };
        let text = files::read_text(file, MAX_SET_BYTES as u64)
            .map_err(|cause| error(format!("can't be read: {cause}")))?;
        Ok(Self::new(Source::File(file.to_owned()), of_set(&text).map_err(error)?))
    }

    /// Returns the set of an issuer. It is empty until the first successful read.
    pub(super) fn of_issuer(url: &str, every: Duration) -> Arc<Self> {
        Self::new(Source::Issuer(url.to_owned(), every), Vec::new())
    }

    /// Returns `true` if the source is a key set, whose keys have IDs.
    pub(super) fn is_set(&self) -> bool {
        matches!(self.source, Source::File(_) | Source::Issuer(..))
    }

    /// Returns a number that grows whenever the keys may have changed, also when another set
    /// replaces this one.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    /// Reads the keys of an issuer that has not been asked yet.
    pub(super) async fn read_if_empty(&self) -> Result<(), String> {
        if self.keys.borrow().is_empty() { self.refresh().await } else { Ok(()) }
    }

    /// Returns every key.
    pub(super) fn all(&self) -> Vec<Arc<Key>> {
        self.keys.borrow().clone()
    }

    /// Returns the keys that may have signed a token: the key with its key ID, or all fixed keys,
    /// which have no IDs.
    pub(super) fn candidates(&self, id: Option<&str>) -> Vec<Arc<Key>> {
        match self.source {
            Source::Fixed => self.all(),
            Source::Pem(_) | Source::File(_) | Source::Issuer(..) => {
                self.find(id).into_iter().collect()
            }
        }
    }

    /// Returns the key with a key ID. A token without a key ID means the only key of the set.
    fn find(&self, id: Option<&str>) -> Option<Arc<Key>> {
        let keys = self.keys.borrow();
        match id.filter(|_| self.is_set()) {
            Some(id) => keys.iter().find(|key| key.id.as_deref() == Some(id)).cloned(),
            None => keys.first().filter(|_| keys.len() == 1).cloned(),
        }
    }

    /// Re-reads the key set if it lacks the key with this ID: one read for all concurrent callers,
    /// at most one per [`UNKNOWN_KEY_INTERVAL`].
    pub(super) async fn refresh_if_unknown(&self, id: &str) {
        if !self.is_set() || self.find(Some(id)).is_some() {
            return;
        }
        let mut last_refetch = self.last_refetch.lock().await;
        // Another caller may have read the set while this one waited for the lock.
        if self.find(Some(id)).is_some()
            || last_refetch.is_some_and(|at| at.elapsed() < UNKNOWN_KEY_INTERVAL)
        {
            return;
        }
        if let Err(cause) = self.refresh().await {
            tracing::warn!(
                cause,
                "the keys that verify tokens can't be read again; the known keys remain in use"
            );
        }
        *last_refetch = Some(Instant::now());
    }

    /// Re-reads the keys at the source's interval, for as long as it is polled.
    pub(super) async fn refresh_continuously(&self) {
        let every = match self.source {
            Source::Fixed => return std::future::pending().await,
            Source::Pem(_) | Source::File(_) => POLL_INTERVAL,
            Source::Issuer(_, every) => every,
        };
        let mut trouble = None;
        loop {
            let failed = self.refresh().await.err();
            if let Some(cause) = failed.as_ref().filter(|_| failed != trouble) {
                tracing::warn!(
                    cause,
                    "the keys that verify tokens can't be read again; the known keys remain in use"
                );
            }
            trouble = failed;
            // An issuer that has never answered is asked again soon.
            tokio::time::sleep(if self.keys.borrow().is_empty() { POLL_INTERVAL } else { every })
                .await;
        }
    }

    async fn refresh(&self) -> Result<(), String> {
        let keys = match &self.source {
            Source::Fixed => return Ok(()),
            Source::Pem(file) => {
                let file = file.clone();
                vec![run_blocking(move || of_pem(&file).map_err(|error| error.to_string())).await?]
            }
            Source::File(file) => {
                let file = file.clone();
                of_set(
                    &run_blocking(move || {
                        files::read_text(&file, MAX_SET_BYTES as u64)
                            .map_err(|cause| cause.to_string())
                    })
                    .await?,
                )?
            }
            Source::Issuer(url, _) => {
                let url = url.clone();
                of_set(&run_blocking(move || fetch(&url)).await?)?
            }
        };
        self.keys.send_replace(keys.into_iter().map(Arc::new).collect());
        self.generation.store(next_generation(), SeqCst);
        Ok(())
    }
}

/// Returns the number of a read of keys, among all of this process.
fn next_generation() -> u64 {
    static READS: AtomicU64 = AtomicU64::new(0);
    READS.fetch_add(1, SeqCst)
}

/// Runs blocking I/O on a thread for blocking work.
async fn run_blocking<T: Send + 'static>(
    wait: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(wait).await.map_err(|cause| cause.to_string())?
}

/// Asks an issuer for its key set, and returns the number of its keys that can verify tokens.
///
/// # Errors
/// The reason why it can't be read, or has no such key.
pub async fn issuer_keys(url: &str) -> Result<usize, String> {
    let url = url.to_owned();
    Ok(of_set(&run_blocking(move || fetch(&url)).await?)?.len())
}

/// Fetches the key set of an issuer.
fn fetch(url: &str) -> Result<String, String> {
    let tls =
        ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    let agent = ureq::Agent::config_builder()
        .https_only(true)
        .max_redirects(0)
        .timeout_global(Some(FETCH_TIMEOUT))
        .tls_config(tls)
        .build();
    let mut response = agent.new_agent().get(url).call().map_err(|cause| cause.to_string())?;
    // The body of a redirect or an error page may be written by anyone.
    if response.status() != 200 {
        return Err(format!("the issuer responded with status {}, not 200", response.status()));
    }
    response
        .body_mut()
        .with_config()
        .limit(MAX_SET_BYTES as u64)
        .read_to_string()
        .map_err(|cause| cause.to_string())
}

fn of_pem(file: &Path) -> Result<Key> {
    let (algorithm, decoding) = pem::read(names::JWT_PUBLIC_KEY, file, pem::public_key)?;
    Ok(Key { id: None, algorithm, decoding })
}

/// Returns the keys of a set that can sign tokens. Keys for other uses are skipped. Of two keys
/// with one ID the first counts.
fn of_set(text: &str) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    if text.len() > MAX_SET_BYTES {
        return Err(format!("has more than {} bytes", MAX_SET_BYTES));
    }
    let set: Set =
        serde_json::from_str(text).map_err(|_| "is not a JSON Web Key Set".to_owned())?;
    if set.keys.len() > MAX_SET_KEYS {
        return Err(format!("has more than {} keys", MAX_SET_KEYS));
    }
    let keys: Vec<_> =
        set.keys.into_iter().filter_map(|key| of_jwk(&serde_json::from_value(key).ok()?)).collect();
    if keys.is_empty() {
        Err("has no key for signatures by EdDSA, ES256 or RS256".to_owned())
    } else {
        Ok(keys)
    }
}

/// Returns a key for signatures of tokens; `None` if the key is for another use, of another kind,
/// too short or broken.
fn of_jwk(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            // The minimum for RS256 (RFC 7518, 3.3).
            let bytes = URL_SAFE_NO_PAD.decode(&rsa.n).ok()?;
            (256..=pem::MAX_RSA_BYTES)
                .contains(&bytes.iter().skip_while(|byte| **byte == 0).count())
                .then_some(Algorithm::RS256)?
        }
        AlgorithmParameters::EllipticCurve(ec) => {
            (ec.curve == EllipticCurve::P256).then_some(Algorithm::ES256)?
        }
        AlgorithmParameters::OctetKeyPair(pair) => {
            (pair.curve == EllipticCurve::Ed25519).then_some(Algorithm::EdDSA)?
        }
        // Kinds that do not sign tokens; and secrets, with which every reader of the set could
        // sign.
        _ => return None,
    };
    let common = &jwk.common;
    let is_for_signatures = common
        .public_key_use
        .as_ref()
        .is_none_or(|its| *its == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|its| its.contains(&KeyOperations::Verify))
        && common.key_algorithm.is_none_or(|its| its.to_string() == format!("{algorithm:?}"));
    let decoding = is_for_signatures.then(|| DecodingKey::from_jwk(jwk).ok())??;
    let is_complete = algorithm != Algorithm::EdDSA
        || decoding.try_get_as_bytes().is_ok_and(pem::is_sound_ed25519);
    let is_usable = is_complete && crypto::verify("", b"", &decoding, algorithm).is_ok();
    is_usable.then(|| Key { id: common.key_id.clone(), algorithm, decoding })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"s4RvotiMFvl6gBRzldaH-bhKqHrw31sb_oNKdXVbdxQ"}"#;
    const EC: &str = r#"{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","x":"sn-Lk0Ov5A0tQICGB7i-XUbwn_JnCikxWmmDR80Pmuw","y":"KLX3y4oiOr-4oc_hcjnWmbGiCfAAh-XdanpDNvWBBbE"}"#;

    fn set(keys: &[&str]) -> Result<Vec<Key>, String> {
        of_set(&format!("{{\"keys\":[{}]}}", keys.join(",")))
    }

    /// Tokens that were verified with one set are verified again with another one.
    #[tokio::test]
    async fn no_two_reads_of_keys_have_the_same_generation() {
        let set = || KeySet::of_issuer("https://127.0.0.1:1/keys", POLL_INTERVAL);
        assert_ne!(set().generation(), set().generation());
        let unreachable = set();
        assert!(unreachable.read_if_empty().await.is_err(), "no one answers there");
        let secret = KeySet::fixed(Algorithm::HS256, DecodingKey::from_secret(b"x").into_iter());
        assert!(secret.read_if_empty().await.is_ok());
    }

    #[test]
    fn keys_for_something_else_are_left_out() {
        for other in [
            r#"{"kty":"oct","kid":"ed","k":"c2VjcmV0"}"#.to_owned(),
            r#"{"kty":"new","kid":"ed"}"#.to_owned(),
            ED.replace("\"kid\"", "\"use\":\"enc\",\"kid\""),
            ED.replace("\"kid\"", "\"key_ops\":[\"sign\"],\"kid\""),
            ED.replace("\"kid\"", "\"alg\":\"RS256\",\"kid\""),
            ED.replace("Ed25519", "P-256"),
            ED.replace("s4RvotiM", ""),
            // Of small order, in the canonical encoding and in others.
            ED.replace(
                "s4RvotiMFvl6gBRzldaH-bhKqHrw31sb_oNKdXVbdxQ",
                "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ),
            ED.replace(
                "s4RvotiMFvl6gBRzldaH-bhKqHrw31sb_oNKdXVbdxQ",
                "7v_______________________________________38",
            ),
            EC.replace("ES256", "ES384"),
            EC.replace("P-256", "P-384"),
            EC.replace("\"y\":\"K", "\"y\":\"L"),
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
            "4711".to_owned(),
        ] {
            assert!(
                set(&[&other]).is_err_and(|why| why.contains("no key for signatures")),
                "{other}"
            );
            assert!(
                set(&[&other, ED])
                    .is_ok_and(|keys| keys.len() == 1 && keys[0].algorithm == Algorithm::EdDSA),
                "{other}"
            );
        }
        assert!(
            of_set("{}").is_err()
                && of_set("[]").is_err()
                && of_set(&" ".repeat(65 << 10)).is_err()
        );
        assert!(set(&[ED; 101]).is_err());
    }

    #[test]
    fn a_key_is_found_by_its_name_and_the_only_one_without() {
        let of = |keys: &[&str]| {
            KeySet::new(Source::File(PathBuf::new()), set(keys).unwrap_or_default())
        };
        let algorithm = |keys: &KeySet, id| keys.find(id).map(|key| key.algorithm);
        let both = of(&[ED, EC]);
        assert_eq!(
            (algorithm(&both, Some("ed")), algorithm(&both, Some("x")), algorithm(&both, None)),
            (Some(Algorithm::EdDSA), None, None)
        );
        let one = of(&[EC]);
        assert_eq!(
            (algorithm(&one, None), algorithm(&one, Some("x"))),
            (Some(Algorithm::ES256), None)
        );
        // Of two keys with one ID the first counts.
        let twice = of(&[ED, &EC.replace("\"use\"", "\"kid\":\"ed\",\"use\"")]);
        assert_eq!(algorithm(&twice, Some("ed")), Some(Algorithm::EdDSA));
    }
}
