//! Command line: a file per command, which parses options, calls a rule and prints the result.
//!
//! Data is written to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage, 3 a
//! check found something.

pub mod activities;
pub mod agreements;
pub mod api;
mod api_client;
pub mod archive;
pub mod backup;
pub mod break_even;
pub mod checkpoint;
pub mod clock;
pub mod completions;
mod connect;
pub mod config;
pub mod contact;
pub mod demo;
mod demo_documents;
pub mod doctor;
pub mod expiring;
pub mod export;
mod failure;
pub mod healthcheck;
pub mod import;
mod invoice_filter;
mod invoice_list;
mod invoice_report;
mod invoice_run;
pub mod invoices;
pub mod ledger;
mod log;
pub mod man;
pub mod matrix;
pub mod members;
pub mod migrate;
mod notice_ends;
mod open_files;
mod payment_list;
pub mod payments;
pub mod period;
mod postgres_refusal;
mod remote_fields;
mod remote_lists;
pub mod program;
pub mod progress;
pub mod receivables;
mod reload;
mod report;
pub mod restore;
pub mod retention;
pub mod revenue;
pub mod scenario;
pub mod schema;
pub mod serve;
mod service_manager;
pub mod sie;
pub mod templates;
pub mod token;
pub mod trail_key;
mod unusable_settings;
pub mod vat_return;
pub mod verify;

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use chrono::{Datelike, NaiveDate};
use clap::ValueEnum;
use terminal_size::{Width, terminal_size};

pub use self::failure::{Failure, Outcome, Result};
use self::{
    connect::{connect, is_missing},
    failure::say,
};
use documents::{Grid, swedish, table};
use domain::{
    audit::TrailKey,
    auth::viewer::Viewer,
    clock::Clock,
    config::Settings,
    context::Context,
    database::{Database, RecordedCommand},
    error::{Error, ValidationErrors},
};
use entity::total::Total;

/// Format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Table for a terminal
    Table,
    /// One JSON document
    Json,
    /// CSV for programs (RFC 4180)
    Csv,
}

/// The settings file of --config.
static CONFIG: OnceLock<PathBuf> = OnceLock::new();

/// Returns the settings file of --config, if it is set.
fn config_option() -> Option<&'static Path> {
    CONFIG.get().map(PathBuf::as_path)
}

/// Reads the settings and starts the log of a command that is not a server: warnings and errors,
/// unless the settings request more.
fn settings() -> Result<Settings> {
    let settings = Settings::of_process(config_option())?;
    log::start(&settings, "warn");
    Ok(settings)
}

/// Returns the context of a command's rules.
fn context<'a>(db: &'a Database, viewer: &'a Viewer) -> Context<'a> {
    Context::new(db, Clock::system(), viewer)
}

/// Opens the database, which must exist and be up to date.
async fn open(settings: &Settings) -> Result<Database> {
    up_to_date(settings, connect(settings, false).await?).await
}

/// Returns the database with the key that signs its audit trail, if there is one; fails unless it
/// is up to date.
async fn up_to_date(settings: &Settings, mut db: Database) -> Result<Database> {
    if let Some(key) = TrailKey::of_settings(settings)? {
        db = db.with_trail_key(Arc::new(key));
    }
    match db.check().await {
        Ok(()) => Ok(db),
        // Its message says what to do.
        Err(error @ Error::Conflict { .. }) => Err(error.into()),
        Err(error) => {
            tracing::debug!(?error, "not migrated");
            Err(Failure::new(
                "the database is not migrated, or not to this version; run `samregister migrate`",
            ))
        }
    }
}

/// Records that a command ended, for `doctor` and the metrics. Reports on stderr if the database
/// refuses it, as it does for a role that may only read.
async fn record_run(db: &Database, command: RecordedCommand, findings: usize) {
    if let Err(error) = db.record_run(command, Clock::system().now(), findings).await {
        say(&format!("this run is not recorded for `samregister doctor`: {}", error.cause()));
    }
}

/// Writes data to stdout. A closed pipe (`| head`) is not a failure.
fn put(data: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(data.as_ref()).and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to stdout: {cause}")))
        }
        _ => Ok(()),
    }
}

/// Formats the grid as a table, as wide as the terminal if there is one.
fn table(grid: &Grid) -> String {
    let width =
        terminal_size().filter(|_| io::stdout().is_terminal()).map(|(Width(width), _)| width);
    table::render(grid, width)
}

/// Serializes a document as JSON with a final line break.
fn json(document: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|cause| Failure::from(Error::internal(cause)))?;
    Ok(format!("{text}\n"))
}

/// Parses a day of the command line.
fn day(text: &str) -> std::result::Result<NaiveDate, &'static str> {
    let day = text.parse().ok().filter(|day: &NaiveDate| (1900..=2999).contains(&day.year()));
    day.ok_or("is not a date; write it as 2026-12-31")
}

/// Fails if the last day of a range is before the first one.
fn check_range(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Result<()> {
    let mut errors = ValidationErrors::default();
    errors.expect_range("to", from, to);
    errors.finish().map_err(Failure::of_options)
}

/// Formats an amount for people: `18 000,00 kr`, with no-break spaces.
fn kronor(amount: impl Into<Total>) -> String {
    format!("{}\u{a0}kr", swedish::kronor(amount))
}

/// Formats a count with its noun: `1 agreement`, `2 agreements`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
