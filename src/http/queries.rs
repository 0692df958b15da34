//! Answers to queries: stored ones, 304 for a client that has the answer, and others by execution,
//! on the primary or on a read replica.

use std::sync::Arc;

use async_graphql::{Response as Answer, Value, parser::types::OperationType};
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time::Instant;

use super::{
    App,
    allowance::Allowance,
    answer_cache::AnswerKey,
    api::Refused,
    conditional_requests,
    execution::{Caller, Execution, Ready, execute},
    graphql_response::{Written, extension},
    prepared_documents::Prepared,
    read_server::{Needed, note_seen},
    request_record::MeasuredDocument,
    revision::with_revision,
};
use crate::graphql::subscription::StateRevision;
use domain::{
    audit::reads::ReadMark,
    auth::viewer::Viewer,
    database::{Database, LastEntry},
    error::Result,
};

/// A query that is ready to be answered.
pub(super) struct Query {
    pub(super) viewer: Viewer,
    pub(super) prepared: Arc<Prepared>,
    /// Last entry that was committed when the request had come; `None` if it is not known.
    pub(super) last: Option<LastEntry>,
    pub(super) allowance: Allowance,
}

/// Where a query reads, and what is known of the state that it reads there.
#[derive(Clone)]
struct State {
    /// The register that reads from a replica; `None` for the primary.
    replica: Option<Database>,
    /// Revision of the state, or an earlier one; zero if it is not known.
    revision: i64,
    /// Key of the answer; `None` if it has none.
    key: Option<AnswerKey>,
}

/// Answers a query. `conditions` are the headers of a GET, whose answer has a validator.
///
/// A stored answer and 304 count as the execution does: in the budget, the metrics and the log.
///
/// # Errors
/// INVALID for a bad header, CONFLICT with the reason `COST_BUDGET` when too little is left.
pub(super) async fn answer(
    app: &App,
    caller: &Caller,
    query: Query,
    conditions: Option<&HeaderMap>,
) -> Result<Response, Refused> {
    let seen = caller.seen_revision()?;
    let prepared = &query.prepared;
    let points = prepared.figures.complexity;
    let measured =
        MeasuredDocument::of(&caller.record, OperationType::Query, prepared.name(), points);
    let cost = Caller::charge(app, &query.viewer.subject, points, prepared.reports_cost)?;
    // Few requests have a condition, and a validator is formatted for those alone.
    let conditional = conditions.filter(|headers| headers.contains_key(header::IF_NONE_MATCH));
    let is_known = |key: &AnswerKey| {
        conditional.is_some_and(|headers| conditional_requests::is_known(headers, &key.validator()))
    };
    let primary = State {
        replica: None,
        revision: query.last.as_ref().map_or_else(|| app.db.known_revision(), |last| last.revision),
        key: query.last.as_ref().and_then(|last| query.key(app, caller, last)),
    };
    let has_primary = primary.key.as_ref().is_some_and(is_known);
    let stored = |key: &AnswerKey| if has_primary { None } else { app.answers.get(key) };
    let (state, response) = match primary.key.as_ref().and_then(stored) {
        Some(stored) => (primary, caller.write(StatusCode::OK, stored)),
        None if has_primary => (primary, StatusCode::NOT_MODIFIED.into_response()),
        None => {
            // Boxed, as all that a stored answer does not need: its future is moved several times.
            let state = Box::pin(query.state(app, caller, seen, &primary)).await;
            match state.key.as_ref().is_some_and(is_known) {
                true => (state, StatusCode::NOT_MODIFIED.into_response()),
                false => {
                    let is_conditional = conditions.is_some();
                    let states = (state, primary);
                    let executing =
                        Box::pin(execute_at(app, caller, query, states, cost, is_conditional));
                    return Ok(executing.await);
                }
            }
        }
    };
    query.note_revision(app, &state);
    measured.end(app, &Answer::default());
    let validator = state.key.filter(|_| conditions.is_some()).map(|key| key.validator());
    Ok(with_revision(with_validator(response, validator), state.revision))
}

