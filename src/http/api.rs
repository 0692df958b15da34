//! GraphQL over HTTP: parsing, authentication, execution, and HTTP status and headers of the
//! answer.
//!
//! Cross-site request forgery is not possible: there are no cookies, and browsers send neither the
//! header Authorization nor a JSON body to another host without a CORS preflight.

use std::sync::Arc;

use async_graphql::{Request as Document, parser::types::OperationType};
use axum::{
    body::Bytes,
    extract::{self, FromRequest, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    App,
    allowance::Allowance,
    content_negotiation::{Media, is_utf8},
    denials::Denials,
    event_stream::{self, EventTarget},
    execution::{Caller, Execution, Ready, cut_off, execute, refused, status_of},
    graphql_request::{Body, GraphqlRequest},
    graphql_response::{self, Written},
    idempotency_key, lanes,
    prepared_documents::{Prepared, Source},
    queries::{self, Query},
    query_cost,
    revision::with_revision,
};
use crate::graphql::{self, errors};
use domain::{
    audit::reads::ReadMark,
    auth::viewer::Viewer,
    error::{Error, FieldError, FieldErrorCode, LimitReason, Result},
};

/// A request that is refused before execution: the error and its HTTP status. An error of GraphQL
/// itself has status 200, which the media type may change.
pub(super) struct Refused(pub(super) StatusCode, pub(super) Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(status_of(&error), error)
    }
}

/// Executes the query of a GET request. Mutations require POST.
pub async fn get(State(app): State<App>, request: Request) -> Response {
    let (caller, events) = (Caller::of(&request), EventTarget::of(&app, &request));
    let (parts, _) = request.into_parts();
    let answered = match events {
        Some(target) => get_events(&app, &caller, target, &parts).await,
        None => get_answer(&app, &caller, &parts).await,
    };
    answered.unwrap_or_else(|refused| caller.refused(&app, refused))
}

/// Reads the request in the address.
fn request_of(request: &Parts) -> Result<GraphqlRequest> {
    let parameters = extract::Query::<Vec<(String, String)>>::try_from_uri(&request.uri);
    let extract::Query(parameters) = parameters.map_err(|_| {
        Error::invalid("address", FieldErrorCode::Unreadable.problem("can't be read"))
    })?;
    GraphqlRequest::of_address(parameters)
}

async fn get_events(
    app: &App,
    caller: &Caller,
    target: EventTarget,
    request: &Parts,
) -> Result<Response, Refused> {
    caller.admit(app).await?;
    caller.seen_revision()?;
    Ok(event_stream::answer(app, caller, target, request_of(request)?)?)
}

async fn get_answer(app: &App, caller: &Caller, request: &Parts) -> Result<Response, Refused> {
    caller.accepted()?;
    caller.admit(app).await?;
    let allowance = Allowance::of(app);
    let (viewer, last) = caller.revalidate(app).await?;
    let address = request.uri.query().unwrap_or_default();
    let raw = app.prepared.raw(Source::Address, address.as_bytes());
    let prepared = match raw.and_then(|raw| app.prepared.find(raw)) {
        Some(prepared) => prepared,
        None => {
            let graphql_request = request_of(request)?;
            let raw = raw.filter(|_| graphql_request.is_self_contained());
            let prepared = ready(app, graphql_request, &viewer.subject)?;
            if prepared.operation != OperationType::Query {
                return Err(Refused(
                    StatusCode::METHOD_NOT_ALLOWED,
                    Error::invalid(
                        "query",
                        FieldErrorCode::Unsupported
                            .problem("must be a query; send mutations with POST"),
                    ),
                ));
            }
            if let Some(raw) = raw {
                app.prepared.store(raw, &prepared);
            }
            prepared
        }
    };
    let query = Query { viewer, prepared, last, allowance };
    queries::answer(app, caller, query, Some(&request.headers)).await
}

/// Executes the document of a JSON body, or a batch of several.
pub async fn post(State(app): State<App>, request: Request) -> Response {
    let caller = Caller::of(&request);
    let answered = post_answer(&app, &caller, request).await;
    answered.unwrap_or_else(|refused| caller.refused(&app, refused))
}

