//! Failures of commands: lines for people on stderr, or one JSON document for programs.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use sea_orm::DbErr;
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::query_parameters::name_of;
use domain::error::{ConflictReason, Error, FieldError, Origin};

/// Result of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command is done.
    Done,
    /// A check found something.
    Found,
}

impl Outcome {
    /// Returns the outcome of a list, which may be a check.
    pub(super) fn of_list<T>(is_check: bool, found: &[T]) -> Self {
        if is_check && !found.is_empty() { Self::Found } else { Self::Done }
    }
}

/// Result of a command.
pub type Result<T = Outcome> = std::result::Result<T, Failure>;

/// Failure of a command: a line for each error.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Lines for people.
    pub(super) lines: Vec<String>,
    /// Exit code.
    pub(super) code: u8,
    /// The error for programs, without its message.
    error: Box<ErrorCodes>,
}

/// Codes of an error.
#[derive(Clone, Debug, Default)]
struct ErrorCodes {
    /// Code of the error, as the API has it; or USAGE or FAILED.
    code: String,
    /// Reason of a conflict or of an exceeded limit.
    reason: Option<String>,
    /// Invalid fields with path, code and message.
    fields: Vec<Value>,
}

impl ErrorCodes {
    fn of(code: &str) -> Box<Self> {
        Box::new(Self { code: code.to_owned(), ..Self::default() })
    }
}

/// JSON document of a failure.
#[derive(Serialize)]
struct Document<'f> {
    error: ErrorDocument<'f>,
}

#[derive(Serialize)]
struct ErrorDocument<'f> {
    code: &'f str,
    reason: Option<&'f str>,
    message: String,
    fields: &'f [Value],
}

impl Failure {
    pub(super) fn new(line: impl Into<String>) -> Self {
        Self::of_lines(vec![line.into()])
    }

    /// Creates a failure with several lines.
    pub(super) fn of_lines(lines: Vec<String>) -> Self {
        Self { lines, code: 1, error: ErrorCodes::of("FAILED") }
    }

    /// Creates a failure for incompatible options.
    pub(super) fn usage(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], code: 2, error: ErrorCodes::of("USAGE") }
    }

    /// Returns the failure of a rule, with the options of the command in the place of the fields of
    /// the rule's input. Settings and stored objects have their own names.
    pub(super) fn of_options(error: Error) -> Self {
        let is_usage = matches!(&error, Error::Invalid(errors)
            if errors.iter().any(|error| matches!(error.origin, Origin::Input | Origin::Filter)));
        let as_option = |field: FieldError| match field.origin {
            Origin::Input | Origin::Filter => FieldError { path: option(&field.path), ..field },
            Origin::Record | Origin::Setting | Origin::Request => field,
        };
        let failure = Self::from(error.map_fields(as_option));
        Self { code: if is_usage { 2 } else { 1 }, ..failure }
    }

    /// Returns the failure of a request to the API, with the errors of its response.
    pub(super) fn of_response(errors: &[Value]) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut lines = Vec::new();
        let mut codes = ErrorCodes { code: "FAILED".to_owned(), ..ErrorCodes::default() };
        for (index, error) in errors.iter().enumerate() {
            let extensions = &error["extensions"];
            if index == 0 {
                codes.code = text(&extensions["code"]).unwrap_or(codes.code);
                codes.reason = text(&extensions["reason"]);
            }
            let message = text(&error["message"]).unwrap_or_else(|| error.to_string());
            let code = text(&extensions["code"]).map(|code| format!(" ({code})"));
            lines.push(format!("{message}{}", code.unwrap_or_default()));
            for field in extensions["fields"].as_array().into_iter().flatten() {
                let part = |name: &str| text(&field[name]).unwrap_or_default();
                lines.push(format!("  {} {}", part("path"), part("message")));
                codes.fields.push(field.clone());
            }
        }
        Self { lines, code: 1, error: Box::new(codes) }
    }

    /// Writes the failure to stderr, and returns the exit code.
    pub(super) fn report(&self, is_json: bool) -> ExitCode {
        let ErrorCodes { code, reason, fields } = &*self.error;
        let document = Document {
            error: ErrorDocument {
                code,
                reason: reason.as_deref(),
                message: self.lines.join("; "),
                fields,
            },
        };
        match serde_json::to_string_pretty(&document) {
            Ok(text) if is_json => say(&text),
            _ => {
                for (position, line) in self.lines.iter().enumerate() {
                    say(&format!("{}{line}", if position == 0 { "error: " } else { "       " }));
                }
            }
        }
        ExitCode::from(self.code)
    }
}

