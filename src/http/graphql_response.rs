//! GraphQL responses over HTTP: media type, status, and errors without data when nothing was
//! executed.

use std::{collections::BTreeMap, io};

use async_graphql::{Name, PathSegment, Response as Answer, ServerError, Value};
use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, future::BoxFuture, stream};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{App, content_negotiation::Media, denials::Denials, execution::Caller};
use crate::graphql::{
    errors,
    language::{self, Language},
    request::AnswerSize,
};
use domain::{
    codes::{Code, LimitReason},
    error::{ConflictReason, Error},
    idempotency::{Mutations, Outcome},
};

/// A serialized answer to an executed document.
pub(super) struct Written {
    /// The answer, with its messages in English.
    pub(super) answer: Answer,
    /// The answer as JSON, with its messages in the language of the request.
    pub(super) json: Bytes,
}

impl Written {
    /// Serializes an answer to a request that was not executed, which is short.
    pub(super) fn refused(answer: Answer, language: Language) -> Self {
        Self { json: json(&answer, language).into(), answer }
    }

    /// Returns an answer without errors that was stored as JSON.
    pub(super) fn stored(json: Bytes) -> Self {
        Self { json, answer: Answer::default() }
    }

    /// Serializes an answer within its maximum size. A larger answer is replaced by an error; for a
    /// mutation it reports the committed changes.
    pub(super) fn within(
        mut answer: Answer,
        mutations: &Mutations,
        size: &AnswerSize,
        language: Language,
    ) -> Self {
        let failed = failed_items(&answer);
        name_committed(&mut answer, failed.as_ref(), mutations);
        let localized = language::localized(&answer.errors, language).into_owned();
        let english = std::mem::replace(&mut answer.errors, localized);
        let mut buffer = Bounded { bytes: Vec::new(), most: size.left() };
        let is_complete = match never_began(&answer) {
            true => serde_json::to_writer(&mut buffer, &Refusal { errors: &answer.errors }).is_ok(),
            false => serde_json::to_writer(&mut buffer, &answer).is_ok(),
        };
        answer.errors = english;
        let answer = if is_complete { answer } else { too_large(answer, mutations, size) };
        let json: Bytes =
            if is_complete { buffer.bytes.into() } else { json(&answer, language).into() };
        size.write(json.len());
        Self { answer, json }
    }
}

/// A buffer with a maximum length.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other("the answer is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    // The parts of an answer are short: a loop around `write` would cost more than they do.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the replacement of an answer that is too large. For mutations it reports the committed
/// ones, with the ids of the changed objects.
fn too_large(answer: Answer, mutations: &Mutations, size: &AnswerSize) -> Answer {
    let request_id = uuid::Uuid::now_v7().to_string();
    let (committed, failed) = (mutations.committed_outcomes(), failed_items(&answer));
    if committed.is_empty() {
        let mut cut = errors::refused(size.exceeded(), &request_id);
        for error in &mut cut.errors {
            name_failed(error, failed.as_ref());
        }
        return cut;
    }
    let words = "The answer of the mutation is too large. Its changes are committed: see extensions.committed.";
    let mut cut =
        errors::refused(Error::limit(LimitReason::AnswerTooLarge, "mutation", words), &request_id);
    name_committed(&mut cut, failed.as_ref(), mutations);
    cut.extensions = answer.extensions;
    cut
}