impl Query {
    fn key(&self, app: &App, caller: &Caller, last: &LastEntry) -> Option<AnswerKey> {
        AnswerKey::of(app, caller, &self.viewer, &self.prepared, last)
    }

    /// Chooses the server from which the query reads: a replica whose state the client may see, or
    /// else the primary. It may see no older state than it states to have seen, nor than its
    /// subject has seen on this server a moment ago.
    async fn state(&self, app: &App, caller: &Caller, seen: Option<i64>, primary: &State) -> State {
        if !app.db.has_replicas() {
            return primary.clone();
        }
        let subject = &self.viewer.subject;
        if let Needed::Revision(noted) = app.seen_revisions.needed(subject)
            && !self.prepared.figures.is_logged
        {
            let needed = noted.max(seen.unwrap_or_default());
            let found = app.db.at_replica(subject, needed, self.last.as_ref()).await;
            if let Some((replica, entry)) = found {
                let revision = entry.revision;
                let is_last = self.last.as_ref().is_some_and(|last| {
                    (last.revision, &last.hash) == (entry.revision, &entry.hash)
                });
                let key = if is_last { primary.key } else { self.key(app, caller, &entry) };
                return State { replica: Some(replica), revision, key };
            }
        }
        app.db.note_primary_read();
        primary.clone()
    }

    /// Returns the request to execute in a state. Its field `revision` is that of the state if that
    /// is known: what the other fields read is as new or newer.
    fn ready(&self, app: &App, state: &State) -> Ready {
        let ready = self.prepared.ready();
        let is_known = state.replica.is_some() || self.last.is_some();
        if !is_known || !app.db.has_replicas() {
            return ready;
        }
        Ready { document: ready.document.data(StateRevision(state.revision)), ..ready }
    }

    /// Records that the subject has seen the revision of a state as the field `revision`: what it
    /// reads next is not older.
    fn note_revision(&self, app: &App, state: &State) {
        if self.prepared.figures.has_revision {
            note_seen(app, &self.viewer.subject, state.revision);
        }
    }
}

/// Executes a query in the first of two states. If that is one of a replica which fails, executes
/// it again on the primary.
async fn execute_at(
    app: &App,
    caller: &Caller,
    query: Query,
    (state, primary): (State, State),
    cost: Option<Value>,
    is_conditional: bool,
) -> Response {
    let (mut state, deadline) = (state, query.allowance.deadline);
    let (mut written, mut read_mark) =
        execute_once(app, caller, &query, &state, &primary, cost.clone()).await;
    if state.replica.is_some() && is_internal(&written.answer) && Instant::now() < deadline {
        tracing::info!("a query failed on a read replica; it is executed on the primary");
        app.db.note_primary_read();
        state = primary.clone();
        (written, read_mark) = execute_once(app, caller, &query, &state, &primary, cost).await;
    }
    query.note_revision(app, &state);
    // A client with a validator would see a contact again without a logged read.
    let has_validator = is_conditional && written.answer.is_ok() && !read_mark.is_set();
    let validator = state.key.filter(|_| has_validator).map(|key| key.validator());
    with_revision(with_validator(caller.respond_written(written), validator), state.revision)
}

async fn execute_once(
    app: &App,
    caller: &Caller,
    query: &Query,
    state: &State,
    primary: &State,
    cost: Option<Value>,
) -> (Written, ReadMark) {
    let (viewer, allowance) = (query.viewer.clone(), query.allowance.clone());
    let execution = caller.execution(app, viewer, query.ready(app, state), cost, allowance);
    let read_mark = execution.read_mark.clone();
    // An answer of an earlier revision is not stored: no later request may get it.
    let key = state.key.filter(|_| state.key == primary.key);
    let execution = Execution { key, replica: state.replica.clone(), ..execution };
    (execute(app, execution, &caller.request_id).await, read_mark)
}

/// Returns `true` if an answer has an error of the server.
fn is_internal(answer: &Answer) -> bool {
    answer.errors.iter().any(|error| extension(error, "code") == Some(&Value::from("INTERNAL")))
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
