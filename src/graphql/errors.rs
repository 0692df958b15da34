//! Errors as clients see them: the one place that turns the register's words into GraphQL, over the
//! finished response.

use std::sync::Arc;

use async_graphql::{
    ErrorExtensionValues, PathSegment, Pos, Response, ServerError, Value,
    parser::{
        parse_query,
        types::{ExecutableDocument, Selection, SelectionSet},
    },
};

use domain::{
    error::{Error, FieldError},
    idempotency::Mutations,
};

/// Gives every error of a response to the document `selected_columns` its whole path, its code, its fields and
/// the request's id, puts the cause of what is ours in the log, and the errors in the order of the
/// document and its rows: what failed first tells how long the others took.
pub fn finish(mut response: Response, selected_columns: &str, request_id: &str) -> Response {
    if response.errors.iter().all(|error| error.path.is_empty()) {
        response.errors.truncate(MAX_ERRORS);
    }
    // Before anything is made of them: each row of a long list may have one.
    let order = |error: &ServerError| (error.locations.first().copied(), rows(error));
    let omitted = response.errors.len().saturating_sub(MAX_FIELD_ERRORS);
    if omitted > 0 {
        response.errors.sort_by_cached_key(order);
        log_causes(&response.errors[MAX_FIELD_ERRORS..], request_id);
        response.errors.truncate(MAX_FIELD_ERRORS);
        response.extensions.insert("omittedErrors".to_owned(), omitted.into());
    }
    if response.errors.iter().any(|error| !error.path.is_empty())
        && let Ok(document) = parse_query(selected_columns)
    {
        response.errors.iter_mut().for_each(|error| complete_path(error, &document));
    }
    response.errors.sort_by_cached_key(order);
    for error in &mut response.errors {
        describe(error, request_id);
    }
    response
}

/// Logs the first cause of what is ours among errors that are not told.
fn log_causes(errors: &[ServerError], request_id: &str) {
    let cause = |error: &ServerError| match own(error.source.as_ref()?) {
        Some(Error::Internal(cause)) => Some(describe(&**cause)),
        _ => None,
    };
    let mut causes = errors.iter().filter_map(cause);
    if let Some(cause) = causes.next() {
        tracing::error!(
            request_id,
            cause,
            more = causes.count(),
            "a request failed in more places than its errors tell"
        );
    }
}

/// The register's own error behind one of the library's.
fn own(source: &Arc<dyn std::any::Any + Send + Sync>) -> Option<&Error> {
    source.downcast_ref::<Error>().or_else(|| source.downcast_ref::<Arc<Error>>().map(Arc::as_ref))
}

/// The places in lists on the way to an error.
fn rows(error: &ServerError) -> Vec<usize> {
    error
        .path
        .iter()
        .filter_map(
            |segment| {
                if let PathSegment::Index(position) = segment { Some(*position) } else { None }
            },
        )
        .collect()
}

/// The library cuts an error's path at the outermost list that the error leaves, but keeps where
/// the field stands in the document. The field's name is put back when it is the only one missing;
/// within two lists nobody knows the place in the inner one any more.
fn complete_path(error: &mut ServerError, document: &ExecutableDocument) {
    let Some(position) = error.locations.first() else { return };
    let names: Vec<_> =
        error
            .path
            .iter()
            .filter_map(|segment| {
                if let PathSegment::Field(name) = segment { Some(name.as_str()) } else { None }
            })
            .collect();
    let mut operations =
        document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let missing =
        operations.find_map(|selections| find_below(document, selections, &names, *position));
    error.path.extend(missing.into_iter().flatten().map(PathSegment::Field));
}

/// The response keys from the field that `names` lead to down to the field at `position`.
fn find_below(
    document: &ExecutableDocument,
    selections: &SelectionSet,
    names: &[&str],
    position: Pos,
) -> Option<Vec<String>> {
    selections.items.iter().find_map(|selection| match &selection.node {
        Selection::Field(field) => {
            let (key, below) =
                (field.node.response_key().node.as_str(), &field.node.selection_set.node);
            match names {
                [] if field.pos == position => Some(vec![key.to_owned()]),
                // An edge's node is one, never a list.
                [] if field.node.name.node == "node" => {
                    let below = find_below(document, below, names, position)?;
                    Some([vec![key.to_owned()], below].concat())
                }
                [first, rest @ ..] if *first == key => find_below(document, below, rest, position),
                _ => None,
            }
        }
        Selection::InlineFragment(inline) => {
            find_below(document, &inline.node.selection_set.node, names, position)
        }
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
            find_below(document, &fragment.node.selection_set.node, names, position)
        }
    })
}