/// Adds the committed mutations to errors about an answer's size: the ids of the changed objects by
/// response key. Of bulk mutations it adds the ids of each item that was done, and the errors of
/// those that were not.
fn name_committed(answer: &mut Answer, failed: Option<&Value>, mutations: &Mutations) {
    let too_large = answer.errors.iter_mut().filter(|error| {
        extension(error, "reason") == Some(&LimitReason::AnswerTooLarge.word().into())
    });
    let ids = |outcome: &Outcome| {
        Value::List(outcome.objects.iter().map(|id| Value::from(id.to_string())).collect())
    };
    for error in too_large {
        let committed = mutations.committed_outcomes().into_iter();
        let committed = committed.map(|(key, outcome)| (Name::new(key), ids(&outcome))).collect();
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("committed", Value::Object(committed));
        let items = mutations.committed_items();
        if !items.is_empty() {
            let done = |(position, outcome): (usize, Outcome)| {
                object([("item", Value::from(position)), ("ids", ids(&outcome))])
            };
            let of_mutation = |(key, items): (String, BTreeMap<usize, Outcome>)| {
                (Name::new(key), Value::List(items.into_iter().map(done).collect()))
            };
            let items = items.into_iter().map(of_mutation).collect();
            extensions.set("committedItems", Value::Object(items));
        }
        name_failed(error, failed);
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
}

/// Adds the items of bulk mutations that failed to an error.
fn name_failed(error: &mut ServerError, failed: Option<&Value>) {
    if let Some(failed) = failed {
        error.extensions.get_or_insert_default().set("failedItems", failed.clone());
    }
}

/// Returns the items of bulk mutations that failed, by response key: each with its position, and
/// the code and the reason of its error. `None` if there are none.
fn failed_items(answer: &Answer) -> Option<Value> {
    let mut failed = BTreeMap::<&str, BTreeMap<u64, Value>>::new();
    for error in &answer.errors {
        let (Some(PathSegment::Field(key)), Some(Value::Number(item))) =
            (error.path.first(), extension(error, "item"))
        else {
            continue;
        };
        let value = |name| extension(error, name).cloned().unwrap_or_default();
        let of_item = object([
            ("item", Value::Number(item.clone())),
            ("code", value("code")),
            ("reason", value("reason")),
        ]);
        let position = item.as_u64().unwrap_or_default();
        failed.entry(key).or_default().entry(position).or_insert(of_item);
    }
    let of_mutation = |(key, items): (&str, BTreeMap<u64, Value>)| {
        (Name::new(key), Value::List(items.into_values().collect()))
    };
    let is_empty = failed.is_empty();
    (!is_empty).then(|| Value::Object(failed.into_iter().map(of_mutation).collect()))
}

/// An answer without data.
#[derive(Serialize)]
struct Refusal<'a> {
    errors: &'a [ServerError],
}

/// Bytes of a body from which on it is compressed on other threads than those of small documents.
const LARGE_BODY_BYTES: usize = 64 << 10;

/// Marks a response whose body is large.
#[derive(Clone, Copy)]
struct IsLarge;

/// Compresses the bodies of large answers in the lane of expensive documents, so that the threads
/// of small ones stay free.
pub async fn compress_in_background(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<IsLarge>().is_none()
        || !response.headers().contains_key(header::CONTENT_ENCODING)
    {
        return response;
    }
    response.map(|body| produced_by(body, |making| app.lanes.spawn_background(making)))
}

/// Produces a body on the runtime of `spawn`, and not where it is sent.
pub(super) fn produced_by(body: Body, spawn: impl FnOnce(BoxFuture<'static, ()>)) -> Body {
    let (send, receive) = mpsc::channel(4);
    spawn(Box::pin(async move {
        let mut chunks = body.into_data_stream();
        loop {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                // The client has disconnected: the body is dropped, though it has nothing to send.
                () = send.closed() => break,
            };
            let Some(chunk) = chunk else { break };
            if send.send(chunk).await.is_err() {
                break;
            }
        }
    }));
    Body::from_stream(stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|chunk| (chunk, receive))
    }))
}

impl Caller {
    /// Writes the answer. The answer to a well-formed request has status 200, even with errors; in
    /// the media type `application/graphql-response+json`, one without data has the status of its
    /// errors.
    pub(super) fn respond(&self, status: StatusCode, answer: &Answer) -> Response {
        self.respond_with(status, answer, json(answer, self.language).into())
    }

    /// Writes a serialized answer.
    pub(super) fn respond_written(&self, Written { answer, json }: Written) -> Response {
        self.respond_with(StatusCode::OK, &answer, json)
    }

