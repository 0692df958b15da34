//! `samregister archive`: intake of scanned contracts, and the diary.

use std::{
    io,
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};

use super::{Failure, Outcome, Result, context, count, open, put, say, settings, table};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    archived_documents::intake::{self, Candidate, Match, Plan, Taken},
    auth::viewer::Viewer,
    config::Settings,
    context::Context,
    diary::{self, Filter},
    error::Error,
    files,
    stored_files::{file_name, uploads::NewFile},
};
use entity::diary_entry;

/// Register scanned documents in the archive, and list the diary
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Report which scanned contracts belong to which agreements:
    samregister archive import ./skannat --dry-run
  Register them:
    samregister archive import ./skannat
  Export the diary of a year:
    samregister archive diary --from 2026-01-01 --to 2026-12-31 --format csv > diarium.csv")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(Import),
    Diary(Diary),
}

/// Register a folder of scanned contracts
///
/// Each PDF in the folder whose name is the number or the key of an agreement, or begins with it,
/// as "2020-0007 Gotland.pdf", becomes an archived document of that agreement, with the next
/// registry number. A file that the archive has already is left out, so that the command can be
/// repeated. Each file is a change of its own. A file that can't be read, or is too large, is
/// reported and left out; the exit code is then 1.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  samregister archive import ./skannat --dry-run")]
struct Import {
    /// Folder of the files
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only report what would be registered
    #[arg(long)]
    dry_run: bool,
}

/// List everything with a registry number (diarium)
///
/// Archived documents, agreements that were offered, issued invoices and credit notes, and
/// requisitions, by the day on which they got their numbers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister archive diary --from 2026-01-01
  samregister archive diary --format csv > diarium.csv")]
struct Diary {
    /// First day
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last day
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// Words that must all occur in the record
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// Format of the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Table for a terminal
    Table,
    /// CSV for programs and spreadsheets (RFC 4180)
    Csv,
}

/// A file with its agreement, and what became of it.
struct Line {
    file: String,
    agreement: Option<String>,
    result: &'static str,
    number: Option<String>,
    /// It is in the archive, or a dry run found that it would be.
    is_done: bool,
    is_unread: bool,
}

/// Runs the command.
///
/// # Errors
/// Fails if the database can't be opened, or the folder can't be read; after the others are done,
/// also if a file can't be read. Files before a failure stay registered.
pub async fn run(options: Options) -> Result {
    match options.subcommand {
        Command::Import(options) => import(options).await,
        Command::Diary(options) => list(options).await,
    }
}

/// Lists the diary.
async fn list(options: Diary) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("archive diary");
    let Diary { from, to, search, format } = options;
    let filter = Filter { kinds: Vec::new(), from, to, search };
    let found = diary::all(context(&db, &viewer), &filter).await;
    db.close().await?;
    let grid = entries(&found?);
    put(match format {
        Format::Csv => sheet::csv(&grid)?,
        Format::Table => table(&grid).into_bytes(),
    })?;
    Ok(Outcome::Done)
}

fn entries(found: &[diary_entry::Model]) -> Grid {
    let columns = vec![
        Column::new("registered_on", "Dag", Kind::Day),
        Column::new("number", "Nummer", Kind::Text),
        Column::new("title", "Titel", Kind::Text),
    ];
    let row = |entry: &diary_entry::Model| {
        vec![
            Cell::Day(entry.registered_on),
            Cell::Text(entry.number.clone()),
            Cell::Text(entry.title.clone()),
        ]
    };
    Grid { columns, rows: found.iter().map(row).collect(), total: None }
}

