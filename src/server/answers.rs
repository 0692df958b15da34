//! Answers as HTTP carries them: the media type that was asked for, the status, and errors without data where nothing was executed.

use async_graphql::{Response as Answer, ServerError, Value};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{accept::Media, execution::Caller};

/// An answer without data.
#[derive(Serialize)]
struct Refusal<'a> {
    errors: &'a [ServerError],
}

impl Caller {
    /// The answer, which has its own status when nothing was executed for a fault of GraphQL's.
    pub(super) fn respond(&self, status: StatusCode, answer: &Answer) -> Response {
        let status = match status {
            StatusCode::OK if never_began(answer) && answer.errors.iter().any(is_ours) => StatusCode::INTERNAL_SERVER_ERROR,
            // Clients that read `application/json` expect to find the errors in a 200, but for those of HTTP itself and for failures of ours.
            StatusCode::OK if never_began(answer) && self.media == Some(Media::GraphqlResponse) => StatusCode::BAD_REQUEST,
            status => status,
        };
        self.write(status, json(answer))
    }

    /// JSON that is an answer, or a list of them.
    pub(super) fn write(&self, status: StatusCode, json: String) -> Response {
        let kind = self.media.unwrap_or(Media::Json).content_type();
        let mut response = (status, [(header::CONTENT_TYPE, kind)], json).into_response();
        let more = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            StatusCode::TOO_MANY_REQUESTS => Some((header::RETRY_AFTER, "1")),
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

/// Whether something failed on the server.
pub(super) fn is_ours(error: &ServerError) -> bool {
    error.extensions.as_ref().and_then(|extensions| extensions.get("code")) == Some(&"INTERNAL".into())
}
