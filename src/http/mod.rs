//! HTTP server. Only this folder and the program's start depend on axum.

mod allowance;
mod answer_cache;
mod current;
pub mod content_negotiation;
pub mod graphql_response;
pub mod api;
pub mod graphql_request;
pub mod calendar;
pub mod listener;
pub mod cost_budget;
pub mod denials;
pub mod persisted_documents;
pub mod graphiql;
mod event_stream;
pub mod execution;
pub mod files;
pub mod conditional_requests;
mod front;
pub mod headers;
pub mod health;
pub mod lanes;
mod lru;
pub mod query_cost;
pub mod metrics;
pub mod peers;
mod prepared_documents;
mod queries;
pub mod query_parameters;
pub mod read_server;
pub mod idempotency_key;
pub mod request_ids;
mod request_record;
mod revalidation;
pub mod revenue;
pub mod revision;
mod signed_links;
pub mod uploads;
mod start_page;
pub mod telemetry;
pub mod validated_documents;
mod verified_tokens;
pub mod websocket;
pub mod concurrency_limit;

use std::{
    ops::Deref,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderName, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use ipnet::IpNet;
use tokio::sync::{Semaphore, watch};
use tower_http::{
    catch_panic::CatchPanicLayer,
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};
use tracing::field::Empty;

use self::{current::Current, front::Front};
use crate::graphql::{self, Register, errors};
use domain::{
    audit::reads,
    auth::viewer::Viewer,
    auth::{
        revocations::Revocations,
        token::{Keys, Verified},
    },
    clock::Clock,
    config::{MetricsAccess, Network, Settings},
    context::Context,
    database::Database,
    error::{Error, FieldErrorCode, Result},
    stored_files,
};

/// Handle of the state shared by all requests. Each middleware clones it for each request.
#[derive(Clone)]
pub struct App(Arc<AppState>);

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}

/// Parts of the state shared by all requests.
#[derive(Clone)]
pub struct AppState {
    /// Database.
    pub db: Database,
    /// Clock of the register.
    pub clock: Clock,
    /// Schema with the database as data.
    pub schema: Register,
    /// Keys that verify tokens.
    pub keys: Arc<Current<Keys>>,
    /// Cost limits of one request.
    pub limits: Arc<query_cost::Limits>,
    /// Maximum number of documents in a batch.
    pub batch: usize,
    /// Persisted documents, which clients name instead of sending their text.
    pub documents: Arc<persisted_documents::Documents>,
    /// Documents that were parsed, and queries that were read.
    pub prepared: Arc<prepared_documents::PreparedDocuments>,
    /// Requests that are known to pass validation.
    pub validated: Arc<validated_documents::ValidatedDocuments>,
    /// Answers for equal requests.
    pub answers: Arc<answer_cache::AnswerCache>,
    /// Tokens that were verified.
    pub tokens: Arc<verified_tokens::VerifiedTokens>,
    /// Permits of the requests in progress, by subject.
    pub permits: Arc<concurrency_limit::ConcurrencyLimit>,
    /// Revisions that subjects have seen a moment ago, noted if there are read replicas.
    pub seen_revisions: Arc<read_server::SeenRevisions>,
    /// Requests in progress with an idempotency key.
    pub running_keys: Arc<idempotency_key::RunningKeys>,
    /// Points of cost that each subject may still use.
    pub budget: Arc<cost_budget::CostBudget>,
    /// Runtimes that execute documents: [`serve`] starts their threads.
    pub lanes: lanes::Lanes,
    /// Maximum size of an answer, in bytes.
    pub answer_bytes: usize,
    /// Maximum size of an uploaded file, in bytes.
    pub upload_bytes: usize,
    /// `true` if errors suggest names of the schema.
    pub suggestions: bool,
    /// Digest of what answers depend on apart from the database and the request.
    pub edition: String,
    /// Time that a request may take to arrive, and then a query to be answered.
    pub request_time: Duration,
    /// Settings of the network.
    pub network: Arc<Network>,
    /// Initial settings of GraphiQL: tokens, only under `serve --demo`.
    pub explorer: Arc<graphiql::Settings>,
    /// Metrics.
    pub metrics: Arc<metrics::Metrics>,
    /// Readiness checks.
    pub readiness: Arc<health::Readiness>,
    /// Access rules of the metrics.
    pub metrics_access: Arc<Current<MetricsAccess>>,
    /// File with the result of the last backup.
    pub last_backup_file: Arc<Path>,
    /// Proxies whose forwarding headers are trusted.
    pub trusted_proxies: Arc<[IpNet]>,
    /// Address of the API in links; `None`: that of the request.
    pub public_url: Option<Arc<str>>,
    /// Revoked tokens, as far as they were read: [`App::start`] reads them.
    pub revocations: Revocations,
    /// Permits to read the revocations again for a token that the known ones refuse.
    pub rechecks: Arc<Semaphore>,
    /// Open WebSockets.
    pub sockets: Arc<websocket::Sockets>,
    /// The thread that accepts connections.
    pub accepting: front::AcceptingThread,
    /// `true` from the request to stop on, when the server is not ready but still answers.
    pub draining: Arc<AtomicBool>,
    /// `true` when the server stops. Tasks that must finish hold a receiver until they have.
    pub stopping: watch::Sender<bool>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("db", &self.db).finish_non_exhaustive()
    }
}

