//! Command line: a file per command, which parses options, calls a rule and prints the result.
//!
//! Data is written to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage, 3 a
//! check found something.

pub mod activities;
pub mod agreements;
pub mod api;
mod api_client;
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
    env::ArgsOs,
    ffi::OsString,
    io::{self, ErrorKind, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{Datelike, NaiveDate};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use terminal_size::{Width, terminal_size};

use self::connect::{connect, is_missing};
pub use self::failure::Failure;
use documents::{Grid, swedish, table};
use domain::{
    audit::{self, TrailKey},
    auth::viewer::Viewer,
    clock::Clock,
    config::{LogFormat, Settings},
    context::Context,
    database::{Database, RecordedCommand},
    error::{Error, ValidationErrors},
    integrity,
};
use entity::total::Total;

/// The membership and contracts register of a network of samordningsförbund
///
/// Stores members, activities, agreements, invoices and revenue in SQLite or PostgreSQL, and serves
/// them over GraphQL.
#[derive(Debug, Parser)]
#[command(name = "samregister", version, max_term_width = 110, after_help = HELP)]
pub struct Program {
    /// Settings file; defaults to SAMREGISTER_CONFIG, then samregister.toml in the working
    /// directory, then /etc/samregister/samregister.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  A temporary register with example data, and a token for each role:
    samregister serve --demo
  A register of your own, filled from CSV files:
    samregister migrate && samregister import ./csv && samregister serve
  Agreements with a deadline in 90 days; exits with 3 if there are any:
    samregister expiring --within-days 90 --check
  Revenue, costs and result of each activity:
    samregister revenue --from 2026-01-01 --to 2026-12-31
  Everything that a running register needs; exits with 3 if something is wrong:
    samregister doctor
  The members in an activity, from a server, with your own rights:
    samregister members list --activity bip --url https://register.example.se

Settings, in the environment or in samregister.toml in the working directory,
in /etc/samregister/ or of --config:
  DATABASE_URL            sqlite://samregister.db?mode=rwc, or postgres://…,
                          of which a list names several hosts
  SAMREGISTER_BIND        address to listen on; default 127.0.0.1:8080
  SAMREGISTER_JWT_SECRET  signs tokens: at least 32 bytes. Or set
                          SAMREGISTER_JWT_PUBLIC_KEY to a PEM file, or
                          SAMREGISTER_JWT_JWKS to a set of keys
  …_FILE                  of DATABASE_URL, SAMREGISTER_JWT_SECRET and
                          SAMREGISTER_METRICS_TOKEN: a file with
                          the value
  SAMREGISTER_LOG         log filter, as info or debug
  SAMREGISTER_LOG_FORMAT  text, or json for machines

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a check found something";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Options),
    Migrate(migrate::Options),
    Import(import::Options),
    Export(export::Options),
    Payments(payments::Options),
    Templates(templates::Options),
    Token(token::Options),
    Expiring(expiring::Options),
    NoticeEnds(notice_ends::Options),
    Revenue(revenue::Options),
    Costs(ledger::CostOptions),
    Grants(ledger::GrantOptions),
    Scenario(scenario::Options),
    BreakEven(break_even::Options),
    Matrix(matrix::Options),
    Invoices(invoices::Options),
    Sie(sie::Options),
    VatReturn(vat_return::Options),
    Api(api::Options),
    Members(members::Options),
    Agreements(agreements::Options),
    Activities(activities::Options),
    Period(period::Options),
    Receivables(receivables::Options),
    Verify(verify::Options),
    Checkpoint(checkpoint::Options),
    Backup(backup::Options),
    Restore(restore::Options),
    Clock(clock::Options),
    TrailKey(trail_key::Options),
    Contact(contact::Options),
    Retention(retention::Options),
    Healthcheck(healthcheck::Options),
    Config(config::Options),
    Doctor(doctor::Options),
    Schema(schema::Options),
    Completions(completions::Options),
    Man(man::Options),
}

/// Result of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The command is done.
    Done,
    /// A check found something.
    Found,
}

impl Outcome {
    /// Returns the outcome of a list, which may be a check.
    fn of_list<T>(is_check: bool, found: &[T]) -> Self {
        if is_check && !found.is_empty() { Self::Found } else { Self::Done }
    }
}

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

/// Result of a command.
pub type Result<T = Outcome> = std::result::Result<T, Failure>;

/// Stack size of a thread that executes requests, in bytes: the deepest document within the limits
/// needs a few hundred kilobytes in a release build and several megabytes without optimization.
/// Only used pages take memory.
const STACK_BYTES: usize = 16 << 20;

/// Runs the program. Not generic, so that it is compiled in this crate and not again with the
/// binary.
pub fn run(args: ArgsOs) -> ExitCode {
    // Files that the program or its libraries create are accessible to their owner only.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let args: Vec<OsString> = args.collect();
    let is_json = failure::is_json_wanted(&args);
    let parsed = Program::command().try_get_matches_from(args).and_then(|matches| {
        let name = matches.subcommand_name().map(str::to_owned);
        let program = Program::from_arg_matches(&matches);
        Ok((name, program.map_err(|error| error.format(&mut Program::command()))?))
    });
    let (name, Program { config, command }) = match parsed {
        Ok(program) => program,
        Err(answer) if is_json && answer.use_stderr() => {
            return Failure::usage(failure::summary(&answer)).report(true);
        }
        Err(answer) => {
            // Help is a successful result; a closed stdout is ignored.
            answer.print().ok();
            return ExitCode::from(if answer.use_stderr() { 2 } else { 0 });
        }
    };
    COMMAND.set(name.unwrap_or_default()).ok();
    if let Some(file) = config {
        // Nothing has read it yet.
        CONFIG.set(file).ok();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(command.run());
            // A thread that is blocked, as by a network, does not prevent the end.
            runtime.shutdown_timeout(END_TIMEOUT);
            done
        }
        Err(cause) => Err(Failure::new(format!("cannot start: {cause}"))),
    };
    match done {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(3),
        Err(failure) => failure.report(is_json),
    }
}

