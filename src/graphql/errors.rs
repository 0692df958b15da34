//! Errors as clients see them: the one place that turns the register's words into GraphQL, over the finished response.

use std::sync::Arc;

use async_graphql::{
    ErrorExtensionValues, PathSegment, Pos, Response, ServerError, Value,
    parser::{
        parse_query,
        types::{ExecutableDocument, Selection, SelectionSet},
    },
};

use crate::error::Error;

/// Gives every error of a response to the document `asked` its whole path, its code, its fields and the request's id, and puts the
/// cause of what is ours in the log.
pub fn finish(mut response: Response, asked: &str, request_id: &str) -> Response {
    if response.errors.iter().any(|error| !error.path.is_empty())
        && let Ok(document) = parse_query(asked)
    {
        response.errors.iter_mut().for_each(|error| complete_path(error, &document));
    }
    for error in &mut response.errors {
        describe(error, request_id);
    }
    response
}

/// The library cuts an error's path at the outermost list that the error leaves, but keeps where the field stands in the document. The
/// field's name is put back when it is the only one missing; within two lists nobody knows the place in the inner one any more.
fn complete_path(error: &mut ServerError, document: &ExecutableDocument) {
    let Some(place) = error.locations.first() else { return };
    let names: Vec<_> =
        error.path.iter().filter_map(|segment| if let PathSegment::Field(name) = segment { Some(name.as_str()) } else { None }).collect();
    let mut operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let missing = operations.find_map(|selections| find_below(document, selections, &names, *place));
    error.path.extend(missing.into_iter().flatten().map(PathSegment::Field));
}

/// The response keys from the field that `names` lead to down to the field at `place`.
fn find_below(document: &ExecutableDocument, selections: &SelectionSet, names: &[&str], place: Pos) -> Option<Vec<String>> {
    selections.items.iter().find_map(|selection| match &selection.node {
        Selection::Field(field) => {
            let (key, below) = (field.node.response_key().node.as_str(), &field.node.selection_set.node);
            match names {
                [] if field.pos == place => Some(vec![key.to_owned()]),
                // An edge's node is one, never a list.
                [] if field.node.name.node == "node" => {
                    let below = find_below(document, below, names, place)?;
                    Some([vec![key.to_owned()], below].concat())
                }
                [first, rest @ ..] if *first == key => find_below(document, below, rest, place),
                _ => None,
            }
        }
        Selection::InlineFragment(inline) => find_below(document, &inline.node.selection_set.node, names, place),
        Selection::FragmentSpread(spread) => {
            let fragment = document.fragments.get(&spread.node.fragment_name.node)?;
            find_below(document, &fragment.node.selection_set.node, names, place)
        }
    })
}

fn describe(error: &mut ServerError, request_id: &str) {
    let source = error.source.take();
    let own =
        source.as_ref().and_then(|source| source.downcast_ref::<Error>().or_else(|| source.downcast_ref::<Arc<Error>>().map(Arc::as_ref)));
    let mut extensions = error.extensions.take().unwrap_or_default();
    match own {
        Some(own) => {
            error.message = own.to_string();
            extensions.set("code", own.code());
            say_more(own, &mut extensions);
            if let Error::Internal(cause) = own {
                let path = path(error);
                tracing::error!(request_id, path, cause = ?cause, "a request failed");
            }
        }
        // The library's own: the document or a variable does not fit the schema.
        None if extensions.get("code").is_none() => {
            extensions.set("code", "INVALID");
            // Its words end now with a full stop and now without one; ours never do.
            error.message.truncate(error.message.trim_end_matches('.').len());
            let field = if error.path.is_empty() { "document".to_owned() } else { path(error) };
            let fault = Value::Object(
                [(async_graphql::Name::new("path"), field.into()), (async_graphql::Name::new("message"), error.message.clone().into())]
                    .into_iter()
                    .collect(),
            );
            extensions.set("fields", Value::List(vec![fault]));
        }
        None => {}
    }
    extensions.set("requestId", request_id);
    error.extensions = Some(extensions);
}

fn say_more(own: &Error, extensions: &mut ErrorExtensionValues) {
    match own {
        Error::Invalid(faults) => {
            let faults = faults.iter().map(|fault| {
                let pairs = [("path", fault.path.clone()), ("message", fault.message.clone())];
                Value::Object(pairs.into_iter().map(|(name, text)| (async_graphql::Name::new(name), text.into())).collect())
            });
            extensions.set("fields", Value::List(faults.collect()));
        }
        Error::Conflict { reason, .. } => extensions.set("reason", *reason),
        Error::Unauthenticated(_) | Error::Forbidden(_) | Error::NotFound(_) | Error::Internal(_) => {}
    }
}

fn path(error: &ServerError) -> String {
    let segments = error.path.iter().map(|segment| match segment {
        PathSegment::Field(name) => name.clone(),
        PathSegment::Index(place) => place.to_string(),
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
