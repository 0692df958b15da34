//! Execution of requests: authentication, cost, time limits and the answer.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use async_graphql::{
    Name, Request as Document, Response as Answer, Value, Variables, parser::types::OperationType,
};
use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures_util::FutureExt;
use headers::{Authorization, HeaderMapExt, authorization::Bearer};
use indexmap::IndexMap;
use tokio::{task::JoinError, time::Instant};
use tower_http::request_id::RequestId;
use tracing::Instrument as _;

use super::{
    App,
    allowance::Allowance,
    answer_cache::{self, AnswerKey},
    concurrency_limit::Permit,
    content_negotiation::{self, Media},
    graphql_response::Written,
    lanes::EXPENSIVE,
    lru::Digest,
    panic_message,
    peers::ServerAddress,
    query_cost::{self, Exceeded, Figures, Limits, Parsed},
    read_server::{RunningMutation, ping, with_database},
    request_record::{MeasuredDocument, RequestRecord},
    revision::{self, seen_by_client},
    signed_links::SignedFor,
    stopped,
};
use crate::graphql::{
    batch::Rows,
    cost::CostMeter,
    errors,
    file_links::FileLinks,
    language::Language,
    request::{AnswerSize, RequestCache},
};
use domain::{
    audit::reads::ReadMark,
    auth::{token::Verified, viewer::Viewer},
    database::Database,
    error::{
        ConflictReason, Error, FieldError, FieldErrorCode, LimitReason, Origin, Result,
        ValidationErrors,
    },
    idempotency::Mutations,
};

/// Time of a query after which the database connection is probed, repeatedly.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(2);

/// Seconds until a retry of a mutation that exceeded its time: as long as a writer waits for the
/// write lock.
const LATE_RETRY: u32 = 5;

/// Sender of a request.
pub(super) struct Caller {
    pub(super) request_id: String,
    token: Result<String>,
    /// Media type of the answer; `None` if the sender accepts none of those available.
    pub(super) media: Option<Media>,
    /// Language of the messages of the answer.
    pub(super) language: Language,
    /// Permit of the request, held until it is answered.
    pub(super) permit: OnceLock<Arc<Permit>>,
    /// Record of the request.
    pub(super) record: Arc<RequestRecord>,
    /// Its token as it was issued, set when its signature is verified, even if it was revoked; set
    /// from the start for a signed link.
    issued: OnceLock<Arc<Verified>>,
    /// The token with the rights that it has left, set when it was checked.
    verified: Mutex<Option<Arc<Verified>>>,
    /// Address of this server as the sender knows it.
    server: ServerAddress,
    /// The revision that the sender states to have seen, if any.
    seen_revision: Result<Option<i64>>,
}

impl Caller {
    pub(super) fn of(request: &Request) -> Self {
        let request_id = request
            .extensions()
            .get::<RequestId>()
            .and_then(|id| id.header_value().to_str().ok())
            .unwrap_or_default();
        let media = Media::accepted(request.headers());
        let verified = request.extensions().get::<SignedFor>().map(|SignedFor(own)| own.clone());
        let record = request.extensions().get::<Arc<RequestRecord>>().cloned().unwrap_or_default();
        if let Some(verified) = &verified {
            record.set_subject(&verified.viewer.subject);
        }
        Self {
            request_id: request_id.to_owned(),
            token: bearer(request.headers()),
            media,
            language: content_negotiation::language(request.headers()),
            permit: OnceLock::new(),
            record,
            issued: verified.clone().map_or_else(OnceLock::new, OnceLock::from),
            verified: Mutex::new(verified),
            server: ServerAddress::of(request),
            seen_revision: seen_by_client(request.headers()),
        }
    }

    /// Verifies the token and returns its viewer.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a valid token.
    pub(super) async fn viewer(&self, app: &App) -> Result<Viewer> {
        if let Some(verified) = self.verified() {
            return Ok(verified.viewer.clone());
        }
        let token = self.token.clone()?;
        let note = |issued: &Arc<Verified>| {
            self.record.set_subject(&issued.viewer.subject);
            drop(self.issued.set(Arc::clone(issued)));
        };
        let verified = app.verify_noting(&token, note).await?;
        Ok(self.set_verified(verified))
    }