/// Time limit for the end of threads when a command is done.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Name of the command, as `serve`.
static COMMAND: OnceLock<String> = OnceLock::new();

/// The settings file of --config.
static CONFIG: OnceLock<PathBuf> = OnceLock::new();

/// Returns the settings file of --config, if it is set.
fn config_option() -> Option<&'static Path> {
    CONFIG.get().map(PathBuf::as_path)
}

impl Command {
    async fn run(self) -> Result {
        match self {
            Self::Serve(options) => serve::run(options).await,
            Self::Migrate(options) => migrate::run(options).await,
            Self::Import(options) => import::run(options).await,
            Self::Export(options) => export::run(options).await,
            Self::Payments(options) => payments::run(options).await,
            Self::Templates(options) => templates::run(options).await,
            Self::Token(options) => token::run(options).await,
            Self::Expiring(options) => expiring::run(options).await,
            Self::NoticeEnds(options) => notice_ends::run(options).await,
            Self::Revenue(options) => revenue::run(options).await,
            Self::Costs(options) => ledger::run_costs(options).await,
            Self::Grants(options) => ledger::run_grants(options).await,
            Self::Invoices(options) => invoices::run(options).await,
            Self::Scenario(options) => scenario::run(options).await,
            Self::BreakEven(options) => break_even::run(options).await,
            Self::Matrix(options) => matrix::run(options).await,
            Self::Sie(options) => sie::run(options).await,
            Self::Period(options) => period::run(options).await,
            Self::Receivables(options) => receivables::run(options).await,
            Self::VatReturn(options) => vat_return::run(options).await,
            Self::Api(options) => api::run(options).await,
            Self::Members(options) => members::run(options).await,
            Self::Agreements(options) => agreements::run(options).await,
            Self::Activities(options) => activities::run(options).await,
            Self::Verify(options) => verify::run(options).await,
            Self::Checkpoint(options) => checkpoint::run(options).await,
            Self::Backup(options) => backup::run(options).await,
            Self::Restore(options) => restore::run(options).await,
            Self::Clock(options) => clock::run(options).await,
            Self::TrailKey(options) => trail_key::run(options).await,
            Self::Contact(options) => contact::run(options).await,
            Self::Retention(options) => retention::run(options).await,
            Self::Healthcheck(options) => healthcheck::run(options).await,
            Self::Config(options) => config::run(options),
            Self::Doctor(options) => doctor::run(options).await,
            Self::Schema(options) => schema::run(options),
            Self::Completions(options) => completions::run(options),
            Self::Man(options) => man::run(options),
        }
    }
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

/// Connects to the database to migrate it and write to it. Creates the key that signs the audit
/// trail if there is none and nothing was signed yet.
async fn make(settings: &Settings) -> Result<Database> {
    let db = connect(settings, true).await?;
    let key = match TrailKey::of_settings(settings)? {
        Some(key) => key,
        None => new_key(settings, &db).await?,
    };
    Ok(db.with_trail_key(Arc::new(key)).with_row_recorder(integrity::record_rows))
}

/// Creates the key that signs the audit trail.
async fn new_key(settings: &Settings, db: &Database) -> Result<TrailKey> {
    let file = settings.trail_key_file();
    let position = file.display();
    if let Some(next) = trail_key::unfinished(settings) {
        let reason = format!(
            "there is no key in {position}, but {} of an interrupted replacement",
            next.display()
        );
        return Err(Failure::new(format!("{reason}; `samregister trail-key replace` finishes it")));
    }
    if let Some(name) = audit::last_key(db).await? {
        return Err(Failure::new(format!(
            "the audit trail was signed with the key {name}, but there is none in {position}; copy its file there, or name it in SAMREGISTER_TRAIL_KEY"
        )));
    }
    let key = TrailKey::generate();
    let written = key.to_pem().and_then(|text| audit::write_private(&file, &text));
    match written {
        Ok(()) => {
            report_new_key(settings, &file, key.id());
            Ok(key)
        }
        // Another program created it at the same time.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            Ok(TrailKey::read("SAMREGISTER_TRAIL_KEY", &file)?)
        }
        Err(cause) => Err(Failure::new(format!(
            "cannot write the key that signs the audit trail to {position}: {cause}; name another file in SAMREGISTER_TRAIL_KEY"
        ))),
    }
}

/// Reports that a key was created, its file, and that it needs a separate backup.
fn report_new_key(settings: &Settings, file: &Path, id: &str) {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let message = format!(
        "made the key {id} that signs the audit trail: {}. Back it up now, apart from the database: without it no change can be made, and \
         with both of them the trail can be forged",
        file.display()
    );
    match settings.log_format {
        LogFormat::Text => say(&message),
        LogFormat::Json => tracing::warn!("{message}"),
    }
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

/// Writes a line to stderr, and ignores errors.
fn say(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_is_described() {
        for command in Program::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            assert!(
                command
                    .get_after_help()
                    .is_some_and(|help| help.to_string().contains("samregister")),
                "{} has no example",
                command.get_name()
            );
            for option in command.get_arguments() {
                assert!(option.get_help().is_some(), "{} {}", command.get_name(), option.get_id());
            }
        }
    }
}