/// Registers a folder of scanned contracts.
async fn import(options: Import) -> Result {
    let Import { folder, dry_run } = options;
    let paths = pdfs(&folder)?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("archive import");
    let mut lines = Vec::with_capacity(paths.len());
    let taken = take_all(context(&db, &viewer), &settings, paths, dry_run, &mut lines).await;
    db.close().await?;
    // Also after a failure: the files before it are registered.
    put(table(&grid(&lines)))?;
    taken?;
    let left = lines.iter().filter(|line| !line.is_done).count();
    if left > 0 {
        say(&format!("{} not registered", count(left, "file")));
    }
    say(if dry_run { "nothing was changed: a dry run" } else { "imported" });
    let unread = lines.iter().filter(|line| line.is_unread).count();
    if unread > 0 {
        return Err(Failure::new(format!("{} could not be read", count(unread, "file"))));
    }
    Ok(Outcome::Done)
}

/// Returns the PDF files of a folder, by name.
fn pdfs(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable =
        |cause: io::Error| Failure::new(format!("cannot read {}: {cause}", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if ending.is_some_and(|ending| ending.eq_ignore_ascii_case("pdf")) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Takes the files in their order, and adds a line for each.
async fn take_all(
    ctx: Context<'_>,
    settings: &Settings,
    paths: Vec<PathBuf>,
    is_dry_run: bool,
    lines: &mut Vec<Line>,
) -> Result<()> {
    let candidates = intake::candidates(ctx).await?;
    let max_bytes = settings.limits.upload_bytes as u64;
    let mut plan = is_dry_run.then(Plan::new);
    for path in paths {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        lines.push(match intake::matching(&candidates, &file) {
            Match::One(candidate) => match files::read(&path, max_bytes) {
                Ok(bytes) => take(ctx, candidate, file, bytes, plan.as_mut()).await?,
                Err(cause) => unread(candidate, file, &cause),
            },
            Match::None => left_out(file, "inget avtal"),
            Match::Several => left_out(file, "flera avtal"),
        });
    }
    Ok(())
}

fn left_out(file: String, result: &'static str) -> Line {
    Line { file, agreement: None, result, number: None, is_done: false, is_unread: false }
}

/// Returns the line of a file that can't be read.
fn unread(candidate: &Candidate, file: String, cause: &io::Error) -> Line {
    let result = match cause.kind() {
        io::ErrorKind::FileTooLarge => "för stor",
        _ => "kan inte läsas",
    };
    let agreement = Some(candidate.number.clone());
    Line { file, agreement, result, number: None, is_done: false, is_unread: true }
}

async fn take(
    ctx: Context<'_>,
    candidate: &Candidate,
    file: String,
    bytes: Vec<u8>,
    plan: Option<&mut Plan>,
) -> Result<Line> {
    let new = NewFile { name: file.clone(), media_type: None, bytes };
    let (result, number, is_done) = match intake::take(ctx, candidate, new, plan).await {
        Ok(Taken::Registered(number)) => ("registrerad", Some(number), true),
        Ok(Taken::Known(number)) => ("fanns redan", Some(number), true),
        Ok(Taken::Planned) => ("registreras", None, true),
        Ok(Taken::PlannedBefore) => ("samma som en tidigare fil", None, true),
        Ok(Taken::NotPdf) => ("ingen PDF", None, false),
        Err(Error::Invalid(_)) => ("otillåtet filnamn", None, false),
        Err(error) => return Err(error.into()),
    };
    let agreement = Some(candidate.number.clone());
    Ok(Line { file, agreement, result, number, is_done, is_unread: false })
}

fn grid(lines: &[Line]) -> Grid {
    let columns = vec![
        Column::new("file", "Fil", Kind::Text),
        Column::new("agreement", "Avtal", Kind::Text),
        Column::new("result", "Resultat", Kind::Text),
        Column::new("number", "Diarienummer", Kind::Text),
    ];
    let text = |text: Option<&String>| text.map_or(Cell::Empty, |text| Cell::Text(text.clone()));
    let rows = lines.iter().map(|line| {
        vec![
            Cell::Text(file_name::to_show(&line.file)),
            text(line.agreement.as_ref()),
            Cell::Text(line.result.to_owned()),
            text(line.number.as_ref()),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}
