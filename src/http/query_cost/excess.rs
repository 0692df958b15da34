//! Limits that a document exceeds, and other reasons to refuse it.

use async_graphql::Pos;

use domain::codes::LimitReason;

/// Maximum nesting of fields, inline fragments and spreads. Not a setting: the library recurses for
/// each, and from 32 on has its own limit and message.
pub(super) const LEVELS: u64 = 32;

/// Reason why a document is not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// It exceeds these limits: all of them, except that those of the text (tokens, brackets) are
    /// checked first.
    #[error("{}", sentences(.0))]
    Limits(Vec<Excess>),
    /// These fragments form a cycle. The message follows the name of the field `query`.
    #[error("has fragments that form a cycle: {}; remove one spread", .0.join(", "))]
    Cycle(Vec<String>),
    /// It is not a GraphQL document: the error and, if known, its position. The message follows the
    /// name of the field `query`.
    #[error("has a syntax error{}: {}", at(.0.as_ref()), .1)]
    Syntax(Option<Pos>, String),
    /// It has no such operation, or several and the request names none.
    #[error("{0}")]
    Operation(String),
    /// It uses introspection, which is off on this server.
    #[error(
        "The document asks about the schema, and introspection is off on this server. Use the \
         file schema.graphql of its version, or ask its operator to set SAMREGISTER_INTROSPECTION."
    )]
    Introspection,
}

/// One exceeded limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Name of the limit, for programs.
    pub limit: LimitReason,
    /// Figure of the document.
    pub found: u64,
    /// Maximum.
    pub most: u64,
    /// Description of the figure, with `#` for the number.
    pub(super) words: &'static str,
}

/// Returns a sentence for each exceeded limit.
fn sentences(excesses: &[Excess]) -> String {
    let sentence = |(index, Excess { found, most, words, .. }): (usize, &Excess)| {
        // Repeated doubling leads to numbers that are too long to read.
        let found =
            if *found > 1_000_000_000 { "over 1000000000".to_owned() } else { found.to_string() };
        let subject = if index == 0 { "The document" } else { "It" };
        format!("{subject} {}; at most {most} are allowed.", words.replace('#', &found))
    };
    excesses.iter().enumerate().map(sentence).collect::<Vec<_>>().join(" ")
}

fn at(position: Option<&Pos>) -> String {
    position.map(|position| format!(" at {position}")).unwrap_or_default()
}

pub(super) const NESTING: &str = "nests fields and fragments # levels deep or more";

pub(super) fn within<const N: usize>(
    figures: [(LimitReason, &'static str, u64, u64); N],
) -> Result<(), Exceeded> {
    let exceeded = figures.into_iter().filter(|(_, _, found, most)| found > most);
    let exceeded: Vec<_> =
        exceeded.map(|(limit, words, found, most)| Excess { limit, found, most, words }).collect();
    if exceeded.is_empty() { Ok(()) } else { Err(Exceeded::Limits(exceeded)) }
}