    /// Replaces the token by what it is according to the latest check, and returns its viewer.
    pub(super) fn set_verified(&self, verified: Verified) -> Viewer {
        let viewer = verified.viewer.clone();
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(verified));
        viewer
    }

    /// Returns the token of the sender as it was issued; `None` until its signature is verified.
    pub(super) fn issued(&self) -> Option<&Arc<Verified>> {
        self.issued.get()
    }

    /// Returns the signer of links to files in the sender's answer; `None` until its token is
    /// verified.
    pub(super) fn file_links(&self, app: &App) -> Option<FileLinks> {
        let verified = self.verified()?;
        Some(FileLinks::new(app.keys.get().links().clone(), verified, self.server.base(app)))
    }

    /// Returns the verified token of the sender with the rights that it has left; `None` until it
    /// is verified.
    pub(super) fn verified(&self) -> Option<Arc<Verified>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the revision that the sender states to have seen; `None` if it states none.
    ///
    /// # Errors
    /// INVALID if it is no revision.
    pub(super) fn seen_revision(&self) -> Result<Option<i64>> {
        self.seen_revision.clone()
    }

    /// Returns the address of this server as the sender knows it.
    pub(super) fn base_url(&self, app: &App) -> String {
        self.server.base(app)
    }

    /// Verifies the token, and takes a permit that is held until the caller is dropped.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a valid token, CONFLICT if the subject has too many requests in
    /// progress.
    pub(super) async fn admit(&self, app: &App) -> Result<Viewer> {
        let viewer = self.viewer(app).await?;
        let permit = app.permits.take(&viewer.subject)?;
        self.permit.get_or_init(|| Arc::new(permit));
        Ok(viewer)
    }

    /// Takes the cost of a request from the subject's budget, and returns `extensions.cost` of the
    /// answer if it was `asked_for`.
    ///
    /// # Errors
    /// CONFLICT with the reason `COST_BUDGET` when too little is left.
    pub(super) fn charge(
        app: &App,
        subject: &str,
        points: u64,
        asked_for: bool,
    ) -> Result<Option<Value>> {
        let left = app.budget.take(subject, points)?;
        Ok(asked_for.then(|| cost_extension(app, points, left)))
    }

    /// Returns the subject of the token, when known.
    pub(super) fn subject(&self) -> Option<&str> {
        self.record.subject()
    }

    /// Returns the answer to a failed request other than GraphQL: the error in GraphQL's format,
    /// with its HTTP status.
    pub(super) fn refuse(&self, error: Error) -> Response {
        self.respond(status_of(&error), &errors::refused(error, &self.request_id))
    }
}

/// Returns the cost of a document and its limits, as `extensions.cost`. It depends only on the
/// document and the sender's earlier requests.
fn cost_extension(app: &App, points: u64, left: Option<u32>) -> Value {
    let mut cost = IndexMap::from([
        (Name::new("requested"), Value::from(points)),
        (Name::new("limit"), Value::from(app.limits.complexity)),
    ]);
    if let (Some(most), Some(left)) = (app.budget.per_minute(), left) {
        cost.extend([
            (Name::new("budgetPerMinute"), Value::from(most)),
            (Name::new("budgetRemaining"), Value::from(left)),
        ]);
    }
    Value::Object(cost)
}

/// Returns the HTTP status of an error.
pub(super) fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Invalid(_) | Error::Limit { .. } => StatusCode::BAD_REQUEST,
        busy if busy.is_busy() => StatusCode::SERVICE_UNAVAILABLE,
        Error::Conflict { reason: ConflictReason::TooManyRequests, .. }
        | Error::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Conflict { .. } | Error::Retained { .. } => StatusCode::CONFLICT,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Returns the token in the header.
///
/// # Errors
/// UNAUTHENTICATED when there is none.
pub(super) fn bearer(headers: &HeaderMap) -> Result<String> {
    let header = headers.typed_get::<Authorization<Bearer>>();
    header.map(|header| header.token().trim().to_owned()).ok_or_else(|| {
        Error::Unauthenticated("a token is needed: send the header Authorization: Bearer …".into())
    })
}

/// Parses the token of a header `Authorization`, for a fuzz target.
#[doc(hidden)]
pub fn fuzz_bearer(value: &[u8]) -> Option<String> {
    let value = axum::http::HeaderValue::from_bytes(value).ok()?;
    bearer(&HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, value)])).ok()
}

/// A document that passed the limits.
pub(super) struct Ready {
    /// The parsed document.
    pub(super) document: Document,
    /// Type of the chosen operation.
    pub(super) operation: OperationType,
    /// Name of the chosen operation, if it has one.
    pub(super) name: Option<Name>,
    /// Measured figures.
    pub(super) figures: Figures,
    /// `true` if the sender requested the cost.
    pub(super) reports_cost: bool,
    /// Class of requests that pass validation together; `None` if it is validated each time.
    pub(super) class: Option<Digest>,
}

