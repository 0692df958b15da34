//! The error type of the domain. Its codes are part of the API's contract.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use chrono::NaiveDate;
use documents::typesetting;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

pub use crate::{
    codes::{ErrorCode, LimitReason},
    conflict_reason::ConflictReason,
    field_problem::{FieldErrorCode, FieldProblem, FieldValue},
};

/// Result of a rule.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why an operation failed. A mutation that fails has changed nothing.
///
/// Every function that reads or writes the database can fail with [`Error::Internal`]; error
/// sections do not repeat that.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The caller is not authenticated.
    #[error("{0}")]
    Unauthenticated(String),
    /// The viewer lacks the permission.
    #[error("{0}")]
    Forbidden(String),
    /// The object does not exist, or the viewer may not see it.
    #[error("{0}")]
    NotFound(Missing),
    /// The input is invalid; all bad fields are reported together.
    #[error("{}", join(.0))]
    Invalid(Vec<FieldError>),
    /// A request exceeds a limit, or asks for something that the server does not answer. Clients
    /// get INVALID with the reason.
    #[error("{}", .error.message)]
    Limit {
        /// Stable code of the first limit.
        reason: LimitReason,
        /// The part of the request, and the description of the error in whole sentences.
        error: FieldError,
        /// The exceeded limits by code, with the actual and the maximum value; empty if nothing is
        /// counted.
        exceeded: Vec<(LimitReason, u64, u64)>,
    },
    /// A business rule forbids it, or a concurrent change won.
    #[error("{message}")]
    Conflict {
        /// Stable code for programs.
        reason: ConflictReason,
        /// Message for people.
        message: String,
        /// The numbers of the agreements that prevent it, in order; empty if none is named.
        agreements: Vec<String>,
    },
    /// A law requires retention of the data to erase. Clients get CONFLICT with the reason RETAINED
    /// and `erasableFrom`.
    #[error("{message}")]
    Retained {
        /// Message for people: the retained data, and the day until which it is retained.
        message: String,
        /// First day on which it may be erased; null: not known yet.
        erasable_from: Option<NaiveDate>,
    },
    /// The sender exceeds a rate limit, or a long import blocks changes. Clients get CONFLICT with
    /// the reason and `retryAfterSeconds`.
    #[error("{message}")]
    Throttled {
        /// Stable code for programs.
        reason: ConflictReason,
        /// Message for people: the limit, or the expected end.
        message: String,
        /// Time after which the same request will be accepted.
        retry_after: Duration,
    },
    /// An internal failure. The cause is logged and never sent to a client.
    #[error("internal server error; look up the request id in the server log")]
    Internal(Arc<dyn std::error::Error + Send + Sync>),
}

/// An object that does not exist, or that the viewer may not see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Missing {
    /// Message for people.
    pub message: String,
    /// Path of the field of the rule's input that has its id; `None` if no field has it.
    pub path: Option<String>,
}

impl From<String> for Missing {
    fn from(message: String) -> Self {
        Self { message, path: None }
    }
}

impl From<&str> for Missing {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl Missing {
    /// Returns the error of the field that has the id; `None` if no field has it.
    #[must_use]
    pub fn field(&self) -> Option<FieldError> {
        let problem = FieldErrorCode::Unknown.problem(self.message.clone());
        Some(FieldError::of_input(self.path.as_ref()?, problem))
    }
}

/// One bad field of an input, a stored object or the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {message}")]
pub struct FieldError {
    /// Kind of object that has the field.
    pub origin: Origin,
    /// The path of the field: the names of the Rust fields with dots between them, an index or a
    /// key in brackets, as `lines[2].unit_price`.
    pub path: String,
    /// Stable code for programs.
    pub code: FieldErrorCode,
    /// Description of the error and of valid values, to follow the field's name.
    pub message: String,
    /// The numbers and names of the message, by their stable names: `max`, `min`.
    pub values: Vec<(&'static str, FieldValue)>,
}

impl FieldError {
    /// Returns the error of a field of the rule's input.
    pub fn of_input(path: impl Into<String>, problem: impl Into<FieldProblem>) -> Self {
        Self::of(Origin::Input, path, problem)
    }

    /// Returns the error of a field of `origin`.
    pub fn of(origin: Origin, path: impl Into<String>, problem: impl Into<FieldProblem>) -> Self {
        let FieldProblem { code, message, values } = problem.into();
        Self { origin, path: path.into(), code, message: message.into_owned(), values }
    }

