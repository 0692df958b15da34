//! How much one request may ask for, and how much the server shows of itself.

use std::{path::PathBuf, time::Duration};

use super::{Given, number, yes_or_no};

/// How much one request may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Levels of nested fields.
    pub depth: usize,
    /// Points of cost: of each field what it declares, as many times as its lists may be long; of a
    /// batch, all its documents together.
    pub complexity: u64,
    /// Points that one subject may use in a minute; 0: as many as it likes.
    pub cost_per_minute: u32,
    /// Bytes of an answer; of a batch, all its answers together.
    pub answer_bytes: usize,
    /// Fields that are given another name.
    pub aliases: usize,
    /// Directives of a document.
    pub directives: usize,
    /// Names, strings, numbers and punctuation of a document.
    pub tokens: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a request may take to come, and then its answer.
    pub request_time: Duration,
    /// Requests of one subject that run at the same time.
    pub concurrent: usize,
    /// Connections that are open, sockets among them.
    pub connections: usize,
    /// Documents that one request may bring in a list; nought: a list is refused.
    pub batch: usize,
}

/// How much the server shows of itself, and to whom it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Whether the schema can be asked for.
    pub introspection: bool,
    /// Whether errors propose names that the schema has.
    pub suggestions: bool,
    /// Whether there is an explorer.
    pub explorer: bool,
    /// A JSON file of documents by their ids, which clients name in the place of their text.
    pub documents: Option<PathBuf>,
    /// Whether no other documents are answered.
    pub only_documents: bool,
    /// For how many seconds browsers are told to come by https alone (Strict-Transport-Security);
    /// nought: they are told nothing.
    pub hsts_seconds: u64,
}

impl Given {
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
            aliases: self.take("SAMREGISTER_MAX_ALIASES", 200, |text| number(text, 0..=10_000)),
            directives: self
                .take("SAMREGISTER_MAX_DIRECTIVES", 50, |text| number(text, 0..=10_000)),
            tokens: self
                .take("SAMREGISTER_MAX_TOKENS", 20_000, |text| number(text, 100..=1_000_000)),
            body_bytes: self.take("SAMREGISTER_MAX_BODY_BYTES", 1 << 20, |text| {
                number(text, 1 << 10..=1 << 28)
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
                format!(
                    "goes with {DOCUMENTS}, which names the file of the documents that are answered"
                ),
            );
        }
        exposure
    }
}

/// The setting that names the file of the documents that are answered; the server names it when the
/// file does not do.
pub const DOCUMENTS: &str = "SAMREGISTER_DOCUMENTS";
const DOCUMENTS_ONLY: &str = "SAMREGISTER_DOCUMENTS_ONLY";