/// Measures a document before execution, and stores the parsed document.
///
/// # Errors
/// INVALID naming every limit that it exceeds, or every required variable that is missing.
pub(super) fn measure(mut document: Document, most: &Limits) -> Result<Ready> {
    let parsed = query_cost::parse(&document.query, most).map_err(refused)?;
    let name = document.operation_name.as_deref();
    let (operation, figures) = check(&parsed, &document.variables, name, most)?;
    let name = query_cost::name_of(&parsed.document.operations, name);
    document.set_parsed_query(parsed.document);
    Ok(Ready { document, operation, name, figures, reports_cost: false, class: None })
}

/// Measures a parsed document with these variables. Returns the type of the chosen operation and
/// the figures.
///
/// # Errors
/// INVALID naming every limit that it exceeds, or every required variable that is missing.
pub(super) fn check(
    parsed: &Parsed,
    variables: &Variables,
    operation_name: Option<&str>,
    most: &Limits,
) -> Result<(OperationType, Figures)> {
    let (operation_type, figures, _) =
        parsed.measure(variables, operation_name, most).map_err(refused)?;
    let operation =
        query_cost::choose(&parsed.document.operations, operation_name).map_err(refused)?;
    // The library would report it only during execution, too late for an error of the request.
    let mut errors = ValidationErrors::of(Origin::Request);
    for definition in operation.variable_definitions.iter().map(|definition| &definition.node) {
        let (name, type_name) = (&definition.name.node, &definition.var_type.node);
        let path = format!("variables.{name}");
        match variables.get(name) {
            Some(Value::Null) if !type_name.nullable => errors.add(
                path,
                FieldErrorCode::Required
                    .problem(format!("must not be null, being of the type {type_name}")),
            ),
            None if !type_name.nullable && definition.default_value.is_none() => errors.add(
                path,
                FieldErrorCode::Required
                    .problem(format!("is missing; it must be of the type {type_name}")),
            ),
            _ => {}
        }
    }
    most.shapes.check_literals(&parsed.document, operation, &mut errors);
    if operation_type == OperationType::Mutation {
        most.shapes.check(&parsed.document, operation, variables, &mut errors);
    }
    errors.finish()?;
    Ok((operation_type, figures))
}

pub(super) fn refused(exceeded: Exceeded) -> Error {
    let message = exceeded.to_string();
    match exceeded {
        Exceeded::Limits(excesses) => Error::Limit {
            reason: excesses.first().map_or(LimitReason::LimitComplexity, |excess| excess.limit),
            error: FieldError::of_input(
                "query",
                FieldErrorCode::LimitExceeded
                    .problem(format!("{message} Request less, or send several requests.")),
            ),
            exceeded: excesses
                .iter()
                .map(|excess| (excess.limit, excess.found, excess.most))
                .collect(),
        },
        Exceeded::Introspection => Error::limit(LimitReason::IntrospectionOff, "query", message),
        Exceeded::Cycle(_) | Exceeded::Syntax(..) | Exceeded::Operation(_) => {
            Error::invalid("query", FieldErrorCode::InvalidDocument.problem(message))
        }
    }
}

/// A document with all that its execution needs.
pub(super) struct Execution {
    /// The measured document, with the viewer in its data.
    pub(super) ready: Ready,
    /// Subject of the sender's token.
    pub(super) subject: String,
    /// `extensions.cost` of the answer, when requested.
    pub(super) cost: Option<Value>,
    pub(super) allowance: Allowance,
    /// Mutations that are known to be committed.
    pub(super) mutations: Arc<Mutations>,
    /// Language of the messages of the answer.
    pub(super) language: Language,
    /// Key under which the answer is stored; `None` if it is not.
    pub(super) key: Option<AnswerKey>,
    /// Set when a read of a contact is logged.
    pub(super) read_mark: ReadMark,
    /// Record of the request.
    pub(super) record: Arc<RequestRecord>,
    /// The register that reads from a replica; `None` to read from the primary.
    pub(super) replica: Option<Database>,
    /// `true` if the answer to a mutation has `extensions.revision`, because it has no header.
    pub(super) reports_revision: bool,
}