fn describe(error: &mut ServerError, request_id: &str) {
    let source = error.source.take();
    let own = source.as_ref().and_then(own);
    let mut extensions = error.extensions.take().unwrap_or_default();
    match own {
        Some(own) => {
            error.message = own.to_string();
            extensions.set("code", own.code());
            if let Some(seconds) = own.retry_after_seconds() {
                extensions.set("retryAfterSeconds", seconds);
            }
            say_more(own, &mut extensions);
            if let Error::Internal(cause) = own {
                let path = path(error);
                tracing::error!(request_id, path, cause = describe(&**cause), "a request failed");
            }
        }
        // The library's own: the document or a variable does not fit the schema.
        None if extensions.get("code").is_none() => {
            extensions.set("code", "INVALID");
            // Its words sometimes end with a full stop; those of one sentence here do not.
            error.message.truncate(error.message.trim_end_matches('.').len());
            let field = if error.path.is_empty() { "document".to_owned() } else { path(error) };
            extensions.set(
                "fields",
                fields(&[FieldError { path: field, message: error.message.clone() }]),
            );
        }
        None => {}
    }
    extensions.set("requestId", request_id);
    error.extensions = Some(extensions);
}

/// A cause and what caused it, as they say it themselves: what else they hold, as the values of a
/// row that a constraint refused, may be somebody's name or a secret.
fn describe(cause: &(dyn std::error::Error + Send + Sync)) -> String {
    let first: &dyn std::error::Error = cause;
    let mut said: Vec<String> = std::iter::successors(Some(first), |cause| cause.source())
        .map(ToString::to_string)
        .collect();
    // Most say their source's words after their own.
    said.dedup_by(|later, earlier| earlier.ends_with(later.as_str()));
    said.join(": ")
}

fn say_more(own: &Error, extensions: &mut ErrorExtensionValues) {
    match own {
        Error::Invalid(errors) => extensions.set("fields", fields(errors)),
        Error::Limit { reason, error, exceeded } => {
            extensions.set("reason", *reason);
            extensions.set("fields", fields(std::slice::from_ref(error)));
            let limits = exceeded.iter().map(|(limit, found, most)| {
                object([
                    ("limit", Value::from(*limit)),
                    ("found", Value::from(*found)),
                    ("most", Value::from(*most)),
                ])
            });
            if !exceeded.is_empty() {
                extensions.set("limits", Value::List(limits.collect()));
            }
        }
        Error::Conflict { reason, .. } | Error::Throttled { reason, .. } => {
            extensions.set("reason", *reason)
        }
        Error::Retained { may_go_from, .. } => {
            extensions.set("reason", "RETAINED");
            extensions
                .set("mayGoFrom", may_go_from.map_or(Value::Null, |day| day.to_string().into()));
        }
        Error::Unauthenticated(_)
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Internal(_) => {}
    }
}

fn fields(errors: &[FieldError]) -> Value {
    Value::List(
        errors
            .iter()
            .map(|error| {
                object([
                    ("path", error.path.clone().into()),
                    ("message", error.message.clone().into()),
                ])
            })
            .collect(),
    )
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(
        pairs.into_iter().map(|(name, value)| (async_graphql::Name::new(name), value)).collect(),
    )
}

/// The faults of a document that are told, the first: each may be many times as long as what it is
/// about.
const MAX_ERRORS: usize = 50;
/// The errors of fields that are told, the first in the order of the document and its rows.
const MAX_FIELD_ERRORS: usize = 500;

/// Takes the names that the library proposes out of its errors, for a server that does not tell its
/// schema.
pub fn hide_suggestions(response: &mut Response) {
    for error in response.errors.iter_mut().filter(|error| error.source.is_none()) {
        if let Some(position) = error.message.find(" Did you mean") {
            error.message.truncate(position);
        }
    }
}

/// Lists the mutations that were committed although the response has no data: under `done` in the
/// extensions of the response, and in those of each error, which is what many clients show of it
/// alone.
pub fn set_done(response: &mut Response, mutations: &Mutations) {
    let committed = mutations.committed();
    if response.errors.is_empty() || response.data != Value::Null || committed.is_empty() {
        return;
    }
    let done = Value::from_iter(committed);
    for error in &mut response.errors {
        error.extensions.get_or_insert_default().set("done", done.clone());
    }
    response.extensions.insert("done".to_owned(), done);
}

/// Says in every error after how many seconds a retry is worth while.
pub fn set_retry_after(response: &mut Response, seconds: u32) {
    for error in &mut response.errors {
        error.extensions.get_or_insert_default().set("retryAfterSeconds", seconds);
    }
}

fn path(error: &ServerError) -> String {
    let segments = error.path.iter().map(|segment| match segment {
        PathSegment::Field(name) => name.clone(),
        PathSegment::Index(position) => position.to_string(),
    });
    segments.collect::<Vec<_>>().join(".")
}

/// A response with one error and no data, for what fails before anything is executed.
#[must_use]
pub fn refused(error: Error, request_id: &str) -> Response {
    let mut refused = ServerError::new(error.to_string(), None);
    refused.source = Some(Arc::new(error));
    finish(Response::from_errors(vec![refused]), "", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a database says, and what it holds beside: the row.
    #[derive(Debug)]
    #[expect(dead_code, reason = "it is only shown")]
    struct Broken {
        row: &'static str,
    }

    impl std::fmt::Display for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a constraint is broken")
        }
    }

    impl std::error::Error for Broken {}

    #[test]
    fn the_log_has_the_words_of_a_cause_and_not_what_it_holds() {
        let outer = std::io::Error::other(Broken { row: "hanna@example.se" });
        assert!(format!("{outer:?}").contains("hanna"));
        assert_eq!(describe(&outer), "a constraint is broken");
    }
}
