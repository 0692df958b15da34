//! GraphQL errors: converts the errors of a finished response to messages, codes and extensions.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{
    ErrorExtensionValues, Name, PathSegment, Pos, Response, ServerError, Value,
    indexmap::IndexMap,
    parser::{
        parse_query,
        types::{ExecutableDocument, Selection, SelectionSet},
    },
};

use super::library_errors;
use domain::{
    codes::{Code, ErrorCode},
    error::{ConflictReason, Error, FieldError, Origin},
    idempotency::Mutations,
};

/// Completes every error of a response: path, code, fields and request id. Sorts the errors by
/// position in the document and row, so that their order does not reveal which failed first. Logs
/// the causes of internal errors.
pub fn finish(mut response: Response, document_text: &str, request_id: &str) -> Response {
    remove_repeated_items(&mut response.errors);
    if response.errors.iter().all(|error| error.path.is_empty()) {
        response.errors.truncate(MAX_ERRORS);
    }
    // First, to bound the work: each row of a long list may have an error.
    let order = |error: &ServerError| (error.locations.first().copied(), rows(error));
    let omitted = response.errors.len().saturating_sub(MAX_FIELD_ERRORS);
    if omitted > 0 {
        response.errors.sort_by_cached_key(order);
        log_causes(&response.errors[MAX_FIELD_ERRORS..], request_id);
        response.errors.truncate(MAX_FIELD_ERRORS);
        response.extensions.insert("omittedErrors".to_owned(), omitted.into());
    }
    let has_paths = response.errors.iter().any(|error| !error.path.is_empty());
    let document = has_paths.then(|| parse_query(document_text).ok()).flatten();
    if let Some(document) = &document {
        response.errors.iter_mut().for_each(|error| complete_path(error, document));
    }
    response.errors.sort_by_cached_key(order);
    // Two rules of the library report the same part of a document.
    response.errors.dedup_by(|later, earlier| {
        later.path.is_empty()
            && later.source.is_none()
            && (&later.message, &later.locations) == (&earlier.message, &earlier.locations)
    });
    for error in &mut response.errors {
        describe(error, document.as_ref(), request_id);
    }
    response
}

/// Leaves the first error of each item of a bulk mutation. Merged fields are one mutation, but the
/// library executes each of them, and each reports the items that fail.
fn remove_repeated_items(errors: &mut Vec<ServerError>) {
    let mut reported = HashSet::new();
    errors.retain(|error| {
        let item = error.extensions.as_ref().and_then(|extensions| extensions.get("item"));
        match (error.path.first(), item) {
            (Some(PathSegment::Field(mutation)), Some(item)) => {
                reported.insert((mutation.clone(), item.to_string()))
            }
            _ => true,
        }
    });
}

/// Logs the first internal cause among errors that are left out of the response.
fn log_causes(errors: &[ServerError], request_id: &str) {
    let cause = |error: &ServerError| match own(error.source.as_ref()?) {
        Some(Error::Internal(cause)) => Some(describe_cause(&**cause)),
        _ => None,
    };
    let mut causes = errors.iter().filter_map(cause);
    if let Some(cause) = causes.next() {
        tracing::error!(
            request_id,
            cause,
            more = causes.count(),
            "a request failed in more fields than its errors report"
        );
    }
}

/// Returns the domain error behind one of the library's.
fn own(source: &Arc<dyn std::any::Any + Send + Sync>) -> Option<&Error> {
    source.downcast_ref::<Error>().or_else(|| source.downcast_ref::<Arc<Error>>().map(Arc::as_ref))
}

/// Returns the list indexes in the path of an error.
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

/// Adds the name of the failed field to an error's path. The library cuts the path at the outermost
/// list that the error leaves, but retains the field's position in the document. Within two lists
/// the index in the inner one is lost.
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

/// Returns the response keys from the field that `names` lead to down to the field at `position`.
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
                // An edge's node is a single object, never a list.
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