/// Executes a document in the lane of its cost, and serializes the answer there. It returns within
/// the remaining time even if a resolver blocks, since the timer runs on other threads. Counts the
/// result.
pub(super) async fn execute(app: &App, execution: Execution, request_id: &str) -> Written {
    let measured = MeasuredDocument::begin(&execution.record, &execution.ready);
    let usage = Arc::clone(execution.record.usage());
    let written = usage.count(run(app, execution, request_id)).await;
    measured.end(app, &written.answer);
    written
}

async fn run(app: &App, execution: Execution, request_id: &str) -> Written {
    let Execution { ready, subject, cost, allowance, mutations, language, key, .. } = execution;
    let (read_mark, replica) = (execution.read_mark, execution.replica);
    let operation = ready.operation;
    let reports_revision = execution.reports_revision && operation == OperationType::Mutation;
    let stating = reports_revision.then(|| app.clone());
    let refuse = |error| Written::refused(errors::refused(error, request_id), language);
    // A mutation finds that out where it writes, and is counted as a failed one.
    if operation != OperationType::Mutation
        && let Err(gone) = app.db.check_file()
    {
        return refuse(gone);
    }
    let late = |words: &str| {
        let words =
            format!("The document took longer than {} s. {words}", app.request_time.as_secs());
        let mut late =
            errors::refused(Error::limit(LimitReason::LimitTime, "query", words), request_id);
        if operation == OperationType::Mutation {
            errors::set_done(&mut late, &mutations);
            errors::set_retry_after(&mut late, LATE_RETRY);
        }
        Written::refused(late, language)
    };
    if Instant::now() >= allowance.deadline {
        return late(
            "It was not executed, because no time was left. Retry when the server is less busy.",
        );
    }
    let (size, running) = (allowance.size, app.stopping.subscribe());
    let points = ready.figures.complexity;
    let (metered, of_subject) = (app.clone(), subject.clone());
    let meter = CostMeter::new(move |points| metered.budget.take(&of_subject, points).map(drop));
    let document = ready.document.data(Arc::clone(&mutations)).data(meter).data(read_mark.clone());
    let is_expensive = operation == OperationType::Query && points >= EXPENSIVE;
    let document = with_database(app, document, replica.as_ref(), is_expensive);
    let resolve = resolve(app, document, (operation, ready.class), size.clone(), request_id)
        .instrument(tracing::debug_span!("execute"));
    let known = Arc::clone(&mutations);
    let mutation = RunningMutation::of(app, operation, &subject);
    let execution = async move {
        let mut answer = resolve.await;
        drop(mutation);
        if operation == OperationType::Mutation {
            errors::set_done(&mut answer, &known);
        }
        if let Some(app) = stating {
            revision::set_revision(&mut answer, app.db.known_revision());
        }
        answer.extensions.extend(cost.map(|cost| ("cost".to_owned(), cost)));
        let written = Written::within(answer, &known, &size, language);
        drop(running);
        written
    };
    let answers = Arc::clone(&app.answers);
    let execution = answer_cache::join(answers, key, read_mark, Box::pin(execution));
    let failed = |failed: JoinError| refuse(Error::internal(failed));
    if operation == OperationType::Mutation {
        // A mutation runs to its end even if its client disconnects, so that the outcome does not
        // depend on the client.
        let execution = app.lanes.spawn_detached(&subject, points, execution);
        return match tokio::time::timeout_at(allowance.deadline, execution).await {
            Ok(done) => done.unwrap_or_else(failed),
            Err(_) => late(
                "It continues, and its changes may yet be committed. Retry with the same Idempotency-Key to get its answer.",
            ),
        };
    }
    let mut execution = app.lanes.spawn(&subject, points, execution);
    tokio::select! {
        done = &mut execution => done.unwrap_or_else(failed),
        cause = lost(app, replica.as_ref()) => refuse(cause),
        () = tokio::time::sleep_until(allowance.deadline) => late("Ask for less."),
        () = cut_off(app) => refuse(Error::limit(LimitReason::LimitTime, "query", "The document was aborted because the server is stopping. Retry when it has started again.")),
    }
}

/// Completes when the database is lost. Waiting for a connection looks the same under load and
/// without a database, so that it is probed separately.
async fn lost(app: &App, replica: Option<&Database>) -> Error {
    loop {
        tokio::time::sleep(PROBE_AFTER).await;
        if let Err(cause) = ping(app, replica).await {
            break cause;
        }
    }
}

/// Time for which a stopping server continues with queries.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(3);

