//! Metrics in the OpenMetrics text format, for Prometheus: requests as they happen, figures of the
//! database when they are scraped.
//!
//! Access: peers on the same machine, clients with the token of SAMREGISTER_METRICS_TOKEN, or all
//! if SAMREGISTER_METRICS_OPEN is set. It counts the agreements of all members by activity, and
//! names no member.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::{Duration, Instant},
};

use async_graphql::{Response as Answer, Value, parser::types::OperationType};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use entity::{activity, kind::AgreementKind};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use sha2::{Digest, Sha256};

use super::{
    App,
    answer_cache::AnswerMetrics,
    backup_metrics::BackupMetrics,
    denials::Denied,
    execution::{Caller, bearer},
    graphql_response, health, peers,
};
use domain::{
    activities,
    agreements::deadlines::query::{self, Tally},
    auth::viewer::Viewer,
    clock::Clock,
    context::Context,
    database::Database,
    error::{Error, Result},
};

/// Windows in days for which agreements are counted.
const WITHIN: [i64; 3] = [30, 60, 90];
/// Time for which figures of the database are cached, so that many scrapers cost no more than one.
const CACHE_TIME: Duration = Duration::from_secs(10);
/// Time for which figures are shown when newer ones can't be read.
const MAX_AGE: Duration = Duration::from_secs(300);
/// Time that a request waits for newer figures when there are older ones; the next one shows them.
const GRACE: Duration = Duration::from_millis(50);
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

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Within {
    activity: String,
    kind: String,
    within: i64,
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
    expiring: Family<Within, Gauge>,
    pub(super) denied: Family<Denied, Counter>,
    pub(super) answers: AnswerMetrics,
    backups: BackupMetrics,
    database_up: Gauge<i64, std::sync::atomic::AtomicI64>,
    failed_writes: Counter<u64, AtomicU64>,
    /// Times at which the database's figures were last requested and last read.
    figures: Mutex<Figures>,
    /// Held while the figures are read.
    reading: tokio::sync::Mutex<()>,
}

/// Age of the database's figures.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    requested_at: Option<Instant>,
    read_at: Option<Instant>,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::<Answered, Counter<u64, AtomicU64>>::default();
        let seconds: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(SECONDS));
        let results = Family::<GraphqlResult, Counter>::default();
        let (expiring, database_up, failed_writes) =
            (Family::<Within, Gauge>::default(), Gauge::default(), Counter::default());
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
            "agreements_expiring",
            "Agreements whose next deadline falls within this number of days from today, without acknowledged ones; by activity (empty: none) and kind of agreement",
            expiring.clone(),
        );
        let backups = BackupMetrics::default();
        backups.register(&mut registry);
        Self {
            registry,
            requests,
            seconds,
            results,
            accept_failures,
            expiring,
            denied,
            answers,
            backups,
            database_up,
            failed_writes,
            figures: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
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
    async fn look(self: &Arc<Self>, app: &App) {
        let is_up = app.readiness.check(&app.db).await.is_none();
        self.database_up.set(i64::from(is_up));
        self.failed_writes.inc_by(app.db.failed_writes().saturating_sub(self.failed_writes.get()));
        if !is_up {
            *self.figures() = Figures::default();
            self.expiring.clear();
            return;
        }
        let has_figures = self.figures().read_at.is_some_and(|at| at.elapsed() < MAX_AGE);
        let (own, db, clock) = (Arc::clone(self), app.db.for_monitoring(), app.clock);
        let reading = tokio::spawn(async move { own.read_figures(&db, clock).await });
        drop(
            tokio::time::timeout(if has_figures { GRACE } else { health::PROBE_TIMEOUT }, reading)
                .await,
        );
    }

    fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the database's figures again, unless the cache is fresh.
    async fn read_figures(&self, db: &Database, clock: Clock) {
        let _reading = self.reading.lock().await;
        if self.figures().requested_at.is_some_and(|at| at.elapsed() < CACHE_TIME) {
            return;
        }
        self.figures().requested_at = Some(Instant::now());
        match tokio::time::timeout(MAX_AGE, expiring_now(db, clock)).await {
            Ok(Ok(found)) => {
                self.figures().read_at = Some(Instant::now());
                self.expiring.clear();
                for (labels, count) in found {
                    self.expiring.get_or_create(&labels).set(count);
                }
            }
            failed => {
                tracing::warn!(?failed, "the metrics of the register could not be read");
                if self.figures().read_at.is_none_or(|at| at.elapsed() >= MAX_AGE) {
                    self.expiring.clear();
                }
            }
        }
    }
}

/// Returns the number of expiring agreements, with a zero for each activity and kind that has none:
/// a missing figure would trigger no alarm.
async fn expiring_now(db: &Database, clock: Clock) -> Result<Vec<(Within, i64)>> {
    let viewer = Viewer::operator("metrics");
    let ctx = Context::new(db, clock, &viewer);
    let every =
        activities::all(ctx, &activities::Filter::default(), &[activity::Column::Slug]).await?;
    let kinds =
        [AgreementKind::Participation, AgreementKind::Assignment, AgreementKind::Cooperation];
    let slugs = every.into_iter().map(|activity| activity.slug).chain([String::new()]);
    let mut counts: BTreeMap<(String, &str), Vec<i64>> = slugs
        .flat_map(|slug| kinds.map(|kind| ((slug.clone(), kind.word()), vec![0; WITHIN.len()])))
        .collect();
    for Tally { activity, kind, counts: found } in query::tally(ctx, &WITHIN).await? {
        counts.insert((activity.unwrap_or_default(), kind.word()), found);
    }
    let rows = counts.into_iter().flat_map(|((activity, kind), counts)| {
        WITHIN.into_iter().zip(counts).map(move |(within, count)| {
            (Within { activity: activity.clone(), kind: kind.to_owned(), within }, count)
        })
    });
    Ok(rows.collect())
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
    app.metrics.backups.look(&app.last_backup_file);
    app.metrics.look(&app).await;
    let mut text = String::new();
    match encode(&mut text, &app.metrics.registry) {
        Ok(()) => (
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

/// Measures every request. Labels are known routes and methods only, so that clients can't create
/// labels.
pub async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let (began, route) = (Instant::now(), Route { route });
    let response = next.run(request).await;
    app.metrics.seconds.get_or_create(&route).observe(began.elapsed().as_secs_f64());
    let (status, Route { route }) = (response.status().as_u16(), route);
    app.metrics.requests.get_or_create(&Answered { method, route, status }).inc();
    response
}
