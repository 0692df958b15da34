//! GraphQL over HTTP: who asks, what it may cost, and the answer, whatever happens on the way.

use std::{panic::AssertUnwindSafe, time::Duration};

use async_graphql::{Request as Document, Response as Answer, ServerError, parser::types::OperationType};
use axum::{
    body::Bytes,
    extract::{
        FromRequest, Query, Request, State,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tower_http::request_id::RequestId;

use super::{App, limits, panic_message};
use crate::{
    auth::viewer::Viewer,
    error::{Error, Result},
    graphql::{self, errors, loaders::Rows},
};

/// The media type of the GraphQL over HTTP specification; a client that asks for it gets status codes that mean something.
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";

/// How long a query takes before it is asked, again and again, whether the database is there at all.
const DOUBT: Duration = Duration::from_secs(2);

/// The parameters of a GET.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
}

/// Answers a query in the address; deeds are for POST alone.
pub async fn get(State(app): State<App>, parameters: Result<Query<Parameters>, QueryRejection>, request: Request) -> Response {
    let caller = Caller::of(&request);
    let parameters = parameters.map_err(|_| Error::invalid("address", "can't be read; give query, operationName and variables once each"));
    let document = parameters.and_then(|Query(parameters)| {
        let query = parameters.query.ok_or_else(|| Error::invalid("query", "is missing"))?;
        let mut document = Document::new(query);
        if let Some(name) = parameters.operation_name {
            document = document.operation_name(name);
        }
        match parameters.variables.filter(|text| !text.is_empty()) {
            None => Ok(document),
            Some(text) => {
                let variables: serde_json::Map<_, _> =
                    serde_json::from_str(&text).map_err(|_| Error::invalid("variables", "is not a JSON object"))?;
                Ok(document.variables(async_graphql::Variables::from_json(variables.into())))
            }
        }
    });
    caller.answer(&app, document, true).await
}

/// Answers a document in a JSON body.
pub async fn post(State(app): State<App>, request: Request) -> Response {
    let caller = Caller::of(&request);
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")));
    if !is_json {
        let refused = errors::refused(Error::invalid("content-type", "must be application/json"), &caller.request_id);
        return caller.respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refused);
    }
    let body = match tokio::time::timeout(app.request_time, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        failed => {
            let (status, words) = match failed {
                Err(_) => (StatusCode::REQUEST_TIMEOUT, "took too long to arrive"),
                Ok(Err(BytesRejection::FailedToBufferBody(failed))) if failed.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                    (StatusCode::PAYLOAD_TOO_LARGE, "is larger than this server takes")
                }
                _ => (StatusCode::BAD_REQUEST, "could not be read to its end"),
            };
            return caller.respond(status, &errors::refused(Error::invalid("body", words), &caller.request_id));
        }
    };
    let document = serde_json::from_slice::<Document>(&body).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::invalid("body", format!("is not a GraphQL request in JSON ({place}); write {{\"query\": \"…\", \"variables\": {{…}}}}"))
    });
    caller.answer(&app, document, false).await
}

/// The schema in its own language.
pub async fn sdl(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/graphql; charset=utf-8")], graphql::sdl(&app.schema)).into_response()
}

/// An answer without data.
#[derive(Serialize)]
struct Refusal<'a> {
    errors: &'a [ServerError],
}

/// What a request says of its sender.
pub(super) struct Caller {
    request_id: String,
    token: Result<String>,
    wants_graphql_response: bool,
}

impl Caller {
    pub(super) fn of(request: &Request) -> Self {
        let request_id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
        let accepts = request.headers().get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
        Self {
            request_id: request_id.to_owned(),
            token: bearer(request.headers()),
            wants_graphql_response: accepts.flat_map(|accept| accept.split(',')).any(|accept| accept.trim().starts_with(GRAPHQL_RESPONSE)),
        }
    }

    /// Who asks.
    ///
    /// # Errors
    /// UNAUTHENTICATED without a good token.
    pub(super) async fn viewer(&self, app: &App) -> Result<Viewer> {
        self.token.clone().and_then(|token| app.keys.verify(&token, app.db.clock.now()))
    }

    /// The answer to a request for something else than GraphQL that can't be met: the error as GraphQL tells it, with HTTP's own status.
    pub(super) fn refuse(&self, error: Error) -> Response {
        let status = match error {
            Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Conflict { .. } => StatusCode::CONFLICT,
            Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        self.respond(status, &errors::refused(error, &self.request_id))
    }

    async fn answer(self, app: &App, document: Result<Document>, only_queries: bool) -> Response {
        let viewer = self.viewer(app).await;
        // Who asks is known before what is asked is looked at. A request that can't be read is a fault of HTTP's, a document that
        // may not be executed one of GraphQL's.
        let prepared = viewer.map_err(|error| (StatusCode::UNAUTHORIZED, error)).and_then(|viewer| {
            let document = document.map_err(|error| (StatusCode::BAD_REQUEST, error))?;
            let (document, operation) = measure(document, &app.limits).map_err(|error| (StatusCode::OK, error))?;
            Ok((document.data(viewer), operation))
        });
        let (document, operation) = match prepared {
            Ok(prepared) => prepared,
            Err((status, error)) => return self.respond(status, &errors::refused(error, &self.request_id)),
        };
        if only_queries && operation != OperationType::Query {
            let refused = errors::refused(Error::invalid("query", "must be a query; send mutations with POST"), &self.request_id);
            return self.respond(StatusCode::METHOD_NOT_ALLOWED, &refused);
        }
        let answer = execute(app, document, operation, &self.request_id).await;
        self.respond(StatusCode::OK, &answer)
    }

    fn respond(&self, status: StatusCode, answer: &Answer) -> Response {
        // An answer whose execution never began has no data, not even null.
        let never_began =
            answer.is_err() && answer.data == async_graphql::Value::Null && answer.errors.iter().all(|error| error.path.is_empty());
        // Written as it is, and not by way of a JSON value, since that would lose the order of the fields.
        let json = if never_began { serde_json::to_string(&Refusal { errors: &answer.errors }) } else { serde_json::to_string(answer) };
        let json = json.unwrap_or_default();
        // Clients that read `application/json` expect to find the errors in a 200, but for those of HTTP itself and for failures of ours.
        let is_refused = never_began && status == StatusCode::OK && self.wants_graphql_response;
        let status = if never_began && status == StatusCode::OK && answer.errors.iter().any(is_ours) {
            StatusCode::INTERNAL_SERVER_ERROR
        } else if is_refused {
            StatusCode::BAD_REQUEST
        } else {
            status
        };
        let kind = if self.wants_graphql_response {
            "application/graphql-response+json; charset=utf-8"
        } else {
            "application/json; charset=utf-8"
        };
        let mut response = (status, [(header::CONTENT_TYPE, kind)], json).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        }
        response
    }
}

