//! Reports of commands: format, which the file name may determine, and output file.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::{Failure, Result, put, say};
use documents::{Cell, Grid, sheet};
use domain::{
    clock::Clock,
    config::Settings,
    database::Database,
    output::{self, OwnFiles},
};

/// Formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// Table for a terminal
    Table,
    /// One JSON document
    Json,
    /// RFC 4180 with commas, decimal points, and UTF-8 without a byte order mark
    Csv,
    /// Excel workbook in Swedish
    Xlsx,
}

// No doc comment: clap would take it for the description of each command that has these options.
#[derive(Debug, Args)]
pub(super) struct ReportOptions {
    /// Format. Defaults to that of the file name of --output (.csv, .json, .xlsx, or .txt for a
    /// table), else a table
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
    /// File to write; defaults to stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl ReportOptions {
    /// Returns the format. Fails as [`chosen`].
    pub fn format(&self) -> Result<ReportFormat> {
        chosen(self.format, self.output.as_deref(), ReportFormat::Table)
    }

    /// Returns the target of the report. Fails as [`Target::new`] and [`check_ending`].
    pub fn target(&self, db: &Database, settings: &Settings) -> Result<Target<'_>> {
        let target = Target::new(self.output.as_deref(), db, settings)?;
        check_ending(self.format, self.output.as_deref())?;
        Ok(target)
    }
}

/// Returns the requested format, or that of the file name, or `otherwise`. Fails if the two differ,
/// or if a workbook would be written to a terminal.
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
            "--format {} does not fit --output: the file's extension says {}",
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

/// Fails if no format is requested and the file name has an unknown extension, so that `report.pdf`
/// is not a table of text. A name without an extension, or with `.txt`, is for a table.
pub(super) fn check_ending<F: ValueEnum>(given: Option<F>, output: Option<&Path>) -> Result<()> {
    if given.is_some() {
        return Ok(());
    }
    let formats = F::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let endings: Vec<String> =
        formats.map(|format| format.get_name().replace("table", "txt")).collect();
    require_ending(output, &endings.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Fails if the file name has an extension other than these.
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
        "--output has the unknown extension .{}; known are {}",
        ending.to_string_lossy(),
        known.join(", ")
    );
    Err(Failure::usage(message))
}

/// Warns on stderr that a report is of a future day, of which the database has only what was
/// entered until today.
pub(super) fn note_future(day: NaiveDate, today: NaiveDate) {
    if day > today {
        say(&format!(
            "note: {day} is after today, {today}: the report has only what is known today"
        ));
    }
}

/// File or stdout for a report.
pub(super) struct Target<'o> {
    output: Option<&'o Path>,
    own: OwnFiles,
}

impl<'o> Target<'o> {
    /// Returns the target. Fails if the path is that of a file of the database, before the report
    /// is calculated.
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
pub(super) fn workbook(_db: &Database, sheet: &str, title: String, grid: Grid) -> Result<Vec<u8>> {
    Ok(sheet::workbook_of(&title, Clock::system().now(), &[(sheet.to_owned(), grid)])?)
}

/// Returns a cell with a day, or an empty one.
pub(super) fn day(day: Option<NaiveDate>) -> Cell {
    day.map_or(Cell::Empty, Cell::Day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_of_a_file_determines_the_format() {
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
        let message = "--format csv does not fit --output: the file's extension says xlsx";
        assert_eq!(format(Some(ReportFormat::Csv), "late.xlsx"), Err(vec![message.to_owned()]));
    }

    #[test]
    fn unknown_extensions_are_refused() {
        let check = |given: Option<ReportFormat>, output: &str| {
            check_ending(given, Some(Path::new(output))).map_err(|failure| failure.lines)
        };
        for output in ["late.xlsx", "LATE.CSV", "late.txt", "late", "/dev/stdout"] {
            assert_eq!(check(None, output), Ok(()), "{output}");
        }
        let message = "--output has the unknown extension .pdf; known are .txt, .json, .csv, .xlsx";
        assert_eq!(check(None, "late.pdf"), Err(vec![message.to_owned()]));
        assert_eq!(check(Some(ReportFormat::Json), "late.pdf"), Ok(()));
    }
}
