//! Log of denials: requests that were refused for lack of permissions are logged with subject,
//! address, operation and reason, and counted.

use std::sync::Arc;

use async_graphql::{PathSegment, ServerError, Value};
use axum::{
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use prometheus_client::encoding::EncodeLabelSet;

use super::{App, request_record::RequestRecord};
use domain::{
    codes::{Code, ErrorCode},
    error::Error,
};

/// Labels by which a denial is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Denied {
    code: &'static str,
    route: String,
}

/// Error codes of denials.
const CODES: [ErrorCode; 2] = [ErrorCode::Unauthenticated, ErrorCode::Forbidden];
/// Maximum number of logged denials of one answer, so that no client floods the log.
const MAX_LOGGED: usize = 5;

/// A denial of one field or of the whole request.
#[derive(Clone, Debug)]
struct Denial {
    code: &'static str,
    /// Path of the field; empty for the whole request.
    operation: String,
    reason: String,
}

/// Denials of an answer with their subject; passed with the response to [`watch`].
#[derive(Clone, Debug, Default)]
pub(super) struct Denials {
    /// Subject of the token; `None` if not known.
    subject: Option<String>,
    denials: Vec<Denial>,
}

impl Denials {
    /// Returns the denials among these errors; `None` if there are none.
    pub(super) fn of(subject: Option<&str>, errors: &[ServerError]) -> Option<Self> {
        let denials: Vec<Denial> = errors.iter().filter_map(denial).collect();
        (!denials.is_empty()).then(|| Self { subject: subject.map(str::to_owned), denials })
    }

    /// Returns the denial of a whole request.
    pub(super) fn of_error(subject: Option<&str>, error: &Error) -> Option<Self> {
        let code = CODES.into_iter().find(|code| *code == error.code())?.word();
        let denial = Denial { code, operation: String::new(), reason: error.to_string() };
        Some(Self { subject: subject.map(str::to_owned), denials: vec![denial] })
    }

    /// Logs and counts the denials.
    pub(super) fn note(
        &self,
        app: &App,
        address: Option<std::net::IpAddr>,
        method: &str,
        route: &str,
    ) {
        let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        let subject = self.subject.as_deref().unwrap_or("unknown");
        for (index, Denial { code, operation, reason }) in self.denials.iter().enumerate() {
            app.metrics.denied.get_or_create(&Denied { code, route: route.to_owned() }).inc();
            if index < MAX_LOGGED {
                let operation = if operation.is_empty() {
                    format!("{method} {route}")
                } else {
                    operation.clone()
                };
                tracing::warn!(code, subject, address, operation, reason, "access denied");
            }
        }
        if self.denials.len() > MAX_LOGGED {
            tracing::warn!(
                subject,
                address,
                more = self.denials.len() - MAX_LOGGED,
                "access was denied to more fields of the same request"
            );
        }
    }
}

fn denial(error: &ServerError) -> Option<Denial> {
    let value = error.extensions.as_ref().and_then(|extensions| extensions.get("code"))?;
    let code = CODES.into_iter().map(Code::word).find(|code| *value == Value::from(*code))?;
    let path = error.path.iter().map(|segment| match segment {
        PathSegment::Field(name) => name.clone(),
        PathSegment::Index(index) => index.to_string(),
    });
    Some(Denial {
        code,
        operation: path.collect::<Vec<_>>().join("."),
        reason: error.message.clone(),
    })
}

/// Logs and counts the denials of each answer.
pub async fn watch(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let record = request.extensions().get::<Arc<RequestRecord>>();
    let address = record.and_then(|record| record.address());
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let denials =
        response.extensions_mut().remove::<Denials>().or_else(|| unexplained(response.status()));
    if let Some(denials) = denials {
        let route = route.as_ref().map_or("none", MatchedPath::as_str);
        denials.note(&app, address, method.as_str(), route);
    }
    response
}

/// Returns the denial of a response that has only a status.
fn unexplained(status: StatusCode) -> Option<Denials> {
    let code = match status {
        StatusCode::UNAUTHORIZED => CODES[0],
        StatusCode::FORBIDDEN => CODES[1],
        _ => return None,
    };
    Some(Denials {
        subject: None,
        denials: vec![Denial {
            code: code.word(),
            operation: String::new(),
            reason: status.to_string(),
        }],
    })
}
