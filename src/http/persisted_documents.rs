//! Persisted documents, which clients name instead of sending their text: trusted documents of a
//! file, by id, and documents that the same subject sent before, by SHA-256 (automatic persisted
//! queries).

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
    graphql_request::GraphqlRequest,
    query_cost::{self, Exceeded, Limits},
};
use domain::{
    config,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    files,
};

/// Maximum number and total bytes of the stored documents of a subject.
const STORED: (usize, usize) = (200, 1 << 20);
/// Maximum number of subjects with stored documents; the least recently used are removed.
const SUBJECTS: usize = 100;

/// Maximum size of the file of trusted documents, in bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// Interval at which the file of trusted documents is checked.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Persisted documents.
#[derive(Debug, Default)]
pub struct Documents {
    file: Option<PathBuf>,
    trusted: watch::Sender<Trusted>,
    /// `true` if only trusted documents are executed.
    only: bool,
    /// Documents that each subject sent, so that no subject evicts another's or learns of it; the
    /// most recently used last.
    sent: Mutex<IndexMap<String, Sent>>,
}

/// Documents of a file, and the digest of its text.
#[derive(Debug, Default)]
struct Trusted {
    texts: BTreeMap<String, String>,
    digest: String,
}

/// Documents that one subject sent before, by digest, the most recently used last.
#[derive(Debug, Default)]
struct Sent {
    texts: IndexMap<String, String>,
    bytes: usize,
}

impl Documents {
    /// Loads the documents of a file, a JSON object of texts by id, as relay-compiler and GraphQL
    /// Code Generator write it; without a file, none.
    ///
    /// # Errors
    /// INVALID naming every document that is invalid or exceeds a limit.
    pub fn load(file: Option<&Path>, only: bool, limits: &Limits) -> Result<Self> {
        let read = file.map(|file| read(file, "", limits)).transpose()?.flatten();
        Ok(Self {
            file: file.map(Path::to_owned),
            trusted: watch::Sender::new(read.unwrap_or_default()),
            only,
            ..Self::default()
        })
    }

    /// Reloads the file if it has changed. An invalid file leaves the loaded documents in effect.
    ///
    /// # Errors
    /// INVALID as in `load`.
    pub async fn refresh(&self, limits: &Arc<Limits>) -> Result<()> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let (known, limits) = (self.trusted.borrow().digest.clone(), Arc::clone(limits));
        let read = tokio::task::spawn_blocking(move || read(&file, &known, &limits))
            .await
            .map_err(Error::internal)?;
        if let Some(trusted) = read? {
            tracing::info!(documents = trusted.texts.len(), "the trusted documents were reloaded");
            self.trusted.send_replace(trusted);
        }
        Ok(())
    }

    /// Reloads the file when it changes, for as long as this future is polled.
    pub async fn refresh_continuously(&self, limits: &Arc<Limits>) {
        if self.file.is_none() {
            return std::future::pending().await;
        }
        let mut trouble = None;
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let failed = self.refresh(limits).await.err().map(|cause| cause.to_string());
            if let Some(cause) = failed.as_ref().filter(|_| failed != trouble) {
                tracing::warn!(
                    cause,
                    "the trusted documents can't be reloaded; the loaded ones stay in effect"
                );
            }
            trouble = failed;
        }
    }

    /// Returns the text of the requested document, and its digest if it is to be stored under that
    /// when it proves valid.
    ///
    /// # Errors
    /// NOT_FOUND for an unknown document, FORBIDDEN for a text when only trusted documents are
    /// executed, and INVALID for a digest that is not the text's. The messages are those that
    /// clients of automatic persisted queries expect.
    pub fn find(
        &self,
        request: &GraphqlRequest,
        subject: &str,
    ) -> Result<(String, Option<String>)> {
        if let Some(id) = &request.document_id {
            if request.query.is_some() {
                return Err(Error::invalid(
                    "documentId",
                    FieldErrorCode::NotAllowed.problem("excludes query; send only one of them"),
                ));
            }
            let found = self.trusted(id).ok_or_else(|| {
                Error::not_found("document", id.chars().take(100).collect::<String>())
            })?;
            return Ok((found, None));
        }
        let digest = request.extensions.get("persistedQuery").map(digest).transpose()?;
        if let Some(found) = digest.as_deref().and_then(|digest| self.trusted(digest)) {
            return Ok((found, None));
        }
        match (&request.query, digest) {
            (_, Some(_)) if self.only => {
                Err(Error::Forbidden("PersistedQueryNotSupported".to_owned()))
            }
            (_, None) if self.only => Err(Error::Forbidden(
                "this server executes only trusted documents; name one by its documentId"
                    .to_owned(),
            )),
            (Some(query), Some(digest)) if hex::encode(Sha256::digest(query)) != digest => {
                Err(Error::invalid(
                    "extensions.persistedQuery.sha256Hash",
                    FieldErrorCode::NotADigest
                        .problem("is not the SHA-256 of the query, in hexadecimal"),
                ))
            }
            (Some(query), digest) => Ok((query.clone(), digest)),
            (None, digest) => {
                let found = digest.and_then(|digest| self.sent(subject, &digest));
                Ok((found.ok_or_else(|| Error::NotFound("PersistedQueryNotFound".into()))?, None))
            }
        }
    }

    /// Returns a trusted document by its id, with or without the prefix of the digest algorithm.
    fn trusted(&self, id: &str) -> Option<String> {
        let (bare, trusted) = (id.strip_prefix("sha256:"), self.trusted.borrow());
        let texts = &trusted.texts;
        texts
            .get(id)
            .or_else(|| texts.get(bare?))
            .or_else(|| texts.get(&format!("sha256:{id}")))
            .cloned()
    }

    fn sent(&self, subject: &str, digest: &str) -> Option<String> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let own = latest(&mut sent, subject)?;
        latest(&mut own.texts, digest).cloned()
    }

    /// Stores a document that passed the limits for its subject under its digest. If there are too
    /// many, removes the least recently used.
    pub fn store(&self, subject: &str, digest: String, text: &str) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if latest(&mut sent, subject).is_none() {
            sent.insert(subject.to_owned(), Sent::default());
            if sent.len() > SUBJECTS {
                sent.shift_remove_index(0);
            }
        }
        let Some(own) = sent.get_mut(subject) else { return };
        own.bytes += text.len();
        if let Some(before) = own.texts.insert(digest, text.to_owned()) {
            own.bytes -= before.len();
        }
        while own.texts.len() > STORED.0 || own.bytes > STORED.1 {
            let Some((_, gone)) = own.texts.shift_remove_index(0) else { break };
            own.bytes -= gone.len();
        }
    }
}