fn describe(error: &mut ServerError, document: Option<&ExecutableDocument>, request_id: &str) {
    let source = error.source.take();
    let own = source.as_ref().and_then(own).cloned().map(with_api_names);
    let mut extensions = error.extensions.clone().unwrap_or_default();
    match &own {
        Some(own) => {
            error.message = own.to_string();
            extensions.set("code", own.code().word());
            if let Some(seconds) = own.retry_after_seconds() {
                extensions.set("retryAfterSeconds", seconds);
            }
            add_extensions(own, &mut extensions);
            if let Error::Internal(cause) = own {
                let path = path(error);
                tracing::error!(
                    request_id,
                    path,
                    cause = describe_cause(&**cause),
                    "a request failed"
                );
            }
        }
        // An error of the library: the document or a variable does not fit the schema.
        None if extensions.get("code").is_none() => {
            // Drops the extensions that a scalar passed through the library.
            extensions = ErrorExtensionValues::default();
            extensions.set("code", ErrorCode::Invalid.word());
            // Some messages of the library end with a full stop; one-sentence messages here do not.
            error.message.truncate(error.message.trim_end_matches('.').len());
            let field = library_errors::field(error, document, path(error));
            if field.message != error.message {
                error.message = format!("{} {}", field.path, field.message);
            }
            extensions.set("fields", fields(&[field]));
        }
        None => {}
    }
    extensions.set("requestId", request_id);
    error.extensions = Some(extensions);
}

/// Joins the messages of a cause and its sources. Uses `Display`, since `Debug` may show values, as
/// those of a row that a constraint refused: personal data or a secret.
fn describe_cause(cause: &(dyn std::error::Error + Send + Sync)) -> String {
    let first: &dyn std::error::Error = cause;
    let mut messages: Vec<String> = std::iter::successors(Some(first), |cause| cause.source())
        .map(ToString::to_string)
        .collect();
    // Most messages repeat that of their source.
    messages.dedup_by(|later, earlier| earlier.ends_with(later.as_str()));
    messages.join(": ")
}

fn add_extensions(own: &Error, extensions: &mut ErrorExtensionValues) {
    match own {
        Error::Invalid(errors) => extensions.set("fields", fields(errors)),
        Error::Limit { reason, error, exceeded } => {
            extensions.set("reason", reason.word());
            extensions.set("fields", fields(std::slice::from_ref(error)));
            let limits = exceeded.iter().map(|(limit, actual, max)| {
                object([
                    ("limit", Value::from(limit.word())),
                    ("actual", Value::from(*actual)),
                    ("max", Value::from(*max)),
                ])
            });
            if !exceeded.is_empty() {
                extensions.set("limits", Value::List(limits.collect()));
            }
        }
        Error::Conflict { reason, agreements, .. } => {
            extensions.set("reason", reason.word());
            if !agreements.is_empty() {
                let numbers = agreements.iter().map(|number| Value::from(number.as_str()));
                extensions.set("agreements", Value::List(numbers.collect()));
            }
        }
        Error::Throttled { reason, .. } => extensions.set("reason", reason.word()),
        Error::Retained { erasable_from, .. } => {
            extensions.set("reason", ConflictReason::Retained.word());
            extensions.set(
                "erasableFrom",
                erasable_from.map_or(Value::Null, |day| day.to_string().into()),
            );
        }
        Error::NotFound(missing) => {
            if let Some(field) = missing.field() {
                extensions.set("fields", fields(&[field]));
            }
        }
        Error::Unauthenticated(_) | Error::Forbidden(_) | Error::Internal(_) => {}
    }
}

fn fields(errors: &[FieldError]) -> Value {
    Value::List(errors.iter().map(field).collect())
}

