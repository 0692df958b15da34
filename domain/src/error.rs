//! The one error of the register, in the register's own words; its code is a promise to clients.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use chrono::NaiveDate;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

/// What rules answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something was not done. Nothing has changed when a deed answers with one.
#[derive(Clone, Debug)]
pub enum Error {
    /// Nobody knows who asks.
    Unauthenticated(String),
    /// The viewer may not do this.
    Forbidden(String),
    /// There is no such thing, or none that the viewer may see.
    NotFound(String),
    /// The input is wrong; every bad field is named at once.
    Invalid(Vec<FieldError>),
    /// A request asks for more than one may, or for what the server does not answer; to clients it
    /// is INVALID, with the reason beside it.
    Limit {
        /// A stable word for programs, of the first limit: LIMIT_DEPTH.
        reason: &'static str,
        /// The part of the request, and what is wrong with it in whole sentences.
        error: FieldError,
        /// The limits by their words, with what was found and what may be at most; none where
        /// nothing is counted.
        exceeded: Vec<(&'static str, u64, u64)>,
    },
    /// A rule of the register forbids it, or somebody was faster.
    Conflict {
        /// A stable word for programs.
        reason: &'static str,
        /// The rule in words for people.
        message: String,
    },
    /// A law keeps what was to be erased; clients get CONFLICT with the reason RETAINED and
    /// `mayGoFrom`.
    Retained {
        /// Message for people: the retained data, and the day until which it is retained.
        message: String,
        /// The first day on which it may go; null: that is not known yet.
        may_go_from: Option<NaiveDate>,
    },
    /// The sender asks too often or too much in a short time; clients get CONFLICT with the reason
    /// and `retryAfterSeconds`.
    Throttled {
        /// A stable word for programs.
        reason: &'static str,
        /// The limit in words for people.
        message: String,
        /// Time after which the same request will be accepted.
        retry_after: Duration,
    },
    /// Something of ours failed; the cause is for the log and never leaves the server.
    Internal(Arc<dyn std::error::Error + Send + Sync>),
}

/// One bad field of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where it stands, as `input.orgNumber`.
    pub path: String,
    /// What is wrong with it and what to write instead, after the field's name.
    pub message: String,
}

impl Error {
    /// One bad field.
    pub fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { path: path.into(), message: message.into() }])
    }

    /// A thing that isn't there.
    pub fn not_found(noun: &str, name: impl fmt::Display) -> Self {
        Self::NotFound(format!("there is no {noun} {name}"))
    }

    /// A broken rule.
    pub fn conflict(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { reason, message: message.into() }
    }

    /// A limit without figures; the message is one or more whole sentences.
    pub fn limit(reason: &'static str, path: &str, message: impl Into<String>) -> Self {
        Self::Limit {
            reason,
            error: FieldError { path: path.to_owned(), message: message.into() },
            exceeded: Vec::new(),
        }
    }

    /// Returns the error for a request that succeeds when it is sent again after a while.
    pub fn throttled(
        reason: &'static str,
        message: impl Into<String>,
        retry_after: Duration,
    ) -> Self {
        Self::Throttled { reason, message: message.into(), retry_after }
    }

    /// A failure of ours, kept for the log.
    pub fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Arc::new(cause))
    }

    /// The code that clients rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound(_) => "NOT_FOUND",
            Self::Invalid(_) | Self::Limit { .. } => "INVALID",
            Self::Conflict { .. } | Self::Retained { .. } | Self::Throttled { .. } => "CONFLICT",
            Self::Internal(_) => "INTERNAL",
        }
    }

    /// Returns after how many seconds a retry is worth while, when time alone may help.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            // As long as a writer waits for those before it.
            Self::Conflict { reason: "BUSY", .. } => Some(5),
            Self::Conflict { reason: "TOO_MANY_REQUESTS", .. } => Some(1),
            Self::Throttled { retry_after, .. } => {
                Some(u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
            }
            _ => None,
        }
    }

    /// `true` if a value that the database holds is none that this program writes: it was changed
    /// past the program.
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

    /// What went wrong, with the cause of an internal error: for the log, and for commands at the
    /// machine.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::Internal(cause) => cause.to_string(),
            other => other.to_string(),
        }
    }

    /// The error unless it breaks the constraint, index or trigger `name`, which then becomes
    /// `word`.
    #[must_use]
    pub fn on_constraint(self, name: &str, word: Self) -> Self {
        let Self::Internal(cause) = &self else { return self };
        let Some(cause) = cause.downcast_ref::<DbErr>() else { return self };
        match cause.sql_err() {
            // PostgreSQL names the constraint; SQLite names the columns, or the index when it is on
            // an expression.
            Some(SqlErr::UniqueConstraintViolation(text))
                if text.contains(name) || text.contains(&columns_of(name)) =>
            {
                word
            }
            // Neither tells a trigger or an exclusion apart, but both say its name.
            None if cause.to_string().contains(name) => word,
            _ => self,
        }
    }
}