    /// Returns the problem, to report it for another field.
    #[must_use]
    pub fn into_problem(self) -> FieldProblem {
        FieldProblem { code: self.code, message: self.message.into(), values: self.values }
    }
}

/// Origin of a bad field. An interface translates the paths of
/// [`Origin::Input`] and [`Origin::Record`] into its own names; the others have the names that the
/// user knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The struct of values that the rule takes, or one of its arguments.
    #[default]
    Input,
    /// The filter of a list.
    Filter,
    /// A stored object, whose name opens the path: `invoice.lines[2].vat_rate`.
    Record,
    /// A setting.
    Setting,
    /// A header, a query parameter or a variable of the request.
    Request,
}

impl Error {
    /// Returns the error for one bad field.
    pub fn invalid(path: impl Into<String>, problem: impl Into<FieldProblem>) -> Self {
        Self::Invalid(vec![FieldError::of_input(path, problem)])
    }

    /// Returns the error for one bad field of another origin than the rule's input.
    pub fn invalid_of(origin: Origin, path: &str, problem: impl Into<FieldProblem>) -> Self {
        Self::Invalid(vec![FieldError::of(origin, path, problem)])
    }

    /// Translates each bad field, and that of a missing object, into the names of an interface;
    /// returns other errors unchanged.
    #[must_use]
    pub fn map_fields(self, translate: impl Fn(FieldError) -> FieldError) -> Self {
        match self {
            Self::Invalid(errors) => Self::Invalid(errors.into_iter().map(translate).collect()),
            Self::NotFound(missing) => Self::NotFound(Missing {
                path: missing.field().map(|field| translate(field).path),
                ..missing
            }),
            other => other,
        }
    }

    /// Returns the error with fields of `origin`.
    #[must_use]
    pub fn about(self, origin: Origin) -> Self {
        self.map_fields(|field| FieldError { origin, ..field })
    }

    /// Returns the error for an object that does not exist.
    pub fn not_found(noun: &str, name: impl fmt::Display) -> Self {
        Self::NotFound(format!("there is no {noun} {name}").into())
    }

    /// Returns the error for an object that does not exist, and whose id is in the field `path` of
    /// the rule's input.
    pub fn missing(path: &str, message: &str) -> Self {
        Self::NotFound(message.into()).of_field(path)
    }

    /// Returns the error with `path` as the field that has the id, if an object does not exist;
    /// returns other errors unchanged.
    #[must_use]
    pub fn of_field(self, path: &str) -> Self {
        match self {
            Self::NotFound(missing) => {
                Self::NotFound(Missing { path: Some(path.to_owned()), ..missing })
            }
            other => other,
        }
    }

    /// Returns the error for a violated rule.
    pub fn conflict(reason: ConflictReason, message: impl Into<String>) -> Self {
        Self::conflict_of(reason, message, Vec::new())
    }

    /// Returns the error for a rule that these agreements prevent from being fulfilled, by their
    /// numbers.
    pub fn conflict_of(
        reason: ConflictReason,
        message: impl Into<String>,
        agreements: Vec<String>,
    ) -> Self {
        Self::Conflict { reason, message: message.into(), agreements }
    }

    /// Returns the error for a limit without figures; the message is one or more whole sentences.
    pub fn limit(reason: LimitReason, path: &str, message: impl Into<String>) -> Self {
        let problem = FieldErrorCode::LimitExceeded.problem(message.into());
        Self::Limit { reason, error: FieldError::of_input(path, problem), exceeded: Vec::new() }
    }

    /// Returns the error for a request that succeeds when it is sent again later.
    pub fn throttled(
        reason: ConflictReason,
        message: impl Into<String>,
        retry_after: Duration,
    ) -> Self {
        Self::Throttled { reason, message: message.into(), retry_after }
    }