impl App {
    /// Returns the context of the rules that a request of this viewer asks.
    #[must_use]
    pub fn context<'a>(&'a self, viewer: &'a Viewer) -> Context<'a> {
        Context::new(&self.db, self.clock, viewer)
    }

    /// Creates an app on this database.
    #[must_use]
    pub fn new(
        db: Database,
        clock: Clock,
        keys: Keys,
        settings: &Settings,
        explorer: graphiql::Settings,
    ) -> Self {
        let most = &settings.limits;
        // First, so that the schema reuses the memory that this needs temporarily.
        let costs = graphql::cost::Costs::of_schema();
        let shapes = graphql::input_shapes::InputShapes::of_schema();
        let schema = graphql::schema(Some((db.clone(), clock, settings.network.clone())));
        let metrics = Arc::<metrics::Metrics>::default();
        db.meters().log_statements_from(settings.slow_statement);
        if telemetry::is_on() {
            db.meters().observe_statements(telemetry::note_statement);
        }
        let answers =
            answer_cache::AnswerCache::new(most.answer_cache_bytes, metrics.answers.clone());
        Self(Arc::new(AppState {
            edition: conditional_requests::edition(&schema, &settings.network),
            schema,
            db,
            clock,
            keys: Arc::new(Current::new(keys)),
            limits: Arc::new(query_cost::Limits {
                tokens: most.tokens,
                depth: most.depth,
                complexity: most.complexity,
                aliases: most.aliases,
                directives: most.directives,
                costs,
                shapes,
                introspection: settings.exposure.introspection,
                ..query_cost::Limits::default()
            }),
            batch: most.batch,
            documents: Arc::default(),
            prepared: Arc::default(),
            validated: Arc::default(),
            answers: Arc::new(answers),
            tokens: Arc::default(),
            permits: Arc::new(concurrency_limit::ConcurrencyLimit::new(most.concurrent)),
            seen_revisions: Arc::default(),
            running_keys: Arc::default(),
            budget: Arc::new(cost_budget::CostBudget::new(most.cost_per_minute)),
            lanes: lanes::Lanes::default(),
            answer_bytes: most.answer_bytes,
            upload_bytes: most.upload_bytes,
            suggestions: settings.exposure.suggestions,
            request_time: most.request_time,
            network: Arc::new(settings.network.clone()),
            explorer: Arc::new(explorer),
            metrics,
            readiness: Arc::default(),
            metrics_access: Arc::new(Current::new(settings.metrics.clone())),
            last_backup_file: settings.last_backup_file().into(),
            trusted_proxies: settings.trusted_proxies.as_slice().into(),
            public_url: settings.public_url.as_deref().map(Into::into),
            revocations: Revocations::new(settings.former_member_days),
            rechecks: Arc::new(Semaphore::new(revalidation::MAX_RECHECKS)),
            sockets: Arc::new(websocket::Sockets::new(settings)),
            accepting: front::AcceptingThread::default(),
            draining: Arc::default(),
            stopping: watch::Sender::new(false),
        }))
    }