/// Completes when the server has been stopping for [`STOP_GRACE`]. Queries can be retried, so that
/// the end of the server does not wait for them.
pub(super) async fn cut_off(app: &App) {
    let mut stopping = app.stopping.subscribe();
    stopped(&mut stopping).await;
    // No longer counts among the tasks that delay the stop.
    drop(stopping);
    tokio::time::sleep(STOP_GRACE).await;
}

/// Resolves the fields of a document, and converts panics and time limits to an answer.
fn resolve(
    app: &App,
    document: Document,
    (operation, class): (OperationType, Option<Digest>),
    size: AnswerSize,
    request_id: &str,
) -> impl Future<Output = Answer> + Send + use<> {
    let (schema, unknown_class) = app.validated.schema(app, class);
    let (validated, rows) = (Arc::clone(&app.validated), Rows::default());
    let document = document.data(rows.clone()).data(size.clone());
    // A cached object would show the state before the mutation.
    let document = if operation == OperationType::Query {
        document.data(RequestCache::default())
    } else {
        document
    };
    let (id, document_text, hides) =
        (request_id.to_owned(), document.query.clone(), !app.suggestions);
    async move {
        match AssertUnwindSafe(schema.execute(document)).catch_unwind().await {
            // Each list that came too late has an error, and the answer becomes a single error; for
            // a mutation, the committed changes are reported.
            Ok(_) if operation == OperationType::Query && size.is_exceeded() => {
                errors::refused(size.exceeded(), &id)
            }
            Ok(mut answer) => match rows.check() {
                Err(error) if operation == OperationType::Query => errors::refused(error, &id),
                _ => {
                    if let Some(class) = unknown_class.filter(|_| answer.is_ok()) {
                        validated.note_passed(class);
                    }
                    if hides {
                        errors::hide_suggestions(&mut answer);
                    }
                    errors::finish(answer, &document_text, &id)
                }
            },
            Err(cause) => {
                let cause = panic_message(&*cause).to_owned();
                errors::refused(
                    Error::internal(std::io::Error::other(format!("a resolver panicked: {cause}"))),
                    &id,
                )
            }
        }
    }
}

/// Executes a document without HTTP, for commands and tests, with the same limits.
pub async fn ask(app: &App, viewer: Viewer, document: Document) -> Answer {
    let id = uuid::Uuid::now_v7().to_string();
    match measure(document, &app.limits) {
        Ok(ready) => {
            let subject = viewer.subject.clone();
            let ready = Ready { document: ready.document.data(viewer), ..ready };
            let execution = Execution {
                ready,
                subject,
                cost: None,
                allowance: Allowance::of(app),
                mutations: Arc::default(),
                key: None,
                language: Language::default(),
                read_mark: ReadMark::default(),
                record: Arc::default(),
                replica: None,
                reports_revision: false,
            };
            execute(app, execution, &id).await.answer
        }
        Err(error) => errors::refused(error, &id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::graphiql;
    use domain::{auth::token::Keys, clock::Clock, config::Settings};

    #[tokio::test]
    async fn a_panic_in_a_resolver_is_an_error_and_the_server_lives() {
        let db = Database::connect("sqlite::memory:", None).await;
        let settings = Settings::load([], None);
        let (Ok(db), Ok(settings)) = (db, settings) else { panic!("no register to ask") };
        let app =
            App::new(db, Clock::system(), Keys::demo(), &settings, graphiql::Settings::default());
        // Without a viewer, resolvers fail with an internal error.
        let ready = measure(Document::new("{ viewer { subject } }"), &app.limits);
        let Ok(ready) = ready else { panic!("not measured") };
        let (subject, allowance) = ("subject".to_owned(), Allowance::of(&app));
        let (mutations, language) = (Arc::default(), Language::default());
        let (cost, key, read_mark, record) = (None, None, ReadMark::default(), Arc::default());
        let execution = Execution {
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
        };
        let answer = execute(&app, execution, "the-id").await.answer;
        let [error] = answer.errors.as_slice() else { panic!("{answer:?}") };
        let extension = |name: &str| {
            error.extensions.as_ref().and_then(|extensions| extensions.get(name)).cloned()
        };
        assert_eq!(
            (extension("code"), extension("requestId")),
            (Some("INTERNAL".into()), Some("the-id".into()))
        );
        assert_eq!(
            error.message,
            "internal server error; look up the request id in the server log"
        );
        let viewer = Viewer { subject: "subject".into(), ..Viewer::default() };
        assert!(ask(&app, viewer, Document::new("{ viewer { subject } }")).await.is_ok());
    }
}