/// Writes a line to stderr, and ignores errors.
pub(super) fn say(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

/// Returns the name of the option that a field of a rule's input is set by. An option that may be
/// repeated has its name in the singular.
fn option(field: &str) -> String {
    let name = match field.split(['.', '[']).next().unwrap_or_default() {
        "scopes" => "scope".to_owned(),
        "closed_through" => "through".to_owned(),
        field => name_of(field),
    };
    format!("--{name}")
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let lines = match &error {
            Error::Invalid(errors) => errors.iter().map(ToString::to_string).collect(),
            // The operator of the machine may read causes that are hidden from clients of the API.
            Error::Internal(cause) if cause.is::<DbErr>() => {
                vec![format!("the database failed: {cause}")]
            }
            Error::Internal(cause) => vec![cause.to_string()],
            Error::Conflict { reason: ConflictReason::PeriodClosed, message, .. } => {
                vec![format!("{message} (`samregister period reopen` reopens a closed period)")]
            }
            other => vec![other.to_string()],
        };
        let reason = match &error {
            Error::Conflict { reason, .. } | Error::Throttled { reason, .. } => {
                Some(reason.to_string())
            }
            Error::Retained { .. } => Some(ConflictReason::Retained.to_string()),
            Error::Limit { reason, .. } => Some(reason.to_string()),
            _ => None,
        };
        let field = |field: &FieldError| json!({ "path": field.path, "code": field.code.to_string(), "message": field.message });
        let fields = match &error {
            Error::Invalid(errors) => errors.iter().map(field).collect(),
            _ => Vec::new(),
        };
        let codes = ErrorCodes { code: error.code().to_string(), reason, fields };
        Self { lines, code: 1, error: Box::new(codes) }
    }
}

impl From<documents::Error> for Failure {
    fn from(error: documents::Error) -> Self {
        Error::from(error).into()
    }
}

/// Returns `true` if a program reads the output: errors are then JSON, too.
pub(super) fn is_json_wanted(args: &[OsString]) -> bool {
    let words = || args.iter().map(|arg| arg.to_string_lossy());
    let is_format =
        words().zip(words().skip(1)).any(|(name, value)| name == "--format" && value == "json");
    let is_list =
        |word: &str| word == "--format=json" || word == "--json" || word.starts_with("--json=");
    is_format || words().any(|word| is_list(&word))
}

/// Returns the first line of the parser's answer to a wrong command line, with its suggestion.
pub(super) fn summary(answer: &clap::Error) -> String {
    let text = answer.to_string();
    let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("; ").trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(rule: impl FnOnce(&mut domain::error::ValidationErrors)) -> Error {
        let mut errors = domain::error::ValidationErrors::default();
        rule(&mut errors);
        errors.finish().unwrap_err()
    }

    #[test]
    fn each_error_has_a_line() {
        let error = failure(|errors| {
            errors.add("A", "is bad");
            errors.add("B", "is worse");
        });
        let Failure { lines, code, error } = error.into();
        assert_eq!((lines, code), (vec!["A is bad".to_owned(), "B is worse".to_owned()], 1));
        assert_eq!((error.code.as_str(), error.fields.len()), ("INVALID", 2));
    }

    #[test]
    fn fields_of_a_rule_are_named_as_options() {
        let of_rule = failure(|errors| errors.add("scopes[1]", "is bad"));
        let Failure { lines, code, error } = Failure::of_options(of_rule);
        assert_eq!((lines, code), (vec!["--scope is bad".to_owned()], 2));
        assert_eq!(error.fields[0]["path"], "--scope");
    }

    #[test]
    fn errors_of_a_response_have_their_fields() {
        let errors = [
            json!({ "message": "the input is invalid", "extensions": { "code": "INVALID",
            "fields": [{ "path": "input.name", "code": "REQUIRED", "message": "must be set" }] } }),
        ];
        let Failure { lines, error, .. } = Failure::of_response(&errors);
        assert_eq!(lines, ["the input is invalid (INVALID)", "  input.name must be set"]);
        assert_eq!(error.code, "INVALID");
        assert_eq!(error.fields[0]["code"], "REQUIRED");
    }

    #[test]
    fn a_program_gets_its_errors_as_json() {
        let is_json =
            |line: &str| is_json_wanted(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(is_json("samregister verify --format json") && is_json("x --format=json"));
        assert!(is_json("samregister members list --json name") && is_json("x --json"));
        assert!(!is_json("samregister revenue --format csv --output x.json") && !is_json("json"));
    }
}
