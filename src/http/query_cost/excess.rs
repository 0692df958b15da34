//! Limits that a document exceeds, and other reasons to refuse it.

use std::fmt;

use async_graphql::Pos;

/// Maximum nesting of fields, inline fragments and spreads. Not a setting: the library recurses for
/// each, and from 32 on has its own limit and message.
pub(super) const LEVELS: u64 = 32;

/// Reason why a document is not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// It exceeds these limits: all of them, except that those of the text (tokens, brackets) are
    /// checked first.
    Limits(Vec<Excess>),
    /// These fragments form a cycle.
    Cycle(Vec<String>),
    /// It is not a GraphQL document: the error and, if known, its position.
    Syntax(Option<Pos>, String),
    /// It has no such operation, or several and the request names none.
    Operation(String),
    /// It uses introspection, which is off on this server.
    Introspection,
}

/// One exceeded limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Name of the limit, for programs.
    pub limit: &'static str,
    /// Figure of the document.
    pub found: u64,
    /// Maximum.
    pub most: u64,
    /// Description of the figure, with `#` for the number.
    pub(super) words: &'static str,
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits(excesses) => excesses.iter().enumerate().try_for_each(|(position, Excess { found, most, words, .. })| {
                // Repeated doubling leads to numbers that are too long to read.
                let found = if *found > 1_000_000_000 { "over 1000000000".to_owned() } else { found.to_string() };
                let subject = if position == 0 { "The document" } else { " It" };
                write!(f, "{subject} {}; at most {most} are allowed.", words.replace('#', &found))
            }),
            // The message follows the name of the field `query`.
            Self::Cycle(names) => write!(f, "has fragments that form a cycle: {}; remove one spread", names.join(", ")),
            Self::Syntax(Some(at), message) => write!(f, "has a syntax error at {at}: {message}"),
            Self::Syntax(None, message) => write!(f, "has a syntax error: {message}"),
            Self::Operation(message) => f.write_str(message),
            Self::Introspection => f.write_str(
                "The document asks about the schema, and introspection is off on this server. Use the file schema.graphql of its version, or ask \
                 its operator to set SAMREGISTER_INTROSPECTION.",
            ),
        }
    }
}

impl std::error::Error for Exceeded {}

pub(super) const NESTING: &str = "nests fields and fragments # levels deep or more";

pub(super) fn within<const N: usize>(
    figures: [(&'static str, &'static str, u64, u64); N],
) -> Result<(), Exceeded> {
    let exceeded = figures.into_iter().filter(|(_, _, found, most)| found > most);
    let exceeded: Vec<_> =
        exceeded.map(|(limit, words, found, most)| Excess { limit, found, most, words }).collect();
    if exceeded.is_empty() { Ok(()) } else { Err(Exceeded::Limits(exceeded)) }
}