fn field(error: &FieldError) -> Value {
    let mut parts: IndexMap<Name, Value> = IndexMap::from([
        (Name::new("path"), error.path.as_str().into()),
        (Name::new("code"), error.code.word().into()),
        (Name::new("message"), error.message.as_str().into()),
    ]);
    let values = error.values.iter();
    parts.extend(values.map(|(name, value)| (Name::new(*name), library_errors::json(value))));
    Value::Object(parts)
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Object(pairs.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
}

/// Maximum of reported errors of a document: each may be many times as long as the part that it is
/// about.
const MAX_ERRORS: usize = 50;
/// Maximum of reported errors of fields, the first in the order of the document and its rows.
const MAX_FIELD_ERRORS: usize = 500;

/// Removes the names that the library suggests from its errors, for a server that does not publish
/// its schema.
pub fn hide_suggestions(response: &mut Response) {
    for error in response.errors.iter_mut().filter(|error| error.source.is_none()) {
        if let Some(position) = error.message.find(" Did you mean") {
            error.message.truncate(position);
        }
    }
}

/// Lists the committed mutations of a response with errors: under `done` in the extensions of the
/// response, and in those of each error, since many clients show only these.
pub fn set_done(response: &mut Response, mutations: &Mutations) {
    let committed = mutations.committed();
    if response.errors.is_empty() || committed.is_empty() {
        return;
    }
    let done = Value::from_iter(committed);
    for error in &mut response.errors {
        error.extensions.get_or_insert_default().set("done", done.clone());
    }
    response.extensions.insert("done".to_owned(), done);
}

/// Adds to every error the number of seconds after which a retry is worthwhile.
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

/// Returns an error of a rule whose input is the argument `input` of the field: the paths of its
/// fields are below `input`.
#[must_use]
pub fn within_input(error: Error) -> Error {
    error.map_fields(|field| match field.origin {
        Origin::Input => FieldError { path: field_path_below_input(&field.path), ..field },
        Origin::Filter | Origin::Record | Origin::Setting | Origin::Request => field,
    })
}

fn field_path_below_input(path: &str) -> String {
    if path.is_empty() { "input".to_owned() } else { format!("input.{path}") }
}

/// Returns the error with the names of the API in the paths of its fields.
fn with_api_names(error: Error) -> Error {
    error.map_fields(|field| match field.origin {
        Origin::Input | Origin::Record => FieldError { path: api_path(&field.path), ..field },
        Origin::Filter => FieldError { path: format!("filter.{}", api_path(&field.path)), ..field },
        Origin::Setting | Origin::Request => field,
    })
}

/// Returns the path of a field as the API has it: `input.lines.2.unitPrice` for
/// `input.lines[2].unit_price`. A key in brackets stays as it is; it ends the path.
fn api_path(path: &str) -> String {
    let (mut written, mut rest) = (String::with_capacity(path.len()), path);
    while let Some((names, inner)) = rest.split_once('[') {
        let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
        let is_index = digits > 0 && inner[digits..].starts_with(']');
        let end = if is_index { digits } else { inner.rfind(']').unwrap_or(inner.len()) };
        written += &camel_case(names);
        written.push('.');
        written += &inner[..end];
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    written + &camel_case(rest)
}

/// Returns names of Rust fields as the schema has them: `unitPrice` for `unit_price`.
fn camel_case(names: &str) -> String {
    let mut is_start = false;
    names
        .chars()
        .filter_map(|char| {
            let is_capital = std::mem::replace(&mut is_start, char == '_');
            match char {
                '_' => None,
                char if is_capital => Some(char.to_ascii_uppercase()),
                char => Some(char),
            }
        })
        .collect()
}

/// Creates a response with one error and no data, for failures before execution.
#[must_use]
pub fn refused(error: Error, request_id: &str) -> Response {
    let mut refused = ServerError::new(error.to_string(), None);
    refused.source = Some(Arc::new(error));
    finish(Response::from_errors(vec![refused]), "", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error whose `Debug` output shows a row, and whose message does not.
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
    fn paths_have_the_names_of_the_schema() {
        for (path, expected) in [
            ("", "input"),
            ("reason", "input.reason"),
            ("document_sha256", "input.documentSha256"),
            ("lines[2].unit_price", "input.lines.2.unitPrice"),
            ("from[10]", "input.from.10"),
            ("version.parameters[0].name", "input.version.parameters.0.name"),
            ("parameters[days_of_notice]", "input.parameters.days_of_notice"),
            ("parameters[a]b_c]", "input.parameters.a]b_c"),
            ("parameters[\u{e5}_\u{e4}", "input.parameters.\u{e5}_\u{e4}"),
        ] {
            let Error::Invalid(found) =
                with_api_names(within_input(Error::invalid(path, "is bad")))
            else {
                unreachable!("it names a field")
            };
            assert_eq!(found[0].path, expected);
        }
        for (origin, path, expected) in [
            (Origin::Record, "invoice.lines[0].vat_rate", "invoice.lines.0.vatRate"),
            (Origin::Setting, "network.org_number", "network.org_number"),
            (Origin::Request, "idempotency-key", "idempotency-key"),
        ] {
            let error = Error::invalid_of(origin, path, "is bad");
            let Error::Invalid(found) = with_api_names(within_input(error)) else {
                unreachable!("it names a field")
            };
            assert_eq!(found[0].path, expected);
        }
    }

    #[test]
    fn the_log_has_the_words_of_a_cause_and_not_what_it_holds() {
        let outer = std::io::Error::other(Broken { row: "hanna@example.se" });
        assert!(format!("{outer:?}").contains("hanna"));
        assert_eq!(describe_cause(&outer), "a constraint is broken");
    }
}
