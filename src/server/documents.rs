//! Documents that the server has, which clients name in the place of their text: those of a trusted file, by its ids, and those that
//! somebody sent before, by their SHA-256 (automatic persisted queries).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indexmap::IndexMap;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{
    asking::Asked,
    limits::{self, Exceeded, Limits},
};
use crate::{
    config,
    error::{Error, Faults, Result},
    files,
};

/// The documents that are kept of those that were sent, at most so many and so many bytes of them.
const KEPT: (usize, usize) = (1_000, 8 << 20);

/// The largest file of trusted documents, in bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// How often the file of those that are trusted is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The documents that the server has.
#[derive(Debug, Default)]
pub struct Documents {
    file: Option<PathBuf>,
    trusted: watch::Sender<Trusted>,
    /// Whether no others are answered.
    only: bool,
    sent: Mutex<Sent>,
}

/// What a file holds, and the digest of its text.
#[derive(Debug, Default)]
struct Trusted {
    texts: BTreeMap<String, String>,
    digest: String,
}

/// What was sent before, by its digest, the latest used last.
#[derive(Debug, Default)]
struct Sent {
    texts: IndexMap<String, String>,
    bytes: usize,
}

impl Documents {
    /// The documents of a file, a JSON object of texts by their ids, as relay-compiler and GraphQL Code Generator write it; without a file, none.
    ///
    /// # Errors
    /// INVALID naming every document that is none or exceeds a limit.
    pub fn load(file: Option<&Path>, only: bool, limits: &Limits) -> Result<Self> {
        let read = file.map(|file| read(file, "", limits)).transpose()?.flatten();
        Ok(Self { file: file.map(Path::to_owned), trusted: watch::Sender::new(read.unwrap_or_default()), only, ..Self::default() })
    }

    /// Reads the file anew when it has changed. One that is bad leaves the documents that are known.
    ///
    /// # Errors
    /// INVALID as when they are loaded.
    pub async fn refresh(&self, limits: &Arc<Limits>) -> Result<()> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let (known, limits) = (self.trusted.borrow().digest.clone(), Arc::clone(limits));
        let read = tokio::task::spawn_blocking(move || read(&file, &known, &limits)).await.map_err(Error::internal)?;
        if let Some(trusted) = read? {
            tracing::info!(documents = trusted.texts.len(), "the trusted documents were read anew");
            self.trusted.send_replace(trusted);
        }
        Ok(())
    }

    /// Keeps them as the file has them, for as long as it is polled.
    pub async fn keep_fresh(&self, limits: &Arc<Limits>) {
        if self.file.is_none() {
            return std::future::pending().await;
        }
        let mut trouble = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let failed = self.refresh(limits).await.err().map(|cause| cause.to_string());
            if let Some(cause) = failed.as_ref().filter(|_| failed != trouble) {
                tracing::warn!(cause, "the trusted documents can't be read anew; those that are known still hold");
            }
            trouble = failed;
        }
    }

    /// The text of the document that is asked for, and its digest when it is to be kept under that once it is known to be good.
    ///
    /// # Errors
    /// NOT_FOUND for one that the server does not have, FORBIDDEN for a text where only trusted documents are answered, and INVALID for a
    /// digest that is not the text's. Where clients of persisted queries look for a message, it is theirs.
    pub fn find(&self, asked: &Asked) -> Result<(String, Option<String>)> {
        if let Some(id) = &asked.document_id {
            if asked.query.is_some() {
                return Err(Error::invalid("documentId", "stands beside a query; send one of them"));
            }
            let found = self.trusted(id).ok_or_else(|| Error::not_found("document", id.chars().take(100).collect::<String>()))?;
            return Ok((found, None));
        }
        let digest = asked.extensions.get("persistedQuery").map(digest).transpose()?;
        if let Some(found) = digest.as_deref().and_then(|digest| self.trusted(digest)) {
            return Ok((found, None));
        }
        match (&asked.query, digest) {
            (_, Some(_)) if self.only => Err(Error::Forbidden("PersistedQueryNotSupported".to_owned())),
            (_, None) if self.only => {
                Err(Error::Forbidden("this server answers only documents that it has; name one by its documentId".to_owned()))
            }
            (Some(query), Some(digest)) if hex(&Sha256::digest(query)) != digest => {
                Err(Error::invalid("extensions.persistedQuery.sha256Hash", "is not the SHA-256 of the query, in hexadecimal"))
            }
            (Some(query), digest) => Ok((query.clone(), digest)),
            (None, digest) => {
                let found = digest.and_then(|digest| self.sent(&digest));
                Ok((found.ok_or_else(|| Error::NotFound("PersistedQueryNotFound".to_owned()))?, None))
            }
        }
    }

    /// By its id, with or without the name of the digest that it is.
    fn trusted(&self, id: &str) -> Option<String> {
        let (bare, trusted) = (id.strip_prefix("sha256:"), self.trusted.borrow());
        let texts = &trusted.texts;
        texts.get(id).or_else(|| texts.get(bare?)).or_else(|| texts.get(&format!("sha256:{id}"))).cloned()
    }

    fn sent(&self, digest: &str) -> Option<String> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let (place, ..) = sent.texts.get_full(digest)?;
        let last = sent.texts.len() - 1;
        sent.texts.move_index(place, last);
        sent.texts.get(digest).cloned()
    }

    /// Keeps a document that passed the limits under its digest, in the place of the one that was not used for longest.
    pub fn keep(&self, digest: String, text: &str) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.bytes += text.len();
        if let Some(before) = sent.texts.insert(digest, text.to_owned()) {
            sent.bytes -= before.len();
        }
        while sent.texts.len() > KEPT.0 || sent.bytes > KEPT.1 {
            let Some((_, gone)) = sent.texts.shift_remove_index(0) else { break };
            sent.bytes -= gone.len();
        }
    }
}