/// Returns the value of the key, and marks it as the most recently used.
fn latest<'m, T>(map: &'m mut IndexMap<String, T>, key: &str) -> Option<&'m mut T> {
    let (position, ..) = map.get_full(key)?;
    let last = map.len() - 1;
    map.move_index(position, last);
    map.get_mut(key)
}

/// Reads the file; `None` if its text has the known digest.
fn read(file: &Path, known: &str, limits: &Limits) -> Result<Option<Trusted>> {
    let unreadable = |what: String| {
        Error::invalid(config::DOCUMENTS, format!("names {}, which {what}", file.display()))
    };
    let text = files::read_text(file, LARGEST_FILE)
        .map_err(|error| unreadable(format!("can't be read: {error}")))?;
    let digest = hex::encode(Sha256::digest(&text));
    if digest == known {
        return Ok(None);
    }
    let texts: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|error| {
        unreadable(format!("is not a JSON object of texts by their ids: {error}"))
    })?;
    let (mut errors, mut wrong) = (ValidationErrors::default(), Vec::new());
    for (id, text) in &texts {
        // The operation to execute is known only with a request.
        match query_cost::measure(text, &async_graphql::Variables::default(), None, limits) {
            Ok(_) | Err(Exceeded::Operation(_)) => {}
            Err(exceeded) => {
                wrong.push(format!("names {}, where {id} is refused: {exceeded}", file.display()))
            }
        }
    }
    errors.add_each(config::DOCUMENTS, wrong);
    errors.finish()?;
    Ok(Some(Trusted { texts, digest }))
}

/// Returns the digest that a client names a document by.
fn digest(persisted: &Value) -> Result<String> {
    let digest = persisted["sha256Hash"].as_str().filter(|_| persisted["version"] == 1);
    let digest = digest
        .filter(|digest| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let wrong = || {
        Error::invalid(
            "extensions.persistedQuery",
            FieldErrorCode::WrongType.problem(
                "must be {\"version\": 1, \"sha256Hash\": \"…\"} with 64 hexadecimal digits",
            ),
        )
    };
    digest.map(str::to_ascii_lowercase).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sent_documents_are_stored_within_bounds_and_the_most_recently_used_stay() {
        let documents = Documents::default();
        let large = "x".repeat(1 << 17);
        for position in 0..8 {
            documents.store("a", position.to_string(), &large);
        }
        assert!(documents.sent("a", "0").is_some(), "a megabyte is stored");
        documents.store("a", "8".into(), &large);
        let has = |digest| documents.sent("a", digest).is_some();
        assert!(has("0") && !has("1") && has("2"));
        for position in 10..1_100 {
            documents.store("a", position.to_string(), "{ a }");
        }
        let sent = documents.sent.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            sent["a"].texts.len() == 200 && sent["a"].bytes == 1_000,
            "{} {}",
            sent["a"].texts.len(),
            sent["a"].bytes
        );
    }

    #[test]
    fn a_subject_neither_finds_nor_evicts_what_another_sent() {
        let documents = Documents::default();
        documents.store("a", "0".into(), "{ a }");
        for position in 0..1_000 {
            documents.store("b", position.to_string(), "{ b }");
        }
        assert_eq!(documents.sent("a", "0").as_deref(), Some("{ a }"));
        assert!(documents.sent("a", "999").is_none() && documents.sent("c", "0").is_none());
    }
}