async fn post_answer(app: &App, caller: &Caller, request: Request) -> Result<Response, Refused> {
    let events = EventTarget::of(app, &request);
    if events.is_none() {
        caller.accepted()?;
    }
    is_json(request.headers())
        .map_err(|error| Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, error))?;
    caller.admit(app).await?;
    // Only a query needs it, but a client must not learn of a mistake by its first query.
    caller.seen_revision()?;
    let key = idempotency_key::key_of(request.headers())?;
    let body = read(app, request).await?;
    let allowance = Allowance::of(app);
    let (viewer, last) = caller.revalidate(app).await?;
    let is_plain = events.is_none() && key.is_none();
    let raw = if is_plain { app.prepared.raw(Source::Body, &body) } else { None };
    if let Some(prepared) = raw.and_then(|raw| app.prepared.find(raw)) {
        let query = Query { viewer, prepared, last, allowance };
        return queries::answer(app, caller, query, None).await;
    }
    let body_content = lanes::on_text(body.len(), || Body::read(&body, app.batch));
    let body_content =
        body_content.map_err(|error| charge_refused(app, &viewer.subject, body.len(), error))?;
    if let Some(target) = events {
        return Ok(post_events(app, caller, target, body_content, key.is_some())?);
    }
    match (body_content, key) {
        (Body::One(graphql_request), key) => {
            let raw = raw.filter(|_| graphql_request.is_self_contained());
            let prepared = ready(app, graphql_request, &viewer.subject)?;
            if prepared.operation == OperationType::Query {
                if let Some(raw) = raw {
                    app.prepared.store(raw, &prepared);
                }
                let query = Query { viewer, prepared, last, allowance };
                return queries::answer(app, caller, query, None).await;
            }
            let (points, reports_cost) = (prepared.figures.complexity, prepared.reports_cost);
            let cost = Caller::charge(app, &viewer.subject, points, reports_cost)?;
            let execution =
                caller.execution(app, viewer.clone(), prepared.ready(), cost, allowance);
            match key {
                Some(key) => {
                    Box::pin(idempotency_key::execute_with_key(
                        app, caller, &viewer, execution, key, &body,
                    ))
                    .await
                }
                None => {
                    let written = Box::pin(execute(app, execution, &caller.request_id)).await;
                    Ok(with_revision(caller.respond_written(written), app.db.known_revision()))
                }
            }
        }
        (Body::Batch(batch), None) => {
            // Of the state before its documents: what they read is as new or newer.
            let begin = last.map_or(0, |last| last.revision);
            Box::pin(execute_batch(app, caller, &viewer, batch, allowance, begin)).await
        }
        (Body::Batch(_), Some(_)) => Err(Error::invalid(
            "idempotency-key",
            FieldErrorCode::NotAllowed.problem("requires a single document, not a batch"),
        )
        .into()),
    }
}

/// Answers the document of a body with events.
fn post_events(
    app: &App,
    caller: &Caller,
    target: EventTarget,
    body: Body,
    has_key: bool,
) -> Result<Response> {
    let words = "has no effect on a stream of events; accept application/json to send it";
    match body {
        Body::One(_) if has_key => {
            Err(Error::invalid("idempotency-key", FieldErrorCode::NotAllowed.problem(words)))
        }
        Body::One(graphql_request) => event_stream::answer(app, caller, target, graphql_request),
        Body::Batch(_) => Err(Error::invalid(
            "body",
            FieldErrorCode::NotAllowed.problem("must be one request, not a batch, for events"),
        )),
    }
}

