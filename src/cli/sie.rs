//! `samregister sie`: bookkeeping files of invoices and payments.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use chrono::NaiveDate;
use clap::{ArgGroup, Args};
use entity::export_batch;

use super::{Failure, Outcome, Result, context, count, open, put, report, say, settings, table};
use documents::{Cell, Column, Grid, Kind, sie};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    config::Settings,
    database::Database,
    error::ValidationErrors,
    output::{self, OwnFiles},
    vouchers::{self, export, export_batches},
};

/// Write a bookkeeping file (SIE 4I)
///
/// Writes a voucher for each invoice, credit note, payment and reminder with a fee, with the
/// accounts of [network.accounts] in samregister.toml and revenue by activity (dimension 6). With
/// --new, vouchers that were not exported before make a new batch: each voucher is exported a
/// single time, with its own number in its series and year, and --batch writes a batch again, byte
/// for byte. A voucher that has changed since it was exported gets a correcting voucher. If nothing
/// is new, neither a batch nor a file is made. Imported history is in no batch. With --from and
/// --to, all vouchers of these days are written: those of a batch as they were exported.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true))]
#[command(after_help = "\
Examples:
  New vouchers through the end of January:
    samregister sie --new --through 2026-01-31 --output 2026-01.si
  The third batch again:
    samregister sie --batch 3 --output batch-3.si
  All of January, exported or not:
    samregister sie --from 2026-01-01 --to 2026-01-31 --output 2026-01.si")]
pub struct Options {
    /// Export vouchers that were not exported before, as a new batch
    #[arg(long, group = "which")]
    new: bool,
    /// Last day of a new batch; defaults to today
    #[arg(long, value_name = "DATE", value_parser = super::day, requires = "new")]
    through: Option<NaiveDate>,
    /// Write the batch with this number again
    #[arg(long, value_name = "N", group = "which")]
    batch: Option<i32>,
    /// List the batches
    #[arg(long, group = "which", conflicts_with = "output")]
    batches: bool,
    /// First day
    #[arg(long, value_name = "DATE", value_parser = super::day, group = "which", requires = "to")]
    from: Option<NaiveDate>,
    /// Last day
    #[arg(long, value_name = "DATE", value_parser = super::day, requires = "from")]
    to: Option<NaiveDate>,
    /// File to write; defaults to stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the file.
///
/// # Errors
/// Fails if the days are out of order, the network has no name, the database can't be opened or the
/// file can't be written.
pub async fn run(options: Options) -> Result {
    if options.output.is_none() && !options.batches && io::stdout().is_terminal() {
        return Err(Failure::usage(
            "set --output FILE, since a terminal can't show the characters of such a file",
        ));
    }
    let settings = settings()?;
    let db = open(&settings).await?;
    let own = OwnFiles::new(&db, &settings);
    if let Some(path) = &options.output {
        own.refuse(path)?;
    }
    report::require_ending(options.output.as_deref(), &["si", "sie", "se"])?;
    let made = file(&options, &db, &settings).await;
    db.close().await?;
    let Some((description, file)) = made? else { return Ok(Outcome::Done) };
    match &options.output {
        None => put(file)?,
        Some(path) => {
            output::write(path, &file, &own)?;
            say(&format!("wrote {description} to {}", path.display()));
        }
    }
    Ok(Outcome::Done)
}

/// Returns the file and a description of it; `None` for a new batch if nothing is new, which is
/// reported.
async fn file(
    options: &Options,
    db: &Database,
    settings: &Settings,
) -> Result<Option<(String, Vec<u8>)>> {
    let viewer = Viewer::operator("sie");
    let description = |batch: &export_batch::Model| {
        let vouchers = count(usize::try_from(batch.vouchers).unwrap_or_default(), "voucher");
        format!("batch {} with {vouchers}", batch.number)
    };
    if options.batches {
        let found = export_batches::list(context(db, &viewer)).await?;
        return Ok(Some((String::new(), table(&grid(&found)).into_bytes())));
    }
    if let Some(number) = options.batch {
        let batch = export_batches::by_number(context(db, &viewer), number).await?;
        return Ok(Some((description(&batch), batch.content)));
    }
    if options.new {
        let through = options.through.unwrap_or_else(|| Clock::system().today());
        let batch = export::export(
            context(db, &viewer),
            &settings.network,
            through,
            ValidationErrors::default(),
        )
        .await
        .map_err(Failure::of_options)?;
        if batch.is_none() {
            say(&format!("nothing is new through {through}; no batch was made"));
        }
        return Ok(batch.map(|batch| (description(&batch), batch.content)));
    }
    let (from, to) = (options.from.unwrap_or_default(), options.to.unwrap_or_default());
    let journal = vouchers::journal(context(db, &viewer), &settings.network, from, to)
        .await
        .map_err(Failure::of_options)?;
    Ok(Some((count(journal.vouchers.len(), "voucher"), sie::file(&journal)?)))
}

fn grid(found: &[export_batch::Model]) -> Grid {
    let columns = vec![
        Column::new("number", "Bunt", Kind::Distinct),
        Column::new("made_at", "Skapad", Kind::Text),
        Column::new("through_on", "Till och med", Kind::Day),
        Column::new("vouchers", "Verifikationer", Kind::Number),
        Column::new("file_sha256", "SHA-256", Kind::Text),
    ];
    let row = |row: &export_batch::Model| {
        vec![
            Cell::Number(row.number.into()),
            Cell::Text(row.made_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            Cell::Day(row.through_on),
            Cell::Number(row.vouchers.into()),
            Cell::Text(row.file_sha256.clone()),
        ]
    };
    Grid { columns, rows: found.iter().map(row).collect(), total: None }
}
