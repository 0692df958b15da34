//! Metrics in the OpenMetrics text format, for Prometheus: requests as they happen, figures of the
//! database and of the server's state when they are scraped.
//!
//! Access: peers on the same machine, clients with the token of SAMREGISTER_METRICS_TOKEN, or all
//! if SAMREGISTER_METRICS_OPEN is set. It counts the agreements of all members by activity, and
//! names no member.

mod backups;
mod command_runs;
mod figures;
mod known;
pub(super) mod operations;
mod server;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use async_graphql::{Response as Answer, Value, parser::types::OperationType};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use sha2::{Digest, Sha256};

use self::{backups::BackupMetrics, figures::Figures, operations::Operations};
use super::{
    App,
    answer_cache::AnswerMetrics,
    denials::Denied,
    execution::{Caller, bearer},
    graphql_response, peers,
    request_record::{RequestRecord, code_of},
    telemetry,
};
use domain::error::{Error, Result};

/// Upper bounds of the buckets of response times, in seconds.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    reason: &'static str,
}

/// Labels of a GraphQL result: operation type and outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GraphqlResult {
    operation: String,
    code: String,
    reason: String,
}

/// Metrics of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    results: Family<GraphqlResult, Counter>,
    accept_failures: Family<Refusal, Counter>,
    pub(super) denied: Family<Denied, Counter>,
    pub(super) answers: AnswerMetrics,
    backups: BackupMetrics,
    database_up: Gauge<i64, std::sync::atomic::AtomicI64>,
    failed_writes: Counter<u64, AtomicU64>,
    /// Retries that were answered with the outcome of the first request.
    pub(super) replays: Counter,
    /// Operations by name.
    pub(super) operations: Operations,
    figures: Arc<Figures>,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::<Answered, Counter<u64, AtomicU64>>::default();
        let seconds: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        let results = Family::<GraphqlResult, Counter>::default();
        let (database_up, failed_writes, replays) =
            (Gauge::default(), Counter::default(), Counter::default());
        let denied = Family::<Denied, Counter>::default();
        let accept_failures = Family::<Refusal, Counter<u64, AtomicU64>>::default();
        for reason in ACCEPT_FAILURES {
            drop(accept_failures.get_or_create(&Refusal { reason }));
        }
        let mut registry = Registry::with_prefix("samregister");
        registry.register(
            "accept_failures",
            "Connections that could not be accepted, by reason",
            accept_failures.clone(),
        );
        registry.register(
            "build",
            "What runs here",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register("http_requests", "Answers by method, route and status", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Duration of responses, by route",
            Unit::Seconds,
            seconds.clone(),
        );
        registry.register(
            "graphql_results",
            "Results by operation type (unknown: refused before it was parsed) and by code and reason of their errors (code OK: without errors); a result with several codes counts for each",
            results.clone(),
        );
        registry.register(
            "denials",
            "Requests and fields to which access was denied, by code and route",
            denied.clone(),
        );
        let answers = AnswerMetrics::default();
        answers.register(&mut registry);
        registry.register(
            "database_up",
            "1 if the database is reachable, migrated and accepts changes, else 0",
            database_up.clone(),
        );
        registry.register(
            "failed_writes",
            "Changes that failed in the database, without refused ones",
            failed_writes.clone(),
        );
        registry.register(
            "idempotent_replays",
            "Requests with an idempotency key whose mutations an earlier request had committed",
            replays.clone(),
        );
        let backups = BackupMetrics::default();
        backups.register(&mut registry);
        let (operations, figures) = (Operations::default(), Arc::<Figures>::default());
        operations.register(&mut registry);
        figures.register(&mut registry);
        Self {
            registry,
            requests,
            seconds,
            results,
            accept_failures,
            denied,
            answers,
            backups,
            database_up,
            failed_writes,
            replays,
            operations,
            figures,
        }
    }
}

/// Reasons why a connection is not accepted: the program or the machine has too many files open, or
/// another reason.
const ACCEPT_FAILURES: [&str; 2] = ["open_files", "other"];

