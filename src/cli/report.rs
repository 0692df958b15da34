//! Reports of commands: their format, which the ending of a file's name may give, and the file that they go to.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::{Failure, Result, put, say};
use crate::{
    config::Settings,
    database::Database,
    documents::{Cell, Grid, sheet},
    output::{self, OwnFiles},
};

/// Formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For people, at the terminal
    Table,
    /// One document for programs
    Json,
    /// For programs: RFC 4180, with commas, decimal points and UTF-8 without a byte order mark
    Csv,
    /// For people: an Excel workbook in Swedish
    Xlsx,
}

// No doc comment: clap would take it for the description of each command that has these options.
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// Format; by the ending of --output (.csv, .json or .xlsx) unless given, else a table
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    /// Where to write it; stdout unless given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl ReportOptions {
    /// Returns the format. Fails as [`chosen`].
    pub fn format(&self) -> Result<ReportFormat> {
        chosen(self.format, self.output.as_deref(), ReportFormat::Table)
    }

    /// Returns where the report goes. Fails as [`Target::new`].
    pub fn target(&self, db: &Database, settings: &Settings) -> Result<Target<'_>> {
        Target::new(self.output.as_deref(), db, settings)
    }
}

/// Returns the given format, or the one that the ending of the file's name gives, or `otherwise`. Fails if the two differ, or if a workbook
/// would go to a terminal.
pub(super) fn chosen<F: ValueEnum + PartialEq>(given: Option<F>, output: Option<&Path>, otherwise: F) -> Result<F> {
    let ending = output.and_then(Path::extension).and_then(OsStr::to_str);
    let named = ending.and_then(|ending| F::from_str(ending, true).ok());
    let name = |format: &F| format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    if let (Some(given), Some(named)) = (&given, &named)
        && given != named
    {
        let message = format!("--format {} does not fit --output: the file's ending says {}", name(given), name(named));
        return Err(Failure::usage(message));
    }
    let format = given.or(named).unwrap_or(otherwise);
    if name(&format) == "xlsx" && output.is_none() && io::stdout().is_terminal() {
        return Err(Failure::usage("--format xlsx needs --output FILE, since a terminal can't show a workbook"));
    }
    Ok(format)
}

/// The file or stdout that a report goes to.
pub(super) struct Target<'o> {
    output: Option<&'o Path>,
    own: OwnFiles,
}

impl<'o> Target<'o> {
    /// Returns the target. Fails if the path is that of a file of the register itself, before a report is made in vain.
    pub fn new(output: Option<&'o Path>, db: &Database, settings: &Settings) -> Result<Self> {
        let own = OwnFiles::new(db, settings);
        if let Some(path) = output {
            own.refuse(path)?;
        }
        Ok(Self { output, own })
    }

    /// Writes the report.
    pub fn write(&self, report: &[u8]) -> Result<()> {
        match self.output {
            None => put(report),
            Some(path) => {
                output::write(path, report, &self.own)?;
                say(&format!("wrote {}", path.display()));
                Ok(())
            }
        }
    }
}

/// Returns a workbook with one sheet.
pub(super) fn workbook(db: &Database, sheet: &str, title: String, grid: Grid) -> Result<Vec<u8>> {
    Ok(sheet::workbook_of(&title, db.clock.now(), &[(sheet.to_owned(), grid)])?)
}

/// Returns a cell with a day, or an empty one.
pub(super) fn day(day: Option<NaiveDate>) -> Cell {
    day.map_or(Cell::Empty, Cell::Day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_file_gives_the_format() {
        let format = |given, output: &str| chosen(given, Some(Path::new(output)), ReportFormat::Table).map_err(|failure| failure.lines);
        assert_eq!(format(None, "late.xlsx"), Ok(ReportFormat::Xlsx));
        assert_eq!(format(None, "LATE.XLSX"), Ok(ReportFormat::Xlsx));
        assert_eq!(format(None, "late.csv"), Ok(ReportFormat::Csv));
        assert_eq!(format(None, "late.txt"), Ok(ReportFormat::Table));
        assert_eq!(format(Some(ReportFormat::Json), "late"), Ok(ReportFormat::Json));
        assert_eq!(format(Some(ReportFormat::Xlsx), "late.xlsx"), Ok(ReportFormat::Xlsx));
        let message = "--format csv does not fit --output: the file's ending says xlsx";
        assert_eq!(format(Some(ReportFormat::Csv), "late.xlsx"), Err(vec![message.to_owned()]));
    }
}