    /// Returns a handle of the state with a change.
    #[must_use]
    pub fn with(self, change: impl FnOnce(&mut AppState)) -> Self {
        let mut state = Arc::unwrap_or_clone(self.0);
        change(&mut state);
        Self(Arc::new(state))
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// UNAUTHENTICATED if it is not valid.
    pub async fn verify(&self, token: &str) -> Result<Verified> {
        self.verify_noting(token, |_| {}).await
    }

    /// Verifies a token, and passes it as it was issued to `note`, even if it was revoked.
    ///
    /// # Errors
    /// UNAUTHENTICATED if it is not valid.
    async fn verify_noting(
        &self,
        token: &str,
        note: impl FnOnce(&Arc<Verified>),
    ) -> Result<Verified> {
        let now = self.clock.now();
        let verified = self.tokens.verify(&self.keys.get(), token, now).await?;
        note(&verified);
        self.check(&verified).await
    }

    /// Reads what a server must know before it answers, and keeps it up to date until the server
    /// stops.
    pub async fn start(&self) -> Result<()> {
        self.revocations.read(&self.db).await?;
        // Opens the connection through which each request reads the last entry.
        self.answers.advance(&self.db.last_entry().await?);
        let (app, mut stopping) = (self.clone(), self.stopping.subscribe());
        tokio::spawn(async move {
            tokio::select! {
                () = app.db.listen() => {}
                () = app.db.follow_primary() => {}
                () = app.db.follow_replicas() => {}
                () = app.revocations.refresh_continuously(&app.db) => {}
                () = app.answers.advance_continuously(&app.db) => {}
                () = app.refresh_keys() => {}
                () = app.documents.refresh_continuously(&app.limits) => {}
                () = stopped(&mut stopping) => {}
            }
        });
        Ok(())
    }

    /// Re-reads the keys at intervals, also those that replace them, for as long as it is polled.
    async fn refresh_keys(&self) {
        let mut current = self.keys.subscribe();
        loop {
            let keys = Arc::clone(&current.borrow_and_update());
            tokio::select! {
                () = keys.refresh() => {}
                replaced = current.changed() => if replaced.is_err() { return },
            }
        }
    }

    /// Replaces the keys and the access to metrics by those of these settings.
    ///
    /// # Errors
    /// INVALID if the keys can't be read: nothing is replaced.
    pub async fn reload(&self, settings: &Settings) -> Result<()> {
        self.keys.replace(Keys::read(settings).await?);
        self.metrics_access.replace(settings.metrics.clone());
        Ok(())
    }

    /// Loads the trusted documents of the settings.
    ///
    /// # Errors
    /// INVALID when their file can't be read, or a document is invalid or exceeds a limit.
    pub fn with_documents(self, settings: &Settings) -> Result<Self> {
        let exposure = &settings.exposure;
        let documents = persisted_documents::Documents::load(
            exposure.documents.as_deref(),
            exposure.only_documents,
            &self.limits,
        )?;
        Ok(self.with(|state| state.documents = Arc::new(documents)))
    }
}

/// Header with the id of a request, in requests and responses; errors contain it too.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Returns the router with all routes.
pub fn router(app: App, settings: &Settings) -> Router {
    let files = Router::new()
        .route("/files/agreements/{file}", get(files::agreement))
        .route("/files/invoices/{file}", get(files::invoice))
        .route("/files/requisitions/{file}", get(files::requisition))
        .route("/files/reminders/{file}", get(files::reminder))
        .route("/files/expiring.ics", get(calendar::expiring))
        .route("/files/revenue.csv", get(revenue::csv))
        .route("/files/revenue.xlsx", get(revenue::xlsx))
        .route("/files/templates/{file}", get(files::template))
        .route("/files/stored/{file}", get(uploads::stored))
        .route_layer(axum::middleware::from_fn_with_state(app.clone(), signed_links::open));
    let links = start_page::Links::new(&settings.exposure);
    let mut routes = Router::new()
        .route("/", get(move || links.page()))
        .route("/favicon.ico", get(start_page::icon))
        .route("/docs/{*file}", get(start_page::documentation))
        .route("/graphql", get(api::get).post(api::post).fallback(api::other_method))
        .route("/graphql/ws", get(websocket::open))
        .merge(files)
        .route("/files", post(uploads::upload))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page));
    if settings.exposure.introspection {
        routes = routes.route("/schema.graphql", get(api::sdl));
    }
    if settings.exposure.explorer {
        routes = routes
            .route("/graphiql", get(graphiql::page))
            .route("/graphiql/{file}", get(graphiql::file));
    }
    let routes = routes.method_not_allowed_fallback(other_method).fallback(unknown);
    layered(routes.with_state(app.clone()), app, settings)
}

/// Adds the middleware of all requests to routes.
fn layered(routes: Router, app: App, settings: &Settings) -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            let request_id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
            let client_request_id = request_ids::of_client(request);
            let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
            let span = tracing::info_span!("request", request_id, client_request_id = Empty, method = %request.method(), route);
            if let Some(client_request_id) = client_request_id {
                span.record("client_request_id", client_request_id);
            }
            telemetry::continue_trace(&span, request.headers());
            span
        })
        .on_request(())
        .on_response(|response: &Response, took: Duration, _: &tracing::Span| request_record::log(response, took))
        .on_failure(());
    // One layer of all of them, the outermost first: the router boxes each layer, and a request
    // clones each box with all that it holds.
    routes.layer((
        axum::middleware::from_fn_with_state(
            headers::https_only(settings.exposure.hsts_seconds),
            headers::harden,
        ),
        axum::middleware::from_fn(request_ids::take),
        SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid),
        PropagateRequestIdLayer::new(REQUEST_ID),
        trace,
        headers::cors(&settings.cors_origins),
        axum::middleware::from_fn_with_state(app.clone(), metrics::measure),
        axum::middleware::from_fn_with_state(app.clone(), denials::watch),
        axum::middleware::from_fn_with_state(app, graphql_response::compress_in_background),
        headers::compression(),
        CatchPanicLayer::custom(panicked),
        axum::extract::DefaultBodyLimit::max(settings.limits.body_bytes),
        axum::middleware::from_fn(peers::check_host),
    ))
}