/// Executes the documents of a batch in sequence. They share the limits of one request. The answer
/// states the revision `begin`, or that of the last mutation.
async fn execute_batch(
    app: &App,
    caller: &Caller,
    viewer: &Viewer,
    batch: Vec<GraphqlRequest>,
    allowance: Allowance,
    begin: i64,
) -> Result<Response, Refused> {
    let batch: Vec<Result<Arc<Prepared>, Refused>> = batch
        .into_iter()
        .map(|graphql_request| ready(app, graphql_request, &viewer.subject))
        .collect();
    let figures = batch.iter().flatten().map(|ready| ready.figures);
    query_cost::within_together(figures, &app.limits)
        .map_err(|exceeded| with_batch_message(refused(exceeded)))?;
    let (mut written, mut failed) = (Vec::with_capacity(batch.len()), Vec::new());
    let is_mutation = |ready: &Arc<Prepared>| ready.operation == OperationType::Mutation;
    let has_mutation = batch.iter().flatten().any(is_mutation);
    for prepared in batch {
        let charged = prepared.and_then(|ready| {
            let cost =
                Caller::charge(app, &viewer.subject, ready.figures.complexity, ready.reports_cost)?;
            Ok((ready, cost))
        });
        let Written { answer, json } = match charged {
            Ok((ready, cost)) => {
                let execution =
                    caller.execution(app, viewer.clone(), ready.ready(), cost, allowance.clone());
                execute(app, execution, &caller.request_id).await
            }
            Err(Refused(_, error)) => {
                let answer = errors::refused(error, &caller.request_id);
                app.metrics.count_result(None, &answer);
                caller.record.note_errors(&answer);
                Written::refused(answer, caller.language)
            }
        };
        written.push(json);
        failed.extend(answer.errors);
    }
    let mut response = caller.write(StatusCode::OK, graphql_response::list(&written));
    // The client retries the whole batch, so that the longest wait counts.
    if let Some(seconds) = failed.iter().filter_map(graphql_response::retry_after).max() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(denials) = Denials::of(caller.subject(), &failed) {
        response.extensions_mut().insert(denials);
    }
    let revision = if has_mutation { begin.max(app.db.known_revision()) } else { begin };
    Ok(with_revision(response, revision))
}

/// Returns the error of a batch whose documents exceed a limit together.
fn with_batch_message(error: Error) -> Error {
    match error {
        Error::Limit { reason, error, exceeded } => {
            let message =
                format!("The documents of a batch share the limits of one. {}", error.message);
            let problem = FieldErrorCode::LimitExceeded.problem(message);
            Error::Limit { reason, error: FieldError::of_input("body", problem), exceeded }
        }
        other => other,
    }
}

/// Finds and measures the requested document.
fn ready(
    app: &App,
    graphql_request: GraphqlRequest,
    subject: &str,
) -> Result<Arc<Prepared>, Refused> {
    let prepared = prepared(app, graphql_request, subject).map_err(|error| match error {
        Error::Throttled { .. } => error.into(),
        error => Refused(StatusCode::OK, error),
    })?;
    if prepared.operation == OperationType::Subscription {
        return Err(Refused(
            StatusCode::OK,
            Error::invalid(
                "query",
                FieldErrorCode::Unsupported.problem(
                    "is a subscription; send it to /graphql/ws, or accept text/event-stream",
                ),
            ),
        ));
    }
    Ok(Arc::new(prepared))
}

/// Finds and measures the requested document, over HTTP or WebSocket. A missing or refused document
/// is an error of GraphQL, not of HTTP.
pub(super) fn prepare(app: &App, graphql_request: GraphqlRequest, subject: &str) -> Result<Ready> {
    Ok(prepared(app, graphql_request, subject)?.ready())
}

fn prepared(app: &App, graphql_request: GraphqlRequest, subject: &str) -> Result<Prepared> {
    let (query, digest) = app.documents.find(&graphql_request, subject)?;
    let reports_cost =
        graphql_request.extensions.get("cost") == Some(&serde_json::Value::Bool(true));
    let GraphqlRequest { operation_name, variables, .. } = graphql_request;
    let bytes = query.len();
    let mut prepared = lanes::on_text(bytes, || {
        app.prepared.prepare(query, operation_name, variables, &app.limits)
    })
    .map_err(|error| charge_refused(app, subject, bytes, error))?;
    prepared.reports_cost = reports_cost;
    if let Some(digest) = digest.filter(|_| prepared.operation != OperationType::Subscription) {
        app.documents.store(subject, digest, prepared.text());
    }
    Ok(prepared)
}

/// Bytes of a refused document or body that cost one point: the time to read them.
const BYTES_PER_POINT: usize = 64;

/// Takes the cost of reading a refused document from the caller's budget. Returns the reason of the
/// refusal, or the error of an exhausted budget.
fn charge_refused(app: &App, subject: &str, bytes: usize, error: Error) -> Error {
    app.budget.take(subject, (bytes / BYTES_PER_POINT) as u64).err().unwrap_or(error)
}