/// SQLite's way to name a unique index: `member.org_number` for `member__org_number`.
fn columns_of(constraint: &str) -> String {
    let (table, columns) = constraint.split_once("__").unwrap_or((constraint, ""));
    columns.split("__").map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated(message)
            | Self::Forbidden(message)
            | Self::NotFound(message)
            | Self::Conflict { message, .. }
            | Self::Retained { message, .. }
            | Self::Throttled { message, .. } => f.write_str(message),
            Self::Invalid(errors) => {
                for (position, error) in errors.iter().enumerate() {
                    let separator = if position == 0 { "" } else { "; " };
                    write!(f, "{separator}{} {}", error.path, error.message)?;
                }
                Ok(())
            }
            Self::Limit { error, .. } => f.write_str(&error.message),
            Self::Internal(_) => {
                f.write_str("something failed on the server; the request id finds it in the log")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<DbErr> for Error {
    fn from(cause: DbErr) -> Self {
        Self::internal(cause)
    }
}

/// Collects every bad field of an input, so that one error names them all.
#[derive(Clone, Debug, Default)]
pub struct ValidationErrors {
    found: Vec<FieldError>,
    /// The paths of `found`: an input may have more bad fields than could be compared with each
    /// other.
    paths: HashSet<String>,
}

impl ValidationErrors {
    /// Notes a bad field. What was found wrong first stands: later checks see a default in the
    /// place of a value that could not be read.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        let path = path.into();
        if self.paths.insert(path.clone()) {
            self.found.push(FieldError { path, message: message.into() });
        }
    }

    /// Notes all that is wrong with one field, each by itself; nothing when something was found
    /// wrong with it before.
    pub fn add_each(&mut self, path: &str, messages: impl IntoIterator<Item = String>) {
        let mut messages = messages.into_iter().peekable();
        if messages.peek().is_some() && self.paths.insert(path.to_owned()) {
            self.found
                .extend(messages.map(|message| FieldError { path: path.to_owned(), message }));
        }
    }

    /// Notes a bad field unless `holds`.
    pub fn expect(&mut self, holds: bool, path: &str, message: &str) {
        if !holds {
            self.add(path, message);
        }
    }

    /// The value, or its fault noted and the type's default in its place: it is never used, since
    /// [`ValidationErrors::finish`] fails.
    pub fn take<T: Default, E: fmt::Display>(
        &mut self,
        path: &str,
        value: std::result::Result<T, E>,
    ) -> T {
        value.unwrap_or_else(|reason| {
            self.add(path, reason.to_string());
            T::default()
        })
    }

    /// Whether nothing bad was found so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// # Errors
    /// [`Error::Invalid`] with every fault, when there is one.
    pub fn finish(self) -> Result<()> {
        if self.found.is_empty() { Ok(()) } else { Err(Error::Invalid(self.found)) }
    }

    /// The faults found.
    #[must_use]
    pub fn into_inner(self) -> Vec<FieldError> {
        self.found
    }
}

/// The longest text of one line that the register takes, in characters.
pub const LINE: usize = 300;
/// The longest text of several lines that the register takes, in characters.
pub const TEXT: usize = 20_000;

/// Says why no document could show the text, if that is so. An empty text is no problem here.
#[must_use]
pub fn unprintable(text: &str) -> Option<&'static str> {
    if text.is_empty() || text.is_ascii() {
        return None;
    }
    if typesetting::stacks_marks(text) {
        return Some(
            "has more than 30 combining marks in a row; write the letters with the marks that they have in a language",
        );
    }
    typesetting::shows_nothing(text).then_some(
        "shows nothing: each of its characters is invisible; write something that can be read",
    )
}

/// Says which character of a text a document could not show, if that is so: its PDF would have
/// another text than its e-invoice.
#[must_use]
pub fn undisplayable(text: &str) -> Option<String> {
    let missing = typesetting::missing(text)?;
    Some(format!(
        "has the character {} (U+{:04X}), which documents can't show; write it in other words",
        missing.escape_debug(),
        u32::from(missing)
    ))
}

impl ValidationErrors {
    /// A text without blanks around it; faulty when empty, longer than `most` characters, or with
    /// control characters (but for line breaks and tabs in a long one).
    pub fn text(&mut self, path: &str, text: &str, most: usize) -> String {
        let text = text.trim();
        self.expect(!text.is_empty(), path, "must not be empty");
        self.readable(path, text, most);
        text.to_owned()
    }

    /// Like [`ValidationErrors::text`], but an empty text is none.
    pub fn optional_text(&mut self, path: &str, text: Option<&str>, most: usize) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        self.readable(path, text, most);
        Some(text.to_owned())
    }

    fn readable(&mut self, path: &str, text: &str, most: usize) {
        if text.chars().count() > most {
            self.add(path, format!("must not be longer than {most} characters"));
        }
        let is_break = |char: char| most > LINE && matches!(char, '\n' | '\r' | '\t');
        if text.chars().any(|char| char.is_control() && !is_break(char)) {
            self.add(path, "must not have control characters");
        }
        if let Some(problem) = unprintable(text) {
            self.add(path, problem);
        }
    }
}