/// Refuses a path that does not exist.
async fn unknown(request: Request) -> Response {
    let error = Error::NotFound("no such path; the API is at /graphql".into());
    execution::Caller::of(&request).refuse(error)
}

/// Refuses a method that the path does not have. The router adds the header Allow.
async fn other_method(request: Request) -> Response {
    let problem = FieldErrorCode::Unsupported.problem("must be one that the header Allow lists");
    let mut refused = execution::Caller::of(&request).refuse(Error::invalid("method", problem));
    *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    refused
}

/// Returns the answer to a panic: an internal error. The request's id is in the log and in the
/// answer's header.
fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let failure = Error::internal(std::io::Error::other(format!(
        "a request panicked: {}",
        panic_message(&*cause)
    )));
    let language = graphql::language::Language::default();
    let json = graphql_response::json(&errors::refused(failure, ""), language);
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        [(axum::http::header::CONTENT_TYPE, content_negotiation::Media::Json.content_type())],
        json,
    )
        .into_response()
}

/// Returns the message of a panic.
fn panic_message(cause: &(dyn std::any::Any + Send)) -> &str {
    cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it said nothing")
}

/// Completes when the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Fails when the server is dropped.
    drop(stopping.wait_for(|is_stopping| *is_stopping).await);
}

/// Completes when `stop` has completed and then the drain time is over, in which the server is not
/// ready, so that proxies send their requests to others.
async fn drained(stop: impl Future<Output = ()>, draining: &AtomicBool, time: Duration) {
    stop.await;
    draining.store(true, SeqCst);
    if !time.is_zero() {
        tracing::info!(
            seconds = time.as_secs(),
            "draining: requests are answered, and /readyz is 503"
        );
        tokio::time::sleep(time).await;
    }
}

/// Serves HTTP/1.1 and WebSockets until `stop` completes, then finishes requests in progress
/// and closes the database, for at most half a minute. First polls `stop` when requests are
/// accepted.
///
/// # Errors
/// INTERNAL when the accepting thread ends.
pub async fn serve(
    listener: tokio::net::TcpListener,
    app: App,
    settings: &Settings,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let lanes = lanes::Lanes::start().map_err(Error::internal)?;
    let app = app.with(|state| state.lanes = lanes);
    app.start().await?;
    let (db, clock, stopping) = (app.db.clone(), app.clock, app.stopping.clone());
    let draining = Arc::clone(&app.draining);
    let mut front = Front::start(listener, app, settings).await.map_err(Error::internal)?;
    let writing = tokio::spawn(reads::write_continuously(db.clone()));
    let removing = tokio::spawn(stored_files::uploads::remove_continuously(db.clone(), clock));
    let ended = tokio::select! {
        () = drained(stop, &draining, settings.drain_time) => Ok(()),
        () = front.ended() => Err(Error::internal(std::io::Error::other("the thread that accepts connections ended"))),
    };
    tracing::info!("stopping: requests in progress are finished first");
    stopping.send_replace(true);
    if tokio::time::timeout(STOP_TIMEOUT, stopping.closed()).await.is_err() {
        tracing::warn!("some requests took too long and were aborted");
    }
    drop(front);
    // Logged reads of contacts until the last moment.
    let written = tokio::time::timeout(WRITE_TIMEOUT, reads::write(&db)).await;
    writing.abort();
    removing.abort();
    let unwritten = |_| {
        Err(Error::internal(std::io::Error::other(
            "the last reads of contacts were not logged in time",
        )))
    };
    let written = written.unwrap_or_else(unwritten);
    let Ok(closed) = tokio::time::timeout(CLOSE_TIMEOUT, db.close()).await else {
        tracing::warn!(
            "the database still executes a statement of this server, which does not wait for it"
        );
        return written.and(ended);
    };
    closed.and(written).and(ended)
}

/// Time limits of a stop, half a minute together: for the requests in progress, for writing what
/// was not written yet, and for closing the database, which waits for its statements.
const STOP_TIMEOUT: Duration = Duration::from_secs(16);
const WRITE_TIMEOUT: Duration = Duration::from_secs(7);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(4);
