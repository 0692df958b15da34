//! `samregister import`: imports CSV files.

use std::{
    collections::BTreeSet,
    io::{self, BufWriter, Write},
    path::PathBuf,
    time::Duration,
};

use clap::Args;

use super::{
    Failure, Outcome, Result, context, count, open, progress::Meter, put, say, settings, table,
};
use documents::{Cell, Column, Grid, Kind};
use domain::{
    auth::viewer::Viewer,
    interchange::import::{self, BadRow, Forecast, ImportError, Report},
};

/// Import CSV files into the register, all or nothing
///
/// Reads members.csv, agreements.csv, invoices.csv and so on from a folder; missing files are
/// skipped. All rows are written in one transaction. If a single row is invalid, nothing is
/// written, and every invalid row is reported as file:line: column: reason. Importing the same
/// files again changes nothing. Accepts commas and semicolons, decimal points and (between
/// semicolons) decimal commas.
///
/// Other changes of the register wait until it is done. The command says beforehand how long that
/// takes, if it is more than five seconds: mutations are refused with BUSY meanwhile. Import large
/// files when no one writes. With --dry-run they wait as long on PostgreSQL; on SQLite it checks a
/// copy of the register, and they do not wait.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Check the files, and report what would change and how long an import blocks other changes:
    samregister import ./csv --dry-run
  Write the errors to a file:
    samregister import ./csv 2> errors.txt")]
pub struct Options {
    /// Folder of the files
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only report what would change, and how long the import would block other changes
    #[arg(long)]
    dry_run: bool,
}

/// Imports a folder.
///
/// # Errors
/// Fails if a row is invalid or a file can't be read; then nothing has changed.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let mut meter = Meter::new();
    let viewer = Viewer::operator("import");
    // The import itself reports files that can't be read.
    if let Ok(forecast) = import::forecast(db.backend(), &options.folder)
        && (options.dry_run || forecast.refuses_others())
    {
        say(&describe(forecast));
    }
    let done = import::import(
        context(&db, &viewer),
        &settings.network,
        &options.folder,
        options.dry_run,
        &mut |progress| meter.show(progress),
    )
    .await;
    meter.finish();
    db.close().await?;
    match done {
        Ok(report) => {
            put(table(&grid(&report)))?;
            for name in &report.ignored {
                say(&format!("ignored: {name} is not a file of an import"));
            }
            say(if report.dry_run { "nothing was changed: a dry run" } else { "imported" });
            Ok(Outcome::Done)
        }
        Err(ImportError::Bad { rows, more }) => Err(refused(&rows, more)),
        Err(ImportError::Error(error)) => Err(error.into()),
    }
}

/// Describes how long an import blocks other changes.
fn describe(forecast: Forecast) -> String {
    let rows = count(usize::try_from(forecast.rows).unwrap_or(usize::MAX), "row");
    let blocked =
        format!("{rows}: the import blocks other changes for {}", roughly(forecast.blocked_for));
    if forecast.refuses_others() {
        format!("{blocked}; mutations are refused with BUSY meanwhile")
    } else {
        blocked
    }
}

/// Describes an expected time.
fn roughly(time: Duration) -> String {
    match time.as_secs() {
        0..=5 => "5 seconds at most".to_owned(),
        seconds @ 6..120 => format!("about {seconds} seconds"),
        seconds => format!("about {} minutes", seconds.div_ceil(60)),
    }
}

fn refused(rows: &[BadRow], more: u64) -> Failure {
    // There may be thousands; if the reader has gone, only the summary is left to report.
    let mut stderr = BufWriter::new(io::stderr().lock());
    rows.iter().try_for_each(|row| writeln!(stderr, "{row}")).and_then(|()| stderr.flush()).ok();
    let files: BTreeSet<_> = rows.iter().map(|row| row.file).collect();
    let mut line = format!(
        "{} in {}; nothing was changed",
        count(rows.len() + usize::try_from(more).unwrap_or_default(), "error"),
        count(files.len(), "file")
    );
    if more > 0 {
        line.push_str(&format!(" (the first {} are shown)", rows.len()));
    }
    Failure::new(line)
}

fn grid(report: &Report) -> Grid {
    let number = |number: u64| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
    let columns = vec![
        Column::new("file", "Fil", Kind::Text),
        Column::new("rows", "Rader", Kind::Number),
        Column::new("added", "Nya", Kind::Number),
        Column::new("changed", "Ändrade", Kind::Number),
        Column::new("unchanged", "Oförändrade", Kind::Number),
        Column::new("separator", "Avskiljare", Kind::Text),
    ];
    let rows = report.files.iter().map(|file| {
        let separator = match file.separator {
            ',' => "komma",
            ';' => "semikolon",
            _ => "annat",
        };
        vec![
            Cell::Text(file.file.name().into()),
            number(file.rows),
            number(file.added),
            number(file.changed),
            number(file.unchanged),
            Cell::Text(separator.into()),
        ]
    });
    let sum = |of: fn(&import::FileReport) -> u64| number(report.files.iter().map(of).sum());
    let total = vec![
        Cell::Text("Summa".into()),
        sum(|file| file.rows),
        sum(|file| file.added),
        sum(|file| file.changed),
        sum(|file| file.unchanged),
        Cell::Empty,
    ];
    Grid { columns, rows: rows.collect(), total: Some(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expected_time_is_in_seconds_or_minutes() {
        let words = |seconds| roughly(Duration::from_secs(seconds));
        assert_eq!([0, 5].map(words), ["5 seconds at most", "5 seconds at most"]);
        assert_eq!([6, 119].map(words), ["about 6 seconds", "about 119 seconds"]);
        assert_eq!([120, 181].map(words), ["about 2 minutes", "about 4 minutes"]);
    }
}