    fn respond_with(&self, status: StatusCode, answer: &Answer, json: Bytes) -> Response {
        let status = match status {
            StatusCode::OK if never_began(answer) && self.media == Some(Media::GraphqlResponse) => {
                status_without_data(answer)
            }
            status => status,
        };
        self.record.note_errors(answer);
        let mut response = self.write(status, json);
        if let Some(seconds) = answer.errors.iter().filter_map(retry_after).max() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(denials) = Denials::of(self.subject(), &answer.errors) {
            response.extensions_mut().insert(denials);
        }
        response
    }

    /// Returns a response with JSON that is an answer, or a list of answers.
    pub(super) fn write(&self, status: StatusCode, json: impl Into<Bytes>) -> Response {
        let json: Bytes = json.into();
        self.record.note_size(json.len());
        let kind = self.media.unwrap_or(Media::Json).content_type();
        let is_large = json.len() > LARGE_BODY_BYTES;
        let about = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_LANGUAGE, self.language.tag()),
            (header::VARY, "accept-language"),
        ];
        let mut response = (status, about, json).into_response();
        let more = match status {
            StatusCode::UNAUTHORIZED => Some((header::WWW_AUTHENTICATE, "Bearer")),
            _ => None,
        };
        response
            .headers_mut()
            .extend(more.map(|(name, value)| (name, HeaderValue::from_static(value))));
        if is_large {
            response.extensions_mut().insert(IsLarge);
        }
        response
    }
}

/// Returns the list of serialized answers as JSON. Each is copied once, into its place.
pub(super) fn list(answers: &[Bytes]) -> Bytes {
    let length: usize = answers.iter().map(Bytes::len).sum();
    let mut list = Vec::with_capacity(length + answers.len() + 1);
    list.push(b'[');
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            list.push(b',');
        }
        list.extend_from_slice(answer);
    }
    list.push(b']');
    list.into()
}

/// Serializes an answer without data, or without errors, with its messages in a language. Directly,
/// since a JSON value would lose the order of the fields.
pub(super) fn json(answer: &Answer, language: Language) -> String {
    let json = if never_began(answer) {
        serde_json::to_string(&Refusal { errors: &language::localized(&answer.errors, language) })
    } else {
        serde_json::to_string(answer)
    };
    json.unwrap_or_default()
}

/// `true` if execution never began: then `data` is absent, not null.
pub(super) fn never_began(answer: &Answer) -> bool {
    answer.is_err()
        && answer.data == Value::Null
        && answer.errors.iter().all(|error| error.path.is_empty())
}

/// Returns the status of an answer without data; server errors take precedence over request errors.
fn status_without_data(answer: &Answer) -> StatusCode {
    let has = |name: &str, word: &str| {
        answer.errors.iter().any(|error| extension(error, name) == Some(&word.into()))
    };
    // A mutation that exceeded its time may still be committed: nothing is wrong with the request.
    let is_late = answer.errors.iter().any(|error| {
        extension(error, "reason") == Some(&LimitReason::LimitTime.word().into())
            && retry_after(error).is_some()
    });
    if has("code", "INTERNAL") {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if is_late || has("reason", ConflictReason::Busy.word()) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if has("code", "CONFLICT") {
        StatusCode::CONFLICT
    } else {
        StatusCode::BAD_REQUEST
    }
}

/// Returns the number of seconds before a retry, as the error states.
pub(super) fn retry_after(error: &ServerError) -> Option<u64> {
    match extension(error, "retryAfterSeconds") {
        Some(Value::Number(seconds)) => seconds.as_u64(),
        _ => None,
    }
}

/// Returns an extension of the error.
pub(super) fn extension<'e>(error: &'e ServerError, name: &str) -> Option<&'e Value> {
    error.extensions.as_ref().and_then(|extensions| extensions.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_answers_is_json() {
        let texts = |answers: &[&'static str]| {
            let answers: Vec<_> =
                answers.iter().map(|answer| Bytes::from_static(answer.as_bytes())).collect();
            list(&answers)
        };
        assert_eq!(texts(&["{}"]), "[{}]");
        assert_eq!(texts(&["{\"data\":1}", "{\"data\":2}"]), "[{\"data\":1},{\"data\":2}]");
        assert_eq!(texts(&[]), "[]");
    }
}