/// Checks the Content-Type header.
///
/// # Errors
/// INVALID unless the body is JSON in UTF-8.
fn is_json(headers: &HeaderMap) -> Result<()> {
    let kind =
        headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Error::invalid(
            "content-type",
            FieldErrorCode::Unsupported.problem("must be application/json"),
        ));
    }
    let charset = parts
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    if charset.is_some_and(|(_, charset)| !is_utf8(charset)) {
        return Err(Error::invalid(
            "content-type",
            FieldErrorCode::Unsupported.problem("must have the charset utf-8, or none"),
        ));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(Error::invalid(
                "content-encoding",
                FieldErrorCode::Unsupported
                    .problem("must be omitted; this server accepts no compressed bodies"),
            ))
        }
        _ => Ok(()),
    }
}

async fn read(app: &App, request: Request) -> Result<Bytes, Refused> {
    let arriving = tokio::time::timeout(app.request_time, Bytes::from_request(request, &()));
    let arrived = tokio::select! {
        arrived = arriving => arrived,
        () = cut_off(app) => {
            let error = Error::limit(LimitReason::LimitTime, "body", "The request was aborted because the server is stopping. Retry when it has started again.");
            return Err(Refused(StatusCode::REQUEST_TIMEOUT, error));
        }
    };
    let failed = match arrived {
        Ok(Ok(body)) => return Ok(body),
        failed => failed,
    };
    let late = format!(
        "The body took longer than {} s to arrive. Send it again.",
        app.request_time.as_secs()
    );
    Err(match failed {
        Err(_) => {
            Refused(StatusCode::REQUEST_TIMEOUT, Error::limit(LimitReason::LimitTime, "body", late))
        }
        Ok(Err(BytesRejection::FailedToBufferBody(failed)))
            if failed.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            Refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                Error::limit(
                    LimitReason::LimitBody,
                    "body",
                    "The body is larger than this server accepts. Send less, or several requests.",
                ),
            )
        }
        Ok(_) => Error::invalid(
            "body",
            FieldErrorCode::Unreadable.problem("could not be read completely"),
        )
        .into(),
    })
}

impl Caller {
    fn accepted(&self) -> Result<Media, Refused> {
        let words = || {
            Error::invalid(
                "accept",
                FieldErrorCode::Unsupported.problem(format!("must allow {}", Media::BOTH)),
            )
        };
        self.media.ok_or_else(|| Refused(StatusCode::NOT_ACCEPTABLE, words()))
    }

    /// Adds the data that resolvers need, and the permit, which is held until execution ends, even
    /// when the client disconnects.
    pub(super) fn data(&self, app: &App, viewer: Viewer, document: Document) -> Document {
        let document = document.data(viewer);
        let document = match self.file_links(app) {
            Some(links) => document.data(links),
            None => document,
        };
        match self.permit.get() {
            Some(permit) => document.data(permit.clone()),
            None => document,
        }
    }

    /// Creates the execution of a document for the viewer.
    pub(super) fn execution(
        &self,
        app: &App,
        viewer: Viewer,
        ready: Ready,
        cost: Option<async_graphql::Value>,
        allowance: Allowance,
    ) -> Execution {
        let subject = viewer.subject.clone();
        let ready = Ready { document: self.data(app, viewer, ready.document), ..ready };
        let (mutations, language, key) = (Arc::default(), self.language, None);
        let (read_mark, record) = (ReadMark::default(), Arc::clone(&self.record));
        Execution {
            ready,
            subject,
            cost,
            allowance,
            mutations,
            language,
            key,
            read_mark,
            record,
            replica: None,
            reports_revision: false,
        }
    }

    fn refused(&self, app: &App, Refused(status, error): Refused) -> Response {
        let answer = errors::refused(error, &self.request_id);
        app.metrics.count_result(None, &answer);
        let mut response = self.respond(status, &answer);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }
}

/// Refuses a method other than GET and POST.
pub async fn other_method(request: Request) -> Response {
    let caller = Caller::of(&request);
    let refused = errors::refused(
        Error::invalid("method", FieldErrorCode::Unsupported.problem("must be GET or POST")),
        &caller.request_id,
    );
    let mut response = caller.respond(StatusCode::METHOD_NOT_ALLOWED, &refused);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    response
}

/// Returns the schema in SDL.
pub async fn sdl(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/graphql; charset=utf-8")], graphql::sdl(&app.schema))
        .into_response()
}