    /// Returns the error for an internal failure, whose cause is logged.
    pub fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Arc::new(cause))
    }

    /// Returns the code that clients rely on.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unauthenticated(_) => ErrorCode::Unauthenticated,
            Self::Forbidden(_) => ErrorCode::Forbidden,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Invalid(_) | Self::Limit { .. } => ErrorCode::Invalid,
            Self::Conflict { .. } | Self::Retained { .. } | Self::Throttled { .. } => {
                ErrorCode::Conflict
            }
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// Returns the number of seconds after which a retry may succeed; `None` if waiting does not
    /// help.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            // As long as a writer waits for earlier ones.
            Self::Conflict { reason: ConflictReason::Busy, .. } => Some(5),
            Self::Conflict { reason: ConflictReason::TooManyRequests, .. } => Some(1),
            Self::Throttled { retry_after, .. } => {
                Some(u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
            }
            _ => None,
        }
    }

    /// Returns `true` if a change was not begun because others write for too long.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Conflict { reason: ConflictReason::Busy, .. }
                | Self::Throttled { reason: ConflictReason::Busy, .. }
        )
    }

    /// Returns `true` if the database holds a value that this program never writes: it was changed
    /// by other means.
    #[must_use]
    pub fn is_unreadable_value(&self) -> bool {
        let Self::Internal(cause) = self else { return false };
        match cause.downcast_ref::<DbErr>() {
            Some(DbErr::Type(_) | DbErr::TryIntoErr { .. } | DbErr::Json(_)) => true,
            Some(DbErr::Query(RuntimeErr::SqlxError(error))) => {
                matches!(&**error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
            }
            _ => false,
        }
    }

    /// Returns the description with the cause of an internal error, for the log and for commands on
    /// the server.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Internal(cause) => cause.to_string(),
            other => other.to_string(),
        }
    }

    /// Returns the error `replacement` if this one violates the constraint, index or trigger
    /// `name`, else this one.
    #[must_use]
    pub fn on_constraint(self, name: &str, replacement: Self) -> Self {
        let Self::Internal(cause) = &self else { return self };
        let Some(cause) = cause.downcast_ref::<DbErr>() else { return self };
        match cause.sql_err() {
            // PostgreSQL names the constraint; SQLite names the columns, or the index if it is on
            // an expression.
            Some(SqlErr::UniqueConstraintViolation(text))
                if text.contains(name) || text.contains(&columns_of(name)) =>
            {
                replacement
            }
            // Neither distinguishes triggers or exclusions, but both name them in the message.
            None if cause.to_string().contains(name) => replacement,
            _ => self,
        }
    }
}

/// Returns SQLite's name for a unique index: `member.org_number` for `member__org_number`.
fn columns_of(constraint: &str) -> String {
    let (table, columns) = constraint.split_once("__").unwrap_or((constraint, ""));
    columns.split("__").map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
}

