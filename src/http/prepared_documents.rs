//! Documents that were parsed, and queries that were read and measured, so that the next request
//! with the same text or the same bytes does neither again.

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Name, Request as Document, Variables, parser::types::OperationType};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    execution::{Ready, check, refused},
    lru::{Digest, Lru},
    query_cost::{self, Figures, Limits, Parsed},
    validated_documents::DocumentClass,
};
use domain::error::Result;

/// Total size of the texts of the stored documents. A parsed document takes some twenty times its
/// text.
const MAX_TEXT_BYTES: usize = 256 << 10;
/// Total size of the stored queries' requests.
const MAX_REQUEST_BYTES: usize = 1 << 20;
/// Memory that the smallest of them needs in addition.
const ENTRY_BYTES: usize = 256;

/// A document with its variables, measured.
#[derive(Debug)]
pub(super) struct Prepared {
    text: Arc<Text>,
    variables: Variables,
    operation_name: Option<String>,
    /// Type of the chosen operation.
    pub(super) operation: OperationType,
    /// Measured figures.
    pub(super) figures: Figures,
    /// `true` if the sender requested the cost.
    pub(super) reports_cost: bool,
    /// Digest of the document, the variables and the name of the operation; `None` if the variables
    /// can't be serialized, so that no other request counts as equal.
    pub(super) digest: Option<Digest>,
    /// Class of requests that pass validation together; `None` if it is validated each time.
    class: Option<Digest>,
}

/// The text of a document, parsed.
#[derive(Debug)]
struct Text {
    text: String,
    parsed: Parsed,
    /// Class of the document; `None` if it has none, or is too long.
    class: Option<DocumentClass>,
}

impl Prepared {
    /// Returns the request to execute.
    pub(super) fn ready(&self) -> Ready {
        let mut document = Document::new(self.text.text.as_str()).variables(self.variables.clone());
        document.operation_name.clone_from(&self.operation_name);
        document.set_parsed_query(self.text.parsed.document.clone());
        Ready {
            document,
            operation: self.operation,
            name: self.name(),
            figures: self.figures,
            reports_cost: self.reports_cost,
            class: self.class,
        }
    }

    /// Returns the name of the chosen operation, if it has one.
    pub(super) fn name(&self) -> Option<Name> {
        let operations = &self.text.parsed.document.operations;
        query_cost::name_of(operations, self.operation_name.as_deref())
    }

    /// Returns the text of the document.
    pub(super) fn text(&self) -> &str {
        &self.text.text
    }
}

/// Where the bytes of a request come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// A body of JSON.
    Body = 0,
    /// The query string of an address.
    Address = 1,
}

/// Stored documents and queries. The least recently used are removed.
#[derive(Debug)]
pub struct PreparedDocuments {
    texts: Mutex<Lru<Arc<Text>>>,
    requests: Mutex<Lru<Arc<Prepared>>>,
}

impl Default for PreparedDocuments {
    fn default() -> Self {
        Self {
            texts: Mutex::new(Lru::new(MAX_TEXT_BYTES)),
            requests: Mutex::new(Lru::new(MAX_REQUEST_BYTES)),
        }
    }
}

/// The bytes of a request under which its query may be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawRequest {
    digest: Digest,
    size: usize,
}

impl PreparedDocuments {
    /// Returns the digest of the bytes of a request; `None` if they are too many to be stored.
    pub(super) fn raw(&self, source: Source, bytes: &[u8]) -> Option<RawRequest> {
        let size = bytes.len() + ENTRY_BYTES;
        let digest = || Sha256::new().chain_update([source as u8]).chain_update(bytes).finalize();
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let is_small = requests.accepts(size);
        drop(requests);
        is_small.then(|| RawRequest { digest: digest().into(), size })
    }

