//! Limits of one request, and settings of what the server exposes.

use std::{path::PathBuf, time::Duration};

use super::environment::{Environment, number, yes_or_no};

/// Limits of one request and of the server's load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nested fields.
    pub depth: usize,
    /// Points of cost: the declared cost of each field, multiplied by the maximum length of the
    /// lists around it; for a batch, of all its documents together.
    pub complexity: u64,
    /// Points that one subject may use in a minute; 0: no limit.
    pub cost_per_minute: u32,
    /// Bytes of a response; for a batch, of all its responses together.
    pub answer_bytes: usize,
    /// Bytes of the answers that are stored for equal requests; 0: none are.
    pub answer_cache_bytes: usize,
    /// Fields with an alias.
    pub aliases: usize,
    /// Directives of a document.
    pub directives: usize,
    /// Names, strings, numbers and punctuators of a document.
    pub tokens: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of an uploaded file.
    pub upload_bytes: usize,
    /// Time limit for receiving a request, and then for responding to it.
    pub request_time: Duration,
    /// Concurrent requests of one subject.
    pub concurrent: usize,
    /// Open connections, including sockets.
    pub connections: usize,
    /// Documents that one request may send in a list; 0: a list is refused.
    pub batch: usize,
}

/// Settings of what the server exposes and which documents it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// `true` if introspection of the schema is allowed.
    pub introspection: bool,
    /// `true` if errors suggest names of the schema.
    pub suggestions: bool,
    /// `true` if GraphiQL is served.
    pub explorer: bool,
    /// A JSON file of persisted documents by their ids, which clients send in place of the text.
    pub documents: Option<PathBuf>,
    /// `true` if only persisted documents are accepted.
    pub only_documents: bool,
    /// Seconds for which browsers must use https only (Strict-Transport-Security); 0: the header is
    /// not sent.
    pub hsts_seconds: u64,
}

impl Environment {
    pub(super) fn limits(&mut self) -> Limits {
        Limits {
            depth: self.take("SAMREGISTER_MAX_DEPTH", 15, |text| number(text, 1..=100)),
            complexity: self
                .take("SAMREGISTER_MAX_COMPLEXITY", 50_000, |text| number(text, 1..=1_000_000_000)),
            cost_per_minute: self.take("SAMREGISTER_MAX_COST_PER_MINUTE", 1_000_000, |text| {
                number(text, 0..=1_000_000_000)
            }),
            answer_bytes: self.take("SAMREGISTER_MAX_ANSWER_BYTES", 16 << 20, |text| {
                number(text, 1 << 10..=1 << 30)
            }),
            answer_cache_bytes: self
                .take("SAMREGISTER_ANSWER_CACHE_BYTES", 16 << 20, |text| number(text, 0..=1 << 30)),
            aliases: self.take("SAMREGISTER_MAX_ALIASES", 200, |text| number(text, 0..=10_000)),
            directives: self
                .take("SAMREGISTER_MAX_DIRECTIVES", 50, |text| number(text, 0..=10_000)),
            tokens: self
                .take("SAMREGISTER_MAX_TOKENS", 20_000, |text| number(text, 100..=1_000_000)),
            body_bytes: self.take("SAMREGISTER_MAX_BODY_BYTES", 1 << 20, |text| {
                number(text, 1 << 10..=1 << 28)
            }),
            upload_bytes: self.take("SAMREGISTER_MAX_UPLOAD_BYTES", 25 << 20, |text| {
                number(text, 1 << 10..=1 << 30)
            }),
            request_time: Duration::from_secs(self.take(
                "SAMREGISTER_REQUEST_SECONDS",
                20,
                |text| number(text, 1..=3_600),
            )),
            concurrent: self
                .take("SAMREGISTER_MAX_CONCURRENT", 32, |text| number(text, 1..=10_000)),
            connections: self
                .take("SAMREGISTER_MAX_CONNECTIONS", 10_000, |text| number(text, 1..=1_000_000)),
            batch: self.take("SAMREGISTER_MAX_BATCH", 0, |text| number(text, 0..=100)),
        }
    }

    /// Reads the time for which a server that stops still answers requests.
    pub(super) fn drain_time(&mut self) -> Duration {
        Duration::from_secs(
            self.take("SAMREGISTER_DRAIN_SECONDS", 0, |text| number(text, 0..=3_600)),
        )
    }

    pub(super) fn exposure(&mut self) -> Exposure {
        let exposure = Exposure {
            introspection: self.take("SAMREGISTER_INTROSPECTION", self.is_demo, yes_or_no),
            suggestions: self.take("SAMREGISTER_SUGGESTIONS", self.is_demo, yes_or_no),
            explorer: self.take("SAMREGISTER_EXPLORER", self.is_demo, yes_or_no),
            documents: self.optional(DOCUMENTS, |text| Ok(PathBuf::from(text))),
            only_documents: self.take(DOCUMENTS_ONLY, false, yes_or_no),
            hsts_seconds: self
                .take("SAMREGISTER_HSTS_SECONDS", 0, |text| number(text, 0..=63_072_000)),
        };
        if exposure.only_documents && exposure.documents.is_none() {
            self.errors.add(
                DOCUMENTS_ONLY,
                format!("requires {DOCUMENTS}, which names the file of persisted documents"),
            );
        }
        exposure
    }
}

/// The setting that names the file of persisted documents. The server names it in the error if the
/// file is invalid.
pub const DOCUMENTS: &str = "SAMREGISTER_DOCUMENTS";
const DOCUMENTS_ONLY: &str = "SAMREGISTER_DOCUMENTS_ONLY";
