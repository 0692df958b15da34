//! The template language: the placeholders, filters, comparisons and `if` of MiniJinja, and nothing
//! else. The syntax tree is checked before any text is run.
//!
//! The language has no loops, calls, definitions or includes, so rendering a text takes time in
//! proportion to its length. Every value has a type. An error that would only occur for some
//! agreements is therefore found when the text is saved, in every branch.

use std::collections::BTreeSet;

/// Maximum length of a text in bytes.
pub const MAX_BYTES: usize = 200_000;

/// Represents a line break within a value in rendered text. A template's text cannot contain it.
pub const BREAK: char = '\u{e000}';

/// An error in a text, with its position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Line number from 1; 0: the text as a whole.
    pub line: usize,
    /// Description of the error, with a correction.
    pub message: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.message)
    }
}

/// The result of analyzing a text.
#[derive(Debug, Default)]
pub struct Reading {
    /// Errors of the text in order of lines, 100 at most. One more, with line 0, reports that there
    /// are others.
    pub findings: Vec<Finding>,
    /// The declared parameters that the text uses.
    pub used: BTreeSet<String>,
    /// The groups of built-in placeholders that the text uses, for example `fee`.
    pub groups: BTreeSet<&'static str>,
    /// The parameters and placeholders that the text calculates with, for example `weeks` and
    /// `fee.vat_percent`.
    pub calculated: BTreeSet<String>,
    /// `true` if the whole text was analyzed, so that a parameter missing from `used` is unused.
    pub is_complete: bool,
}