    /// Returns the query of an equal request.
    pub(super) fn find(&self, raw: RawRequest) -> Option<Arc<Prepared>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).get(&raw.digest)
    }

    /// Stores the query of a request whose bytes alone determine it.
    pub(super) fn store(&self, raw: RawRequest, prepared: &Arc<Prepared>) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.insert(raw.digest, Arc::clone(prepared), raw.size);
    }

    /// Parses a document, unless it is stored, and measures it with these variables.
    ///
    /// # Errors
    /// INVALID naming every limit that it exceeds, or every required variable that is missing.
    pub(super) fn prepare(
        &self,
        text: String,
        operation_name: Option<String>,
        variables: Variables,
        limits: &Limits,
    ) -> Result<Prepared> {
        let text = self.parse(text, limits)?;
        let (operation, figures) =
            check(&text.parsed, &variables, operation_name.as_deref(), limits)?;
        let digest = digest_of_request(&text.text, &variables, operation_name.as_deref());
        let class = text.class.as_ref().filter(|_| operation == OperationType::Query);
        let class = class.and_then(|class| class.with(&variables));
        Ok(Prepared {
            text,
            variables,
            operation_name,
            operation,
            figures,
            reports_cost: false,
            digest,
            class,
        })
    }

    fn parse(&self, text: String, limits: &Limits) -> Result<Arc<Text>> {
        let size = text.len() + ENTRY_BYTES;
        let lock = || self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let digest: Option<Digest> = lock().accepts(size).then(|| Sha256::digest(&text).into());
        if let Some(known) = digest.as_ref().and_then(|digest| lock().get(digest)) {
            return Ok(known);
        }
        let parsed = query_cost::parse(&text, limits).map_err(refused)?;
        let class = digest.and_then(|digest| DocumentClass::of(digest, &parsed.document));
        let parsed = Arc::new(Text { text, parsed, class });
        if let Some(digest) = digest {
            lock().insert(digest, Arc::clone(&parsed), size);
        }
        Ok(parsed)
    }
}

/// Returns the digest of a request; `None` if its variables can't be serialized.
fn digest_of_request(
    text: &str,
    variables: &impl Serialize,
    operation_name: Option<&str>,
) -> Option<Digest> {
    let variables = serde_json::to_vec(variables).ok()?;
    let (has_name, name) = (u8::from(operation_name.is_some()), operation_name.unwrap_or_default());
    Some(digest_of(&[text.as_bytes(), &variables, &[has_name], name.as_bytes()]))
}

/// Returns the digest of these parts, each with its length.
pub(super) fn digest_of(parts: &[&[u8]]) -> Digest {
    let digest = parts.iter().fold(Sha256::new(), |digest, part| {
        digest.chain_update((part.len() as u64).to_le_bytes()).chain_update(part)
    });
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(
        documents: &PreparedDocuments,
        text: &str,
        name: Option<&str>,
        variables: serde_json::Value,
    ) -> Prepared {
        let (name, variables) = (name.map(str::to_owned), Variables::from_json(variables));
        documents
            .prepare(text.to_owned(), name, variables, &Limits::default())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_text_is_parsed_once_and_measured_with_each_variable() {
        let documents = PreparedDocuments::default();
        let text = "query A($n: Int) { a(first: $n) { nodes { b } } } query B { b }";
        let variables = |rows: u64| serde_json::json!({ "n": rows });
        let few = prepared(&documents, text, Some("A"), variables(2));
        let many = prepared(&documents, text, Some("A"), variables(100));
        let other = prepared(&documents, text, Some("B"), variables(2));
        assert!(Arc::ptr_eq(&few.text, &many.text) && Arc::ptr_eq(&few.text, &other.text));
        assert!(few.figures.complexity < many.figures.complexity);
        assert!(few.digest.is_some() && few.digest != many.digest && few.digest != other.digest);
        assert_eq!(few.digest, prepared(&documents, text, Some("A"), variables(2)).digest);
        let ready = few.ready();
        assert_eq!((ready.document.query.as_str(), ready.figures), (text, few.figures));
        assert!(
            documents.prepare("{".into(), None, Variables::default(), &Limits::default()).is_err()
        );
    }

    #[test]
    fn variables_that_cannot_be_serialized_have_no_digest() {
        let variables = std::collections::BTreeMap::from([([1, 2], "a")]);
        assert_eq!(digest_of_request("{ a }", &variables, None), None);
        assert!(digest_of_request("{ a }", &[1, 2], None).is_some());
    }

    #[test]
    fn an_equal_request_is_found_by_its_bytes_and_source() {
        let documents = PreparedDocuments::default();
        let raw = |source, bytes: &[u8]| {
            documents.raw(source, bytes).unwrap_or_else(|| panic!("it is too large"))
        };
        let query = Arc::new(prepared(&documents, "{ a }", None, serde_json::json!({})));
        documents.store(raw(Source::Body, b"x"), &query);
        assert!(documents.find(raw(Source::Body, b"x")).is_some());
        assert!(documents.find(raw(Source::Address, b"x")).is_none());
        assert!(documents.find(raw(Source::Body, b"y")).is_none());
        assert!(documents.raw(Source::Body, &vec![0; MAX_REQUEST_BYTES]).is_none());
    }
}
