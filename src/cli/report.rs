//! Reports of commands: their format, which the ending of a file's name may give, and the file that
//! they go to.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::{Failure, Result, put, say};
use domain::{
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
    /// Format; by the ending of --output (.csv, .json, .xlsx or .txt for a table) unless given,
    /// else a table
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

    /// Returns where the report goes. Fails as [`Target::new`] and [`check_ending`].
    pub fn target(&self, db: &Database, settings: &Settings) -> Result<Target<'_>> {
        let target = Target::new(self.output.as_deref(), db, settings)?;
        check_ending(self.format, self.output.as_deref())?;
        Ok(target)
    }
}

/// Returns the given format, or the one that the ending of the file's name gives, or `otherwise`.
/// Fails if the two differ, or if a workbook would go to a terminal.
pub(super) fn chosen<F: ValueEnum + PartialEq>(
    given: Option<F>,
    output: Option<&Path>,
    otherwise: F,
) -> Result<F> {
    let ending = output.and_then(Path::extension).and_then(OsStr::to_str);
    let named = ending.and_then(|ending| F::from_str(ending, true).ok());
    let name = |format: &F| {
        format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    if let (Some(given), Some(named)) = (&given, &named)
        && given != named
    {
        let message = format!(
            "--format {} does not fit --output: the file's ending says {}",
            name(given),
            name(named)
        );
        return Err(Failure::usage(message));
    }
    let format = given.or(named).unwrap_or(otherwise);
    if name(&format) == "xlsx" && output.is_none() && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "--format xlsx needs --output FILE, since a terminal can't show a workbook",
        ));
    }
    Ok(format)
}

/// Fails if no format is given and the ending of the file's name is that of none, so that
/// `report.pdf` is not a table of text. A name without an ending, or in `.txt`, is for a table.
pub(super) fn check_ending<F: ValueEnum>(given: Option<F>, output: Option<&Path>) -> Result<()> {
    if given.is_some() {
        return Ok(());
    }
    let formats = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let endings: Vec<String> =
        formats.map(|format| format.get_name().replace("table", "txt")).collect();
    require_ending(output, &endings.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Fails if the name of a file has an ending, and none of these.
pub(super) fn require_ending(output: Option<&Path>, endings: &[&str]) -> Result<()> {
    let Some(ending) = output.and_then(Path::extension) else { return Ok(()) };
    if ending
        .to_str()
        .is_some_and(|ending| endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
    {
        return Ok(());
    }
    let known: Vec<String> = endings.iter().map(|known| format!(".{known}")).collect();
    let message = format!(
        "--output has the unknown ending .{}; known are {}",
        ending.to_string_lossy(),
        known.join(", ")
    );
    Err(Failure::usage(message))
}

/// Notes on stderr that a report is of a day ahead, of which the register knows only what was
/// entered before today.
pub(super) fn note_future(day: NaiveDate, today: NaiveDate) {
    if day > today {
        say(&format!(
            "note: {day} is after today, {today}: the report has only what is known today"
        ));
    }
}

/// The file or stdout that a report goes to.
pub(super) struct Target<'o> {
    output: Option<&'o Path>,
    own: OwnFiles,
}

impl<'o> Target<'o> {
    /// Returns the target. Fails if the path is that of a file of the register itself, before a
    /// report is made in vain.
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
        let format = |given, output: &str| {
            chosen(given, Some(Path::new(output)), ReportFormat::Table)
                .map_err(|failure| failure.lines)
        };
        assert_eq!(format(None, "late.xlsx"), Ok(ReportFormat::Xlsx));
        assert_eq!(format(None, "LATE.XLSX"), Ok(ReportFormat::Xlsx));
        assert_eq!(format(None, "late.csv"), Ok(ReportFormat::Csv));
        assert_eq!(format(None, "late.txt"), Ok(ReportFormat::Table));
        assert_eq!(format(Some(ReportFormat::Json), "late"), Ok(ReportFormat::Json));
        assert_eq!(format(Some(ReportFormat::Xlsx), "late.xlsx"), Ok(ReportFormat::Xlsx));
        let message = "--format csv does not fit --output: the file's ending says xlsx";
        assert_eq!(format(Some(ReportFormat::Csv), "late.xlsx"), Err(vec![message.to_owned()]));
    }

    #[test]
    fn unknown_endings_are_refused() {
        let check = |given: Option<ReportFormat>, output: &str| {
            check_ending(given, Some(Path::new(output))).map_err(|failure| failure.lines)
        };
        for output in ["late.xlsx", "LATE.CSV", "late.txt", "late", "/dev/stdout"] {
            assert_eq!(check(None, output), Ok(()), "{output}");
        }
        let message = "--output has the unknown ending .pdf; known are .txt, .json, .csv, .xlsx";
        assert_eq!(check(None, "late.pdf"), Err(vec![message.to_owned()]));
        assert_eq!(check(Some(ReportFormat::Json), "late.pdf"), Ok(()));
    }
}
