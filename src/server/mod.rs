//! HTTP: the only folder, with the program's start, that knows axum.

pub mod calendar;
pub mod explorer;
pub mod execution;
pub mod files;
pub mod health;
pub mod limits;
pub mod metrics;
pub mod revenue;

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, header},
    response::{IntoResponse, Response},
    routing::get,
    serve::Listener,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    trace::TraceLayer,
};

use crate::{
    audit::reads,
    auth::token::Keys,
    config::{Network, Settings},
    database::Database,
    error::Result,
    graphql::{self, Register},
};

/// What every request needs.
#[derive(Clone)]
pub struct App {
    /// The register.
    pub db: Database,
    /// The schema over it.
    pub schema: Register,
    /// Who may ask.
    pub keys: Arc<Keys>,
    /// What one request may cost.
    pub limits: Arc<limits::Limits>,
    /// How long a request may take to come, and then the answer to a query.
    pub request_time: Duration,
    /// What the network itself is called.
    pub network: Arc<Network>,
    /// What the explorer is told at its start: tokens, under `serve --demo` alone.
    pub explorer: Arc<explorer::Settings>,
    /// What is measured.
    pub metrics: Arc<metrics::Metrics>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("db", &self.db).finish_non_exhaustive()
    }
}

impl App {
    /// An app over this register.
    #[must_use]
    pub fn new(db: Database, keys: Keys, settings: &Settings, explorer: explorer::Settings) -> Self {
        let most = &settings.limits;
        Self {
            schema: graphql::schema(Some((db.clone(), settings.network.clone()))),
            db,
            keys: Arc::new(keys),
            limits: Arc::new(limits::Limits {
                depth: most.depth,
                complexity: most.complexity,
                aliases: most.aliases,
                lists: graphql::lists(),
                ..limits::Limits::default()
            }),
            request_time: most.request_time,
            network: Arc::new(settings.network.clone()),
            explorer: Arc::new(explorer),
            metrics: Arc::default(),
        }
    }
}

/// Carries a request's id in, out, and into every error.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every route.
pub fn router(app: App, settings: &Settings) -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| {
            let request_id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
            let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
            tracing::info_span!("request", request_id, method = %request.method(), route)
        })
        .on_request(())
        .on_response(|response: &Response, took: Duration, _: &tracing::Span| {
            tracing::info!(status = response.status().as_u16(), ms = took.as_secs_f64() * 1000.0, "answered");
        })
        .on_failure(());
    Router::new()
        .route("/graphql", get(execution::get).post(execution::post))
        .route("/schema.graphql", get(execution::sdl))
        .route("/graphiql", get(explorer::page))
        .route("/graphiql/{file}", get(explorer::file))
        .route("/files/agreements/{file}", get(files::agreement))
        .route("/files/invoices/{file}", get(files::invoice))
        .route("/files/expiring.ics", get(calendar::expiring))
        .route("/files/revenue.csv", get(revenue::csv))
        .route("/files/revenue.xlsx", get(revenue::xlsx))
        .route("/files/templates/{file}", get(files::template))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page))
        .fallback(unknown)
        .with_state(app.clone())
        .layer(axum::extract::DefaultBodyLimit::max(settings.limits.body_bytes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn_with_state(app, metrics::measure))
        .layer(cors(&settings.cors_origins))
        .layer(trace)
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(axum::middleware::map_response(harden))
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, REQUEST_ID])
        .expose_headers([REQUEST_ID])
}

async fn harden(mut response: Response) -> Response {
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn unknown() -> impl IntoResponse {
    (axum::http::StatusCode::NOT_FOUND, "there is nothing here; the API is at /graphql, its explorer at /graphiql\n")
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!(cause = panic_message(&*cause), "a request panicked");
    (axum::http::StatusCode::INTERNAL_SERVER_ERROR, "something failed on the server\n").into_response()
}

/// What a panic said.
fn panic_message(cause: &(dyn std::any::Any + Send)) -> &str {
    cause.downcast_ref::<&str>().copied().or_else(|| cause.downcast_ref::<String>().map(String::as_str)).unwrap_or("it said nothing")
}

/// Serves HTTP/1.1 until `stop` is ready, then finishes what runs, for at most half a minute, and closes the database.
///
/// # Errors
/// INTERNAL when the database fails to close.
pub async fn serve(mut listener: tokio::net::TcpListener, app: App, settings: &Settings, stop: impl Future<Output = ()>) -> Result<()> {
    let db = app.db.clone();
    let service = TowerToHyperService::new(router(app, settings));
    let mut http = http1::Builder::new();
    // Whoever connects and says nothing, or never comes to the end of a header, is not waited for.
    http.timer(TokioTimer::new()).header_read_timeout(settings.limits.request_time);
    let writing = tokio::spawn(reads::keep_writing(db.clone()));
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            (stream, _) = Listener::accept(&mut listener) => {
                let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
                tokio::spawn(async move {
                    if let Err(cause) = connection.await {
                        tracing::debug!(%cause, "a connection ended early");
                    }
                });
            }
            () = &mut stop => break,
        }
    }
    drop(listener);
    tracing::info!("stopping: what runs is finished first");
    if tokio::time::timeout(Duration::from_secs(30), connections.shutdown()).await.is_err() {
        tracing::warn!("some requests took too long and were cut off");
    }
    // Who read contacts until the last moment.
    let written = reads::write(&db).await;
    writing.abort();
    db.close().await.and(written)
}
