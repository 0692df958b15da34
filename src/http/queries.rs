//! Answers to queries: stored ones, 304 for a client that has the answer, and others by execution.

use std::sync::Arc;

use async_graphql::{Response as Answer, parser::types::OperationType};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    App,
    allowance::Allowance,
    answer_cache::AnswerKey,
    api::Refused,
    conditional_requests,
    execution::{Caller, Execution, execute},
    prepared_documents::Prepared,
    request_record::MeasuredDocument,
};
use domain::{auth::viewer::Viewer, database::LastEntry};

/// A query that is ready to be answered.
pub(super) struct Query {
    pub(super) viewer: Viewer,
    pub(super) prepared: Arc<Prepared>,
    /// Last entry that was committed when the request had come; `None` if it is not known.
    pub(super) last: Option<LastEntry>,
    pub(super) allowance: Allowance,
}

/// Answers a query. `conditions` are the headers of a GET, whose answer has a validator.
///
/// A stored answer and 304 count as the execution does: in the budget, the metrics and the log.
///
/// # Errors
/// CONFLICT with the reason `COST_BUDGET` when too little is left.
pub(super) async fn answer(
    app: &App,
    caller: &Caller,
    query: Query,
    conditions: Option<&HeaderMap>,
) -> Result<Response, Refused> {
    let Query { viewer, prepared, last, allowance } = query;
    let points = prepared.figures.complexity;
    let measured =
        MeasuredDocument::of(&caller.record, OperationType::Query, prepared.name(), points);
    let key = last.and_then(|last| AnswerKey::of(app, caller, &viewer, &prepared, &last));
    let cost = Caller::charge(app, &viewer.subject, points, prepared.reports_cost)?;
    let validator = key.filter(|_| conditions.is_some()).map(|key| key.validator());
    let is_known = validator
        .as_ref()
        .zip(conditions)
        .is_some_and(|(validator, headers)| conditional_requests::is_known(headers, validator));
    let stored = key.filter(|_| !is_known).and_then(|key| app.answers.get(&key));
    let response = match stored {
        Some(stored) => caller.write(StatusCode::OK, stored),
        None if is_known => StatusCode::NOT_MODIFIED.into_response(),
        None => {
            let execution = caller.execution(app, viewer, prepared.ready(), cost, allowance);
            let read_mark = execution.read_mark.clone();
            let written = execute(app, Execution { key, ..execution }, &caller.request_id).await;
            // A client with a validator would see a contact again without a logged read.
            let validator = validator.filter(|_| written.answer.is_ok() && !read_mark.is_set());
            return Ok(with_validator(caller.respond_written(written), validator));
        }
    };
    measured.end(app, &Answer::default());
    Ok(with_validator(response, validator))
}

/// Adds the validator of an answer, and how it may be stored: for the caller, who must revalidate
/// it on each use.
fn with_validator(mut response: Response, validator: Option<String>) -> Response {
    let Some(validator) = validator else { return response };
    let headers = response.headers_mut();
    let validator = HeaderValue::from_str(&validator).unwrap_or(HeaderValue::from_static("*"));
    headers.insert(header::ETAG, validator);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let vary = HeaderValue::from_static("authorization, accept, accept-language");
    headers.insert(header::VARY, vary);
    response
}
