//! The result of an import: its report, or the rows that it rejects.

use std::fmt;

use crate::{error::Error, interchange::File};

/// Maximum number of bad rows that are reported one by one; the others are only counted.
pub const MAX_BAD_ROWS: usize = 10_000;

/// A row that can't be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The file.
    pub file: File,
    /// First line of the row, as an editor counts; the header is line 1.
    pub line: u64,
    /// The column; empty for an error of the row as a whole.
    pub column: String,
    /// The error, worded to follow the column's name.
    pub reason: String,
}

impl BadRow {
    pub(in crate::interchange) fn new(
        file: File,
        line: u64,
        column: &str,
        reason: impl Into<String>,
    ) -> Self {
        Self { file, line, column: column.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.name(), self.line)?;
        if !self.column.is_empty() {
            write!(f, "{}: ", self.column)?;
        }
        f.write_str(&self.reason)
    }
}

/// Reason for which nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The files have bad rows.
    #[error("{}", list(.rows, .more))]
    Bad {
        /// The first [`MAX_BAD_ROWS`] that were found, by file and line.
        rows: Vec<BadRow>,
        /// Number of further bad rows.
        more: u64,
    },
    /// Another error.
    #[error(transparent)]
    Error(Error),
}

/// Returns a line for each bad row, and one for their number.
fn list(rows: &[BadRow], more: &u64) -> String {
    let mut lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    if *more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.push(format!("nothing was imported: {} errors", rows.len() as u64 + more));
    lines.join("\n")
}

impl<E: Into<Error>> From<E> for ImportError {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// The changes that an import made, or would make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The files that were present, in the order in which they were read.
    pub files: Vec<FileReport>,
    /// Other `.csv` files of the folder; they were not read.
    pub ignored: Vec<String>,
    /// `true` for a dry run: nothing was changed.
    pub dry_run: bool,
}

/// Numbers of rows of one file, by their effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub file: File,
    /// Rows, without the header.
    pub rows: u64,
    /// New rows.
    pub added: u64,
    /// Rows that differed from the register.
    pub changed: u64,
    /// Rows that agreed with the register.
    pub unchanged: u64,
    /// Separator of the cells: a comma or a semicolon.
    pub separator: char,
}
