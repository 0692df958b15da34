//! `samregister api`: sends a GraphQL document to the API.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
};

use clap::Args;
use serde_json::{Map, Value};

use super::{Failure, Outcome, Result, api_client::Server, json, put};
use crate::graphql::client::{VariableForm, VariableType, variable_type};

/// Send a GraphQL query or mutation to a server
///
/// Prints the response as JSON. It has what your token may see. Exits with 1 if the response has
/// errors, and lists them on stderr with their fields.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister api '{ viewer { subject roles } }'
  samregister api 'query($n: String!) { agreement(by: { number: $n }) { status termEndsOn } }' -f n=2026-0001
  samregister api --input report.graphql --variables '{\"year\": 2026}'
  samregister api --url https://register.example.se --input - < query.graphql")]
pub struct Options {
    /// GraphQL document
    #[arg(required_unless_present = "input", conflicts_with = "input")]
    query: Option<String>,
    /// File with the document; - is stdin
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Variables, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    variables: Option<Map<String, Value>>,
    /// A variable, converted to the type that the document declares; may be repeated
    #[arg(short = 'f', long = "field", value_name = "NAME=VALUE", value_parser = assignment)]
    fields: Vec<(String, String)>,
    /// Operation to execute, if the document has several
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    #[command(flatten)]
    server: Server,
}

fn object(text: &str) -> std::result::Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|cause| format!("is not a JSON object: {cause}"))
}

fn assignment(text: &str) -> std::result::Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("must be a name and a value, as year=2026")?;
    Ok((name.trim_start_matches('$').to_owned(), value.to_owned()))
}

/// Sends the document and prints the response.
///
/// # Errors
/// Fails if the document can't be read, the server can't be reached, or the response has errors.
pub async fn run(options: Options) -> Result {
    let query = match (&options.query, &options.input) {
        (Some(query), _) => query.clone(),
        (None, file) => read(file.as_ref())?,
    };
    let mut variables = options.variables.unwrap_or_default();
    for (name, value) in options.fields {
        let value = typed(variable_type(&query, &name), value);
        variables.insert(name, value);
    }
    let operation = options.operation.as_deref();
    let reply = options.server.send(&query, &Value::Object(variables), operation).await?;
    put(json(&reply.document)?)?;
    if reply.errors.is_empty() {
        Ok(Outcome::Done)
    } else {
        Err(Failure::of_response(&reply.errors))
    }
}

/// Reads the document from a file or stdin.
fn read(file: Option<&PathBuf>) -> Result<String> {
    let Some(file) = file.filter(|file| file.as_os_str() != "-") else {
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text);
        return read
            .map(|_| text)
            .map_err(|cause| Failure::new(format!("cannot read stdin: {cause}")));
    };
    fs::read_to_string(file)
        .map_err(|cause| Failure::new(format!("cannot read {}: {cause}", file.display())))
}

/// Converts the text of an option to a value of this type. A text that does not fit is sent as a
/// text, and the server reports the type that it expects.
fn typed(declared: Option<VariableType>, text: String) -> Value {
    let Some(VariableType { is_nullable, form }) = declared else { return Value::String(text) };
    if is_nullable && text == "null" {
        return Value::Null;
    }
    let is_json = match form {
        VariableForm::Number => true,
        VariableForm::Text => false,
        VariableForm::Any => text.starts_with(['{', '[', '"']),
    };
    let value = if is_json { serde_json::from_str(&text).ok() } else { None };
    value.unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_get_the_type_that_the_document_declares() {
        let query = "query Q($year: Int!, $open: Boolean, $name: String, $input: MemberAdmitInput!, $ids: [ID!]!, $sum: Money) { viewer { subject } }";
        for (name, text, value) in [
            ("year", "2026", json!(2026)),
            ("year", "x", json!("x")),
            ("open", "true", json!(true)),
            ("open", "null", Value::Null),
            ("name", "2026", json!("2026")),
            ("input", r#"{"name":"A"}"#, json!({ "name": "A" })),
            ("ids", r#"["a","b"]"#, json!(["a", "b"])),
            ("ids", "a", json!("a")),
            ("sum", "18000.00", json!("18000.00")),
            ("other", "1", json!("1")),
        ] {
            let found = typed(variable_type(query, name), text.to_owned());
            assert_eq!(found, value, "{name}={text}");
        }
    }
}
