//! Answers as HTTP carries them: the media type that was asked for, the status, and errors without data where nothing was executed.

use async_graphql::{Response as Answer, ServerError, Value};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{accept::Media, denials::Denials, execution::Caller};
use crate::database::BUSY;

/// An answer without data.
#[derive(Serialize)]
struct Refusal<'a> {
    errors: &'a [ServerError],
}

impl Caller {
    /// Writes the answer. The answer to a well-formed request is a 200, also with errors; in the media type
    /// `application/graphql-response+json`, one without data has the status of its errors.
    pub(super) fn respond(&self, status: StatusCode, answer: &Answer) -> Response {
        let status = match status {
            StatusCode::OK if never_began(answer) && self.media == Some(Media::GraphqlResponse) => status_without_data(answer),
            status => status,
        };
        let mut response = self.write(status, json(answer));
        if let Some(seconds) = answer.errors.iter().filter_map(retry_after).max() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(denials) = Denials::of(self.subject(), &answer.errors) {
            response.extensions_mut().insert(denials);
        }
        response
    }

    /// JSON that is an answer, or a list of them.
    pub(super) fn write(&self, status: StatusCode, json: String) -> Response {
        let kind = self.media.unwrap_or(Media::Json).content_type();
        let mut response = (status, [(header::CONTENT_TYPE, kind)], json).into_response();
        let more = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        response.headers_mut().extend(more.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }
}

/// The answer in JSON, written as it is and not by way of a JSON value, since that would lose the order of the fields.
pub(super) fn json(answer: &Answer) -> String {
    let json = if never_began(answer) { serde_json::to_string(&Refusal { errors: &answer.errors }) } else { serde_json::to_string(answer) };
    json.unwrap_or_default()
}

/// Whether execution never began: then there is no data, not even null.
pub(super) fn never_began(answer: &Answer) -> bool {
    answer.is_err() && answer.data == Value::Null && answer.errors.iter().all(|error| error.path.is_empty())
}

/// Returns the status of an answer without data: of the server's faults before those of the request.
fn status_without_data(answer: &Answer) -> StatusCode {
    let has = |name: &str, word: &str| answer.errors.iter().any(|error| extension(error, name) == Some(&word.into()));
    if has("code", "INTERNAL") {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if has("reason", BUSY) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if has("code", "CONFLICT") {
        StatusCode::CONFLICT
    } else {
        StatusCode::BAD_REQUEST
    }
}

/// Returns the number of seconds that the error says to wait before a retry.
fn retry_after(error: &ServerError) -> Option<u64> {
    match extension(error, "retryAfterSeconds") {
        Some(Value::Number(seconds)) => seconds.as_u64(),
        _ => None,
    }
}

/// Returns an extension of the error.
pub(super) fn extension<'e>(error: &'e ServerError, name: &str) -> Option<&'e Value> {
    error.extensions.as_ref().and_then(|extensions| extensions.get(name))
}
