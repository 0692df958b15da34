//! Parsing of GraphQL requests from a URL or a body; errors name every invalid part.

use std::{borrow::Cow, str};

use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use domain::error::{Error, FieldErrorCode, LimitReason, Result, ValidationErrors};

/// Parameters of a GraphQL request. Null and an empty text in a URL count as omitted.
#[derive(Debug, Default)]
pub struct GraphqlRequest {
    /// The document.
    pub query: Option<String>,
    /// Id of a persisted document.
    pub document_id: Option<String>,
    /// Name of the operation to execute.
    pub operation_name: Option<String>,
    /// Its variables.
    pub variables: Variables,
    /// Extensions of the request; the server reads `persistedQuery`.
    pub extensions: Map<String, Value>,
}

/// Content of a body.
#[derive(Debug)]
pub enum Body {
    /// One request.
    One(GraphqlRequest),
    /// A batch, executed in order.
    Batch(Vec<GraphqlRequest>),
}

/// Parts of a request as raw JSON; unknown parts are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
struct Parts<'b> {
    #[serde(borrow)]
    query: Option<&'b RawValue>,
    #[serde(borrow)]
    document_id: Option<&'b RawValue>,
    #[serde(borrow)]
    operation_name: Option<&'b RawValue>,
    #[serde(borrow)]
    variables: Option<&'b RawValue>,
    #[serde(borrow)]
    extensions: Option<&'b RawValue>,
}

impl Body {
    /// Parses a JSON body; a list is a batch of at most `most`.
    ///
    /// # Errors
    /// INVALID naming every invalid part, or the position of a syntax error.
    pub fn read(bytes: &[u8], most: usize) -> Result<Self> {
        let text = str::from_utf8(bytes).map_err(|_| {
            Error::invalid("body", FieldErrorCode::Unreadable.problem("is not UTF-8"))
        })?;
        if !text.trim_start().starts_with('[') {
            let mut errors = ValidationErrors::default();
            let request = GraphqlRequest::read(
                &serde_json::from_str(text).map_err(|error| unreadable(&error))?,
                "",
                &mut errors,
            );
            errors.finish()?;
            return Ok(Self::One(request));
        }
        if most == 0 {
            return Err(Error::limit(
                LimitReason::LimitBatch,
                "body",
                "The body is a batch of documents, and batches are off on this server. Send each document in a separate request.",
            ));
        }
        let parts: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        if parts.is_empty() || parts.len() > most {
            return Err(Error::limit(
                LimitReason::LimitBatch,
                "body",
                format!(
                    "The body is a batch of {} documents; 1 to {most} are allowed. Send them in several requests.",
                    parts.len()
                ),
            ));
        }
        let (mut errors, mut batch) = (ValidationErrors::default(), Vec::new());
        for (position, part) in parts.into_iter().map(RawValue::get).enumerate() {
            // The parser would accept a list as the parts in order.
            let parts = Some(part)
                .filter(|part| part.starts_with('{'))
                .and_then(|part| serde_json::from_str(part).ok());
            match parts {
                Some(parts) => {
                    batch.push(GraphqlRequest::read(&parts, &format!("{position}."), &mut errors))
                }
                None => errors.add(
                    position.to_string(),
                    FieldErrorCode::WrongType.problem("must be a JSON object"),
                ),
            }
        }
        errors.finish()?;
        Ok(Self::Batch(batch))
    }
}

impl GraphqlRequest {
    fn read(parts: &Parts<'_>, at: &str, errors: &mut ValidationErrors) -> Self {
        let mut text = |name: &str, part: Option<&RawValue>| -> Option<String> {
            let text = serde_json::from_str(part?.get())
                .map_err(|_| FieldErrorCode::WrongType.problem("must be a text"));
            Some(errors.take(&format!("{at}{name}"), text))
        };
        let query = text("query", parts.query);
        let document_id = text("documentId", parts.document_id);
        let operation_name = text("operationName", parts.operation_name);
        let request = Self { query, document_id, operation_name, ..Self::default() };
        request.with(
            parts.variables.map(RawValue::get),
            parts.extensions.map(RawValue::get),
            at,
            errors,
        )
    }

    /// `true` if the request names no persisted document, so that its text alone determines the
    /// document.
    #[must_use]
    pub fn is_self_contained(&self) -> bool {
        self.query.is_some()
            && self.document_id.is_none()
            && !self.extensions.contains_key("persistedQuery")
    }

    /// Parses the payload of an operation on a WebSocket.
    ///
    /// # Errors
    /// INVALID naming every invalid part.
    pub fn of_payload(payload: &str) -> Result<Self> {
        let mut errors = ValidationErrors::default();
        let request = Self::read(
            &serde_json::from_str(payload).map_err(|error| unreadable(&error))?,
            "",
            &mut errors,
        );
        errors.finish()?;
        Ok(request)
    }

    /// Parses the query parameters of a URL.
    ///
    /// # Errors
    /// INVALID naming every invalid part.
    pub fn of_address(parameters: Vec<(String, String)>) -> Result<Self> {
        let (mut errors, mut request) = (ValidationErrors::default(), Self::default());
        let (mut variables, mut extensions) = (None, None);
        for (name, value) in parameters {
            let part = match name.as_str() {
                "query" => &mut request.query,
                "documentId" => &mut request.document_id,
                "operationName" => &mut request.operation_name,
                "variables" => &mut variables,
                "extensions" => &mut extensions,
                _ => continue,
            };
            if part.is_some() {
                errors.add(
                    "address",
                    FieldErrorCode::Duplicate.problem(format!("gives {name} twice")),
                );
            }
            *part = Some(value).filter(|value| !value.is_empty());
        }
        let given = |text: &Option<String>| {
            text.clone().filter(|text| text.trim() != "null").map(Cow::Owned)
        };
        let (variables, extensions): (Option<Cow<'_, str>>, Option<Cow<'_, str>>) =
            (given(&variables), given(&extensions));
        let request = request.with(variables.as_deref(), extensions.as_deref(), "", &mut errors);
        errors.finish()?;
        Ok(request)
    }

    /// Adds these parts from JSON, and records an error if the request names no document.
    fn with(
        mut self,
        variables: Option<&str>,
        extensions: Option<&str>,
        at: &str,
        errors: &mut ValidationErrors,
    ) -> Self {
        const OBJECT: &str = "must be a JSON object";
        // The library would accept an empty list.
        let object = |text: &&str| text.trim_start().starts_with('{');
        if let Some(text) = variables {
            let read = Some(text)
                .filter(object)
                .and_then(|text| serde_json::from_str(text).ok())
                .ok_or_else(|| FieldErrorCode::WrongType.problem(OBJECT));
            self.variables = errors.take(&format!("{at}variables"), read);
        }
        if let Some(text) = extensions {
            self.extensions = errors.take(
                &format!("{at}extensions"),
                serde_json::from_str(text).map_err(|_| FieldErrorCode::WrongType.problem(OBJECT)),
            );
        }
        let is_named = self.query.is_some()
            || self.document_id.is_some()
            || self.extensions.contains_key("persistedQuery");
        errors.expect(
            is_named,
            &format!("{at}query"),
            FieldErrorCode::Required.problem("is missing"),
        );
        self
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    let position = format!("line {}, column {}", error.line(), error.column());
    Error::invalid(
        "body",
        FieldErrorCode::Unreadable.problem(format!(
            "is not a GraphQL request in JSON ({position}); write {{\"query\": \"…\", \"variables\": {{…}}}}"
        )),
    )
}