fn join(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl From<DbErr> for Error {
    fn from(cause: DbErr) -> Self {
        Self::internal(cause)
    }
}

impl From<documents::Error> for Error {
    fn from(error: documents::Error) -> Self {
        match error {
            documents::Error::TooLong(message) => {
                Self::conflict(ConflictReason::DocumentTooLong, message)
            }
            documents::Error::Internal(cause) => Self::Internal(cause),
        }
    }
}

/// Collects every bad field of an input, so that one error reports them all.
#[derive(Clone, Debug, Default)]
pub struct ValidationErrors {
    /// Origin of the fields that are being checked.
    origin: Origin,
    found: Vec<FieldError>,
    /// The paths of `found`. A set, because an input may have more bad fields than could be
    /// compared with each other.
    paths: HashSet<String>,
}

impl ValidationErrors {
    /// Returns an empty collection for fields of `origin`.
    #[must_use]
    pub fn of(origin: Origin) -> Self {
        Self { origin, ..Self::default() }
    }

    /// Sets the origin of the fields of later errors. Returns the former one.
    pub fn set_origin(&mut self, origin: Origin) -> Origin {
        std::mem::replace(&mut self.origin, origin)
    }

    /// Adds the error of a setting, under the name that it has in the settings file.
    pub fn add_setting(&mut self, name: &str, problem: impl Into<FieldProblem>) {
        let former = self.set_origin(Origin::Setting);
        self.add(name, problem);
        self.set_origin(former);
    }

    /// Adds a bad field; a problem without a code of its own has INVALID_VALUE. Only the first
    /// error of a field is retained: later checks see a default value in place of an invalid one.
    pub fn add(&mut self, path: impl Into<String>, problem: impl Into<FieldProblem>) {
        let path = path.into();
        if self.paths.insert(path.clone()) {
            self.found.push(FieldError::of(self.origin, path, problem));
        }
    }

    /// Adds several errors of one field; none if the field already has an error.
    pub fn add_each<P: Into<FieldProblem>>(
        &mut self,
        path: &str,
        problems: impl IntoIterator<Item = P>,
    ) {
        let mut problems = problems.into_iter().peekable();
        if problems.peek().is_some() && self.paths.insert(path.to_owned()) {
            let origin = self.origin;
            self.found.extend(problems.map(|problem| FieldError::of(origin, path, problem)));
        }
    }

    /// Adds an error of a field unless `holds`.
    pub fn expect(&mut self, holds: bool, path: &str, problem: impl Into<FieldProblem>) {
        if !holds {
            self.add(path, problem);
        }
    }

    /// Adds an error to the last day of a range if it is before the first one: nothing would match.
    pub fn expect_range(
        &mut self,
        path_of_last: &str,
        first: Option<NaiveDate>,
        last: Option<NaiveDate>,
    ) {
        if let (Some(first), Some(last)) = (first, last) {
            let problem = FieldErrorCode::too_early(first, "must not be before the first day");
            self.expect(first <= last, path_of_last, problem);
        }
    }

    /// Returns the value; or adds its error and returns the type's default, which is never used
    /// because [`ValidationErrors::finish`] fails.
    pub fn take<T: Default, E: Into<FieldProblem>>(
        &mut self,
        path: &str,
        value: std::result::Result<T, E>,
    ) -> T {
        value.unwrap_or_else(|problem| {
            self.add(path, problem);
            T::default()
        })
    }

    /// Returns `true` if the field at `path` has an error.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Returns `true` if no bad field was found so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Succeeds if no bad field was found.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every bad field, if there is one.
    pub fn finish(self) -> Result<()> {
        if self.found.is_empty() { Ok(()) } else { Err(Error::Invalid(self.found)) }
    }

    /// Returns the errors found.
    #[must_use]
    pub fn into_inner(self) -> Vec<FieldError> {
        self.found
    }
}

/// Returns the path of `field` within `parent`, which is empty for the rule's own input.
#[must_use]
pub fn field_path(parent: &str, field: &str) -> String {
    if parent.is_empty() { field.to_owned() } else { format!("{parent}.{field}") }
}

/// Maximum length of a text of one line, in characters.
pub const LINE: usize = 300;
/// Maximum length of a text of several lines, in characters.
pub const TEXT: usize = 20_000;

/// Returns the reason why no document could show the text; `None` if it can. An empty text is valid
/// here.
#[must_use]
pub fn unprintable(text: &str) -> Option<FieldProblem> {
    if text.is_empty() || text.is_ascii() {
        return None;
    }
    if typesetting::stacks_marks(text) {
        return Some(FieldErrorCode::Unprintable.problem(
            "has more than 30 combining marks in a row; write the letters with the marks that they have in a language",
        ));
    }
    typesetting::shows_nothing(text).then(|| {
        FieldErrorCode::Unprintable.problem(
            "shows nothing: each of its characters is invisible; write something that can be read",
        )
    })
}

/// Returns a description of the first character of a text that a document could not show: the text
/// of its PDF would differ from that of its e-invoice.
#[must_use]
pub fn undisplayable(text: &str) -> Option<FieldProblem> {
    let missing = typesetting::missing(text)?;
    let message = format!(
        "has the character {} (U+{:04X}), which documents can't show; write it in other words",
        missing.escape_debug(),
        u32::from(missing)
    );
    Some(FieldErrorCode::Unprintable.problem(message))
}

impl ValidationErrors {
    /// Returns a text without surrounding blanks; adds an error if it is empty, longer than
    /// `max_length` characters, or has control characters (line breaks and tabs are allowed in a
    /// long text).
    pub fn text(&mut self, path: &str, text: &str, max_length: usize) -> String {
        let text = text.trim();
        self.expect(!text.is_empty(), path, FieldErrorCode::Empty.problem("must not be empty"));
        self.readable(path, text, max_length);
        text.to_owned()
    }

    /// Like [`ValidationErrors::text`], but returns `None` for an empty text.
    pub fn optional_text(
        &mut self,
        path: &str,
        text: Option<&str>,
        max_length: usize,
    ) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        self.readable(path, text, max_length);
        Some(text.to_owned())
    }

    fn readable(&mut self, path: &str, text: &str, max_length: usize) {
        if text.chars().count() > max_length {
            let message = format!("must not be longer than {max_length} characters");
            self.add(path, FieldErrorCode::TooLong.problem(message).with("max", max_length));
        }
        let is_break = |char: char| max_length > LINE && matches!(char, '\n' | '\r' | '\t');
        if text.chars().any(|char| char.is_control() && !is_break(char)) {
            let message = "must not have control characters";
            self.add(path, FieldErrorCode::ControlCharacters.problem(message));
        }
        if let Some(problem) = unprintable(text) {
            self.add(path, problem);
        }
    }
}
