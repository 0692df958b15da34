//! Facts about one request: for its line in the log, and for the metrics of its documents.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use async_graphql::{Name, Response as Answer, Value, parser::types::OperationType};
use axum::{body::HttpBody, response::Response};

use super::{
    App, execution::Ready, graphql_response::extension, metrics::operations::Outcome, telemetry,
};
use domain::database::Usage;

/// Facts about one request.
#[derive(Debug, Default)]
pub(super) struct RequestRecord {
    /// Address of the client, when known.
    address: Option<IpAddr>,
    /// Subject of the token, set when it is verified, even if it has expired or was revoked.
    subject: OnceLock<String>,
    /// Code of the first error.
    code: OnceLock<String>,
    usage: Arc<Usage>,
    facts: Mutex<Facts>,
}

/// Facts about the documents of a request.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// Name of the first operation; its type if it has no name.
    operation: Option<String>,
    documents: u64,
    cost: u64,
    /// Size of the answer before compression, in bytes.
    bytes: Option<u64>,
}

impl RequestRecord {
    /// Creates the record of a request from this address.
    pub(super) fn new(address: Option<IpAddr>) -> Self {
        Self { address, ..Self::default() }
    }

    /// Returns the address of the client, when known.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns the subject of the token, when known.
    pub(super) fn subject(&self) -> Option<&str> {
        self.subject.get().map(String::as_str)
    }

    /// Records the subject of the token.
    pub(super) fn set_subject(&self, subject: &str) {
        self.subject.get_or_init(|| subject.to_owned());
    }

    /// Records the code of the first error of an answer.
    pub(super) fn note_errors(&self, answer: &Answer) {
        if !answer.errors.is_empty() {
            self.code.get_or_init(|| code_of(answer).to_owned());
        }
    }

    /// Records the size of the answer before compression, in bytes.
    pub(super) fn note_size(&self, bytes: usize) {
        self.facts().bytes = Some(bytes as u64);
    }

    /// Returns the counters of the request's statements.
    pub(super) fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs an operation of a WebSocket or an event stream.
    pub(super) fn log_operation(&self, request_id: &str, route: &str, took: Duration) {
        let Facts { operation, cost, bytes, .. } = self.facts().clone();
        tracing::info!(
            request_id,
            route,
            ms = milliseconds(took),
            operation,
            subject = self.subject(),
            address = self.address.map(tracing::field::display),
            statements = self.usage.statements(),
            rows = self.usage.rows(),
            cost,
            bytes,
            code = self.code.get().map_or("OK", String::as_str),
            "answered"
        );
    }
}

/// Logs the answer to a request, with the facts that its handler recorded.
pub(super) fn log(response: &Response, took: Duration) {
    let (status, ms) = (response.status().as_u16(), milliseconds(took));
    let Some(record) = response.extensions().get::<Arc<RequestRecord>>() else {
        tracing::info!(status, ms, "answered");
        return;
    };
    let Facts { operation, documents, cost, bytes } = record.facts().clone();
    let is_graphql = operation.is_some();
    let code = record.code.get().map(String::as_str).or(is_graphql.then_some("OK"));
    tracing::info!(
        status,
        ms,
        operation,
        documents = Some(documents).filter(|documents| *documents > 1),
        subject = record.subject(),
        address = record.address.map(tracing::field::display),
        statements = record.usage.statements(),
        rows = record.usage.rows(),
        cost = is_graphql.then_some(cost),
        bytes = bytes.or_else(|| response.body().size_hint().exact()),
        code,
        "answered"
    );
}

/// Formats a duration in milliseconds with one decimal.
fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Returns the code of the first error of an answer; `OK` without errors.
pub(super) fn code_of(answer: &Answer) -> &str {
    let Some(error) = answer.errors.first() else { return "OK" };
    match extension(error, "code") {
        Some(Value::String(code)) => code,
        _ => "INTERNAL",
    }
}

/// A document that is being executed, measured from here on.
#[derive(Debug)]
pub(super) struct MeasuredDocument {
    record: Arc<RequestRecord>,
    operation: OperationType,
    name: Option<Name>,
    cost: u64,
    began: Instant,
    /// Statements and rows of the documents before it in the same request.
    before: (u64, u64),
}

impl MeasuredDocument {
    /// Begins to measure a document of the request.
    pub(super) fn begin(record: &Arc<RequestRecord>, ready: &Ready) -> Self {
        let (operation, cost) = (ready.operation, ready.figures.complexity);
        Self::of(record, operation, ready.name.clone(), cost)
    }

    /// Begins to measure a document by its operation and cost.
    pub(super) fn of(
        record: &Arc<RequestRecord>,
        operation: OperationType,
        name: Option<Name>,
        cost: u64,
    ) -> Self {
        let before = (record.usage.statements(), record.usage.rows());
        Self { record: Arc::clone(record), operation, name, cost, began: Instant::now(), before }
    }

    /// Records the answer to the document, and counts it.
    pub(super) fn end(self, app: &App, answer: &Answer) {
        let Self { record, operation, name, cost, began, before } = self;
        app.metrics.count_result(Some(operation), answer);
        let usage = &record.usage;
        app.metrics.operations.count(&Outcome {
            name: name.as_deref(),
            code: code_of(answer),
            took: began.elapsed(),
            statements: usage.statements().saturating_sub(before.0),
            rows: usage.rows().saturating_sub(before.1),
        });
        record.note_errors(answer);
        telemetry::note_operation(name.as_deref().unwrap_or_default(), code_of(answer));
        let mut facts = record.facts();
        facts.documents += 1;
        facts.cost += cost;
        facts.operation.get_or_insert_with(|| {
            let kind = match operation {
                OperationType::Query => "query",
                OperationType::Mutation => "mutation",
                OperationType::Subscription => "subscription",
            };
            name.as_deref().map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"))
        });
    }
}
