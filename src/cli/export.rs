//! `samregister export`: writes the data as CSV files.

use std::path::PathBuf;

use clap::Args;

use super::{Outcome, Result, context, open, progress::Meter, put, say, settings, table};
use documents::{Cell, Column, Grid, Kind};
use domain::{auth::viewer::Viewer, interchange::export, output::OwnFiles};

/// Write the register as CSV files
///
/// Writes the files that `import` reads, as of one moment. Imported into an empty register and
/// exported again, they are identical to the byte. They are no backup, since they lack the audit
/// trail, texts and signatures of agreements, decisions, and snoozes of deadlines. Files
/// of the same names are replaced. Contacts count as read, which is logged.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  samregister export ./csv")]
pub struct Options {
    /// Folder to write to; created if missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Exports to a folder.
///
/// # Errors
/// Fails if a file can't be written.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let mut meter = Meter::new();
    let done = export::export(
        context(&db, &Viewer::operator("export")),
        &OwnFiles::new(&db, &settings),
        &options.folder,
        &mut |progress| meter.show(progress),
    )
    .await;
    meter.finish();
    db.close().await?;
    let files = done?;
    let number = |number: u64| Cell::Number(i64::try_from(number).unwrap_or(i64::MAX));
    let columns =
        vec![Column::new("file", "Fil", Kind::Text), Column::new("rows", "Rader", Kind::Number)];
    let rows = files
        .iter()
        .map(|file| vec![Cell::Text(file.file.name().into()), number(file.rows)])
        .collect();
    let total = vec![Cell::Text("Summa".into()), number(files.iter().map(|file| file.rows).sum())];
    put(table(&Grid { columns, rows, total: Some(total) }))?;
    say(&format!("exported to {}", options.folder.display()));
    Ok(Outcome::Done)
}