fn is_ours(error: &ServerError) -> bool {
    error.extensions.as_ref().and_then(|extensions| extensions.get("code")) == Some(&"INTERNAL".into())
}

/// The token in the header.
///
/// # Errors
/// UNAUTHENTICATED when there is none.
pub(super) fn bearer(headers: &HeaderMap) -> Result<String> {
    let missing = || Error::Unauthenticated("a token is needed: send the header Authorization: Bearer …".into());
    let header = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim().to_owned()) } else { Err(missing()) }
}

/// Measures a document before anything of it is executed, and keeps it as it was parsed.
fn measure(mut document: Document, most: &limits::Limits) -> Result<(Document, OperationType)> {
    let measured = limits::measure(&document.query, &document.variables, document.operation_name.as_deref(), most);
    let measured = measured.map_err(|exceeded| Error::invalid("query", exceeded.to_string()))?;
    document.set_parsed_query(measured.document);
    Ok((document, measured.operation))
}

async fn execute(app: &App, document: Document, operation: OperationType, request_id: &str) -> Answer {
    if let Err(gone) = app.db.find() {
        return errors::refused(gone, request_id);
    }
    let (schema, rows) = (app.schema.clone(), Rows::default());
    let document = document.data(rows.clone());
    let (id, asked) = (request_id.to_owned(), document.query.clone());
    let execution = async move {
        match AssertUnwindSafe(schema.execute(document)).catch_unwind().await {
            // Each list that came too late says so, which is one error and no answer; but of a deed, what was done is told.
            Ok(answer) => match rows.check() {
                Err(error) if operation == OperationType::Query => errors::refused(error, &id),
                _ => errors::finish(answer, &asked, &id),
            },
            Err(cause) => {
                let cause = panic_message(&*cause).to_owned();
                errors::refused(Error::internal(std::io::Error::other(format!("a resolver panicked: {cause}"))), &id)
            }
        }
    };
    if operation == OperationType::Mutation {
        // A deed goes on to its end when its client goes away, so that nobody's impatience decides what is done.
        let span = tracing::Span::current();
        return match tokio::spawn(tracing::Instrument::instrument(execution, span)).await {
            Ok(answer) => answer,
            Err(failed) => errors::refused(Error::internal(failed), request_id),
        };
    }
    // Waiting for a connection looks the same whether many ask or the database is away, so that is asked apart.
    let lost = async {
        loop {
            tokio::time::sleep(DOUBT).await;
            if let Err(cause) = app.db.reach().await {
                break cause;
            }
        }
    };
    tokio::select! {
        answer = execution => answer,
        cause = lost => errors::refused(cause, request_id),
        () = tokio::time::sleep(app.request_time) => {
            let words = format!("took longer than {} seconds; ask for less", app.request_time.as_secs());
            errors::refused(Error::invalid("query", words), request_id)
        }
    }
}

/// What a viewer asks without HTTP, for commands and tests: measured and answered in the same way.
pub async fn ask(app: &App, viewer: Viewer, document: Document) -> Answer {
    let id = uuid::Uuid::now_v7().to_string();
    match measure(document, &app.limits) {
        Ok((document, operation)) => execute(app, document.data(viewer), operation, &id).await,
        Err(error) => errors::refused(error, &id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::token::Keys, clock::Clock, config::Settings, database::Database, server::explorer};

    #[tokio::test]
    async fn a_panic_in_a_resolver_is_an_error_and_the_server_lives() {
        let db = Database::connect("sqlite::memory:", Clock::system(), None).await;
        let settings = Settings::load([], None);
        let (Ok(db), Ok(settings)) = (db, settings) else { panic!("no register to ask") };
        let app = App::new(db, Keys::demo(), &settings, explorer::Settings::default());
        // Without a viewer, resolvers find a bug of ours.
        let answer = execute(&app, Document::new("{ viewer { subject } }"), OperationType::Query, "the-id").await;
        let [error] = answer.errors.as_slice() else { panic!("{answer:?}") };
        let extension = |name: &str| error.extensions.as_ref().and_then(|extensions| extensions.get(name)).cloned();
        assert_eq!((extension("code"), extension("requestId")), (Some("INTERNAL".into()), Some("the-id".into())));
        assert_eq!(error.message, "something failed on the server; the request id finds it in the log");
        let viewer = Viewer { subject: "somebody".into(), ..Viewer::default() };
        assert!(ask(&app, viewer, Document::new("{ viewer { subject } }")).await.is_ok());
    }
}