/// What the file holds; null when that is known, by the digest of its text.
fn read(file: &Path, known: &str, limits: &Limits) -> Result<Option<Trusted>> {
    let unreadable = |what: String| Error::invalid(config::DOCUMENTS, format!("names {}, which {what}", file.display()));
    let text = files::read_text(file, LARGEST_FILE).map_err(|error| unreadable(format!("can't be read: {error}")))?;
    let digest = hex(&Sha256::digest(&text));
    if digest == known {
        return Ok(None);
    }
    let texts: BTreeMap<String, String> =
        serde_json::from_str(&text).map_err(|error| unreadable(format!("is not a JSON object of texts by their ids: {error}")))?;
    let (mut faults, mut wrong) = (Faults::default(), Vec::new());
    for (id, text) in &texts {
        // Which of its operations is meant is known only when it is asked.
        match limits::measure(text, &async_graphql::Variables::default(), None, limits) {
            Ok(_) | Err(Exceeded::Operation(_)) => {}
            Err(exceeded) => wrong.push(format!("names {}, where {id} is not taken: {exceeded}", file.display())),
        }
    }
    faults.add_each(config::DOCUMENTS, wrong);
    faults.finish()?;
    Ok(Some(Trusted { texts, digest }))
}

/// The digest that a client names a document by.
fn digest(persisted: &Value) -> Result<String> {
    let digest = persisted["sha256Hash"].as_str().filter(|_| persisted["version"] == 1);
    let digest = digest.filter(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let wrong =
        || Error::invalid("extensions.persistedQuery", "must be {\"version\": 1, \"sha256Hash\": \"…\"} with 64 hexadecimal digits");
    digest.map(str::to_ascii_lowercase).ok_or_else(wrong)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_kept_within_bounds_and_the_latest_used_stays() {
        let documents = Documents::default();
        let large = "x".repeat(1 << 20);
        for place in 0..8 {
            documents.keep(place.to_string(), &large);
        }
        assert!(documents.sent("0").is_some(), "eight megabytes are kept");
        documents.keep("8".into(), &large);
        assert!(documents.sent("0").is_some() && documents.sent("1").is_none() && documents.sent("2").is_some());
        for place in 10..1_100 {
            documents.keep(place.to_string(), "{ a }");
        }
        let sent = documents.sent.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(sent.texts.len() == 1_000 && sent.bytes == 5_000, "{} {}", sent.texts.len(), sent.bytes);
    }
}
