//! What a request asks, read from its address or its body: every part that makes no sense is named.

use std::{borrow::Cow, str};

use async_graphql::Variables;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use domain::error::{Error, Result, ValidationErrors};

/// What one document's request asks. Null and an empty text in an address are as if left out.
#[derive(Debug, Default)]
pub struct GraphqlRequest {
    /// The document.
    pub query: Option<String>,
    /// The id of a document that the server has.
    pub document_id: Option<String>,
    /// Which of the document's operations.
    pub operation_name: Option<String>,
    /// Its variables.
    pub variables: Variables,
    /// What else the client says; of it the server reads `persistedQuery`.
    pub extensions: Map<String, Value>,
}

/// What a body asks.
#[derive(Debug)]
pub enum Body {
    /// One document.
    One(GraphqlRequest),
    /// Several, to be answered in their order.
    Batch(Vec<GraphqlRequest>),
}

/// A request's parts as they stand in its JSON; others are left alone.
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
    /// Reads a body of JSON; a list is a batch of at most `most`.
    ///
    /// # Errors
    /// INVALID naming every part that is wrong, or where the JSON ends to make sense.
    pub fn read(bytes: &[u8], most: usize) -> Result<Self> {
        let text = str::from_utf8(bytes).map_err(|_| Error::invalid("body", "is not UTF-8"))?;
        if !text.trim_start().starts_with('[') {
            let mut errors = ValidationErrors::default();
            let asked = GraphqlRequest::read(
                &serde_json::from_str(text).map_err(|error| unreadable(&error))?,
                "",
                &mut errors,
            );
            errors.finish()?;
            return Ok(Self::One(asked));
        }
        if most == 0 {
            return Err(Error::limit(
                "LIMIT_BATCH",
                "body",
                "The body is a list of documents, and lists are off on this server. Send each document in a request of its own.",
            ));
        }
        let parts: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        if parts.is_empty() || parts.len() > most {
            return Err(Error::limit(
                "LIMIT_BATCH",
                "body",
                format!(
                    "The body is a list of {} documents; 1 to {most} are allowed. Send them in several requests.",
                    parts.len()
                ),
            ));
        }
        let (mut errors, mut batch) = (ValidationErrors::default(), Vec::new());
        for (position, part) in parts.into_iter().map(RawValue::get).enumerate() {
            // The reader would take a list for the parts in their order.
            let parts = Some(part)
                .filter(|part| part.starts_with('{'))
                .and_then(|part| serde_json::from_str(part).ok());
            match parts {
                Some(parts) => {
                    batch.push(GraphqlRequest::read(&parts, &format!("{position}."), &mut errors))
                }
                None => errors.add(position.to_string(), "must be a JSON object"),
            }
        }
        errors.finish()?;
        Ok(Self::Batch(batch))
    }
}

impl GraphqlRequest {
    fn read(parts: &Parts<'_>, at: &str, errors: &mut ValidationErrors) -> Self {
        let mut text = |name: &str, part: Option<&RawValue>| -> Option<String> {
            let text = serde_json::from_str(part?.get()).map_err(|_| "must be a text");
            Some(errors.take(&format!("{at}{name}"), text))
        };
        let query = text("query", parts.query);
        let document_id = text("documentId", parts.document_id);
        let operation_name = text("operationName", parts.operation_name);
        let asked = Self { query, document_id, operation_name, ..Self::default() };
        asked.with(
            parts.variables.map(RawValue::get),
            parts.extensions.map(RawValue::get),
            at,
            errors,
        )
    }

    /// Reads the payload of a socket's operation.
    ///
    /// # Errors
    /// INVALID naming every part that is wrong.
    pub fn of_payload(payload: &str) -> Result<Self> {
        let mut errors = ValidationErrors::default();
        let asked = Self::read(
            &serde_json::from_str(payload).map_err(|error| unreadable(&error))?,
            "",
            &mut errors,
        );
        errors.finish()?;
        Ok(asked)
    }

    /// Reads the parameters of an address.
    ///
    /// # Errors
    /// INVALID naming every part that is wrong.
    pub fn of_address(parameters: Vec<(String, String)>) -> Result<Self> {
        let (mut errors, mut asked) = (ValidationErrors::default(), Self::default());
        let (mut variables, mut extensions) = (None, None);
        for (name, value) in parameters {
            let part = match name.as_str() {
                "query" => &mut asked.query,
                "documentId" => &mut asked.document_id,
                "operationName" => &mut asked.operation_name,
                "variables" => &mut variables,
                "extensions" => &mut extensions,
                _ => continue,
            };
            if part.is_some() {
                errors.add("address", format!("gives {name} twice"));
            }
            *part = Some(value).filter(|value| !value.is_empty());
        }
        let given = |text: &Option<String>| {
            text.clone().filter(|text| text.trim() != "null").map(Cow::Owned)
        };
        let (variables, extensions): (Option<Cow<'_, str>>, Option<Cow<'_, str>>) =
            (given(&variables), given(&extensions));
        let asked = asked.with(variables.as_deref(), extensions.as_deref(), "", &mut errors);
        errors.finish()?;
        Ok(asked)
    }

    /// With these two parts in JSON, and a fault for a request that names no document at all.
    fn with(
        mut self,
        variables: Option<&str>,
        extensions: Option<&str>,
        at: &str,
        errors: &mut ValidationErrors,
    ) -> Self {
        const OBJECT: &str = "must be a JSON object";
        // A list would do for the library, as long as it is empty.
        let object = |text: &&str| text.trim_start().starts_with('{');
        if let Some(text) = variables {
            let read = Some(text)
                .filter(object)
                .and_then(|text| serde_json::from_str(text).ok())
                .ok_or(OBJECT);
            self.variables = errors.take(&format!("{at}variables"), read);
        }
        if let Some(text) = extensions {
            self.extensions = errors
                .take(&format!("{at}extensions"), serde_json::from_str(text).map_err(|_| OBJECT));
        }
        let is_named = self.query.is_some()
            || self.document_id.is_some()
            || self.extensions.contains_key("persistedQuery");
        errors.expect(is_named, &format!("{at}query"), "is missing");
        self
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    let position = format!("line {}, column {}", error.line(), error.column());
    Error::invalid(
        "body",
        format!(
            "is not a GraphQL request in JSON ({position}); write {{\"query\": \"…\", \"variables\": {{…}}}}"
        ),
    )
}