impl Metrics {
    /// Counts a result by the type of its operation and the codes and reasons of its errors.
    /// `operation` is `None` if it was refused before that was known.
    pub fn count_result(&self, operation: Option<OperationType>, answer: &Answer) {
        let operation = match operation {
            Some(OperationType::Query) => "query",
            Some(OperationType::Mutation) => "mutation",
            Some(OperationType::Subscription) => "subscription",
            None => "unknown",
        };
        let word = |error, name| match graphql_response::extension(error, name) {
            Some(Value::String(word)) => word.clone(),
            _ => String::new(),
        };
        let mut found: BTreeSet<_> = answer
            .errors
            .iter()
            .map(|error| (word(error, "code"), word(error, "reason")))
            .collect();
        if found.is_empty() {
            found.insert(("OK".to_owned(), String::new()));
        }
        if operation == "unknown" {
            self.operations.refuse(code_of(answer));
        }
        for (code, reason) in found {
            self.results
                .get_or_create(&GraphqlResult { operation: operation.to_owned(), code, reason })
                .inc();
        }
    }

    /// Counts a connection that could not be accepted.
    pub fn accept_failed(&self, out_of_files: bool) {
        let [open_files, other] = ACCEPT_FAILURES;
        self.accept_failures
            .get_or_create(&Refusal { reason: if out_of_files { open_files } else { other } })
            .inc();
    }

    /// Updates the figures of the database. Only the readiness check determines whether the
    /// database is up: slow figures say nothing about it. Without the database, figures are missing
    /// rather than stale.
    async fn look(&self, app: &App) {
        let is_up = app.readiness.check(&app.db).await.is_none();
        self.database_up.set(i64::from(is_up));
        self.failed_writes.inc_by(app.db.failed_writes().saturating_sub(self.failed_writes.get()));
        if is_up {
            self.figures.update(app.db.for_monitoring(), app.clock).await;
        } else {
            self.figures.clear();
        }
    }

    /// Returns all metrics as text.
    fn text(&self, app: &App) -> std::result::Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &server::registry(app))?;
        encode_registry(&mut text, &server::process())?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Checks that a request may read the metrics.
fn admit(app: &App, request: &Request) -> Result<()> {
    let access = app.metrics_access.get();
    if access.is_open || peers::is_local(request) {
        return Ok(());
    }
    let digest = |text: &str| Sha256::digest(text);
    // Compares digests, so that the time of the comparison reveals nothing about the token.
    let is_known = access.token.as_ref().is_some_and(|token| {
        bearer(request.headers()).is_ok_and(|sent| digest(&sent) == digest(token.expose()))
    });
    if is_known {
        Ok(())
    } else {
        Err(Error::Unauthenticated(denied(access.token.is_some()).to_owned()))
    }
}

/// Returns why a request may not read the metrics, and how to get access.
fn denied(has_token: bool) -> &'static str {
    if has_token {
        "the token of SAMREGISTER_METRICS_TOKEN is needed: send the header Authorization: Bearer …"
    } else {
        "metrics are answered only to requests from this machine that no proxy forwarded: no token is set. The operator sets \
         SAMREGISTER_METRICS_TOKEN, which other readers then send, or opens them to all with SAMREGISTER_METRICS_OPEN=true"
    }
}

/// Returns all metrics, for Prometheus.
pub async fn page(State(app): State<App>, request: Request) -> Response {
    if let Err(error) = admit(&app, &request) {
        return Caller::of(&request).refuse(error);
    }
    app.metrics.backups.look(Arc::clone(&app.last_backup_file)).await;
    app.metrics.look(&app).await;
    match app.metrics.text(&app) {
        Ok(text) => (
            [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Measures every request, and adds its record to the request and the response. Labels are known
/// routes and methods only, so that clients can't create labels.
pub async fn measure(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let address = peers::client(request.extensions(), request.headers(), &app.trusted_proxies);
    let record = Arc::new(RequestRecord::new(address));
    request.extensions_mut().insert(Arc::clone(&record));
    let (began, route) = (Instant::now(), Route { route });
    let mut response = Arc::clone(record.usage()).count(next.run(request)).await;
    app.metrics.seconds.get_or_create(&route).observe(began.elapsed().as_secs_f64());
    let (status, Route { route }) = (response.status().as_u16(), route);
    app.metrics.requests.get_or_create(&Answered { method, route, status }).inc();
    response.extensions_mut().insert(record);
    telemetry::add_context(response.headers_mut());
    response
}
