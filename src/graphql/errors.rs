//! Errors as clients see them: the one place that turns the register's words into GraphQL, over the finished response.

use async_graphql::{ErrorExtensionValues, PathSegment, Response, ServerError, Value};
use std::sync::Arc;

use crate::error::Error;

/// Gives every error of a response its code, its fields and the request's id, and puts the cause of what is ours in the log.
pub fn finish(mut response: Response, request_id: &str) -> Response {
    for error in &mut response.errors {
        describe(error, request_id);
    }
    response
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
            let field = error.path.is_empty().then(|| "document".to_owned()).unwrap_or_else(|| path(error));
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
    finish(Response::from_errors(vec![refused]), request_id)
}
