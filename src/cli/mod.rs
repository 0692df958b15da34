//! The commands of the program, a file each: what the command line says is read, one rule is
//! called, and the answer is written out.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 usage, 3 a check
//! found something.

pub mod break_even;
pub mod checkpoint;
pub mod clock;
pub mod completions;
pub mod contact;
pub mod demo;
pub mod expiring;
pub mod export;
pub mod import;
mod invoice_list;
mod invoice_run;
pub mod invoices;
pub mod ledger;
pub mod matrix;
pub mod migrate;
mod notice_ends;
mod open_files;
mod payment_list;
pub mod payments;
pub mod period;
mod postgres_refusal;
pub mod progress;
pub mod receivables;
mod report;
pub mod retention;
pub mod revenue;
pub mod scenario;
pub mod schema;
pub mod serve;
pub mod sie;
pub mod templates;
pub mod token;
pub mod trail_key;
pub mod vat_return;
pub mod verify;

use std::{
    env::ArgsOs,
    io::{self, ErrorKind, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use chrono::{Datelike, NaiveDate};
use clap::{Parser, Subcommand, ValueEnum};
use sea_orm::DbErr;
use terminal_size::{Width, terminal_size};
use tracing_subscriber::EnvFilter;

use domain::{
    audit::{self, TrailKey},
    clock::Clock,
    config::{LogFormat, Settings},
    database::Database,
    documents::{Grid, table},
    error::Error,
    integrity,
};

/// The membership and contracts register of a network of samordningsförbund
///
/// Keeps members, activities, agreements, invoices and revenue in SQLite or PostgreSQL, and answers
/// questions about them over GraphQL.
#[derive(Debug, Parser)]
#[command(name = "samregister", version, max_term_width = 110, after_help = HELP)]
pub struct Program {
    #[command(subcommand)]
    command: Command,
}

const HELP: &str = "\
Examples:
  A throw-away register to try, with a token for each role:
    samregister serve --demo
  A register of your own, filled from CSV files:
    samregister migrate && samregister import ./csv && samregister serve
  Which agreements are about to end? Exits with 3 when there are any:
    samregister expiring --within-days 90 --check
  Revenue, cost and result of each activity:
    samregister revenue --from 2026-01-01 --to 2026-12-31

Settings, in the environment or in samregister.toml in the working directory:
  DATABASE_URL            sqlite://samregister.db?mode=rwc, or postgres://…
  SAMREGISTER_BIND        where to listen; 127.0.0.1:8080 unless set
  SAMREGISTER_JWT_SECRET  signs tokens: at least 32 bytes. Or set
                          SAMREGISTER_JWT_PUBLIC_KEY to a PEM file, or
                          SAMREGISTER_JWT_JWKS to a set of keys
  …_FILE                  of DATABASE_URL, SAMREGISTER_JWT_SECRET and
                          SAMREGISTER_METRICS_TOKEN: a file that holds
                          the setting
  SAMREGISTER_LOG         what is logged, as info or debug
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
    Period(period::Options),
    Receivables(receivables::Options),
    Verify(verify::Options),
    Checkpoint(checkpoint::Options),
    Clock(clock::Options),
    TrailKey(trail_key::Options),
    Contact(contact::Options),
    Retention(retention::Options),
    Schema(schema::Options),
    Completions(completions::Options),
}

/// What became of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// A check found something.
    Found,
}

impl Outcome {
    /// That of a list which somebody may have asked for as a check.
    fn of_list<T>(is_check: bool, found: &[T]) -> Self {
        if is_check && !found.is_empty() { Self::Found } else { Self::Done }
    }
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For the eye
    Table,
    /// One document for programs
    Json,
    /// For programs (RFC 4180)
    Csv,
}

/// Why a command failed: a line for each fault.
#[derive(Debug)]
pub struct Failure {
    lines: Vec<String>,
    code: u8,
}

impl Failure {
    fn new(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], code: 1 }
    }

    /// Of options that don't go together.
    fn usage(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], code: 2 }
    }

    /// Returns an error with the options of a command named where it names the fields of an input.
    fn of_options(error: Error) -> Self {
        match error {
            Error::Invalid(errors) => {
                let lines = errors.iter().map(|error| {
                    format!("--{} {}", error.path.trim_start_matches("input."), error.message)
                });
                Self { lines: lines.collect(), code: 2 }
            }
            other => other.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let lines = match &error {
            Error::Invalid(errors) => {
                errors.iter().map(|error| format!("{} {}", error.path, error.message)).collect()
            }
            // The operator of the machine may read causes that clients of the API may not.
            Error::Internal(cause) if cause.is::<DbErr>() => {
                vec![format!("the database failed: {cause}")]
            }
            Error::Internal(cause) => vec![cause.to_string()],
            Error::Conflict { reason: "PERIOD_CLOSED", message } => {
                vec![format!("{message} (`samregister period reopen` opens a closed period again)")]
            }
            other => vec![other.to_string()],
        };
        Self { lines, code: 1 }
    }
}

/// What commands answer.
pub type Result<T = Outcome> = std::result::Result<T, Failure>;

/// The stack of a thread that answers requests, in bytes: the deepest document within the limits
/// needs a few hundred kilobytes in a release build and several megabytes without optimisation.
/// Only what is used takes memory.
const STACK: usize = 16 << 20;

/// The whole program. Nothing about it is generic, so that it is compiled once, here, and not again
/// with the binary.
pub fn run(args: ArgsOs) -> ExitCode {
    // Whatever the program or a library of its creates is its owner's alone.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let program = match Program::try_parse_from(args) {
        Ok(program) => program,
        Err(answer) => {
            // Help is an answer as well; when nobody reads it, there is nobody to tell.
            answer.print().ok();
            return ExitCode::from(if answer.use_stderr() { 2 } else { 0 });
        }
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(program.command.run()),
        Err(cause) => Err(Failure::new(format!("cannot start: {cause}"))),
    };
    match done {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(3),
        Err(failure) => {
            for (position, line) in failure.lines.iter().enumerate() {
                say(&format!("{}{line}", if position == 0 { "error: " } else { "       " }));
            }
            ExitCode::from(failure.code)
        }
    }
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
            Self::Verify(options) => verify::run(options).await,
            Self::Checkpoint(options) => checkpoint::run(options).await,
            Self::Clock(options) => clock::run(options).await,
            Self::TrailKey(options) => trail_key::run(options).await,
            Self::Contact(options) => contact::run(options).await,
            Self::Retention(options) => retention::run(options).await,
            Self::Schema(options) => schema::run(options),
            Self::Completions(options) => completions::run(options),
        }
    }
}

/// Reads the settings and starts the log, for a command that is no server: it tells only what goes
/// wrong, unless somebody asked for more.
fn settings() -> Result<Settings> {
    let settings = Settings::of_process()?;
    start_log(&settings, "warn");
    Ok(settings)
}

/// Starts the log, on stderr, with what the settings ask for or else with this filter.
fn start_log(settings: &Settings, otherwise: &str) {
    // The settings don't tell their own default from what somebody wrote, which is the same for a
    // server and not for others.
    let is_asked_for = settings.log != "info"
        || std::env::var("SAMREGISTER_LOG").is_ok_and(|filter| !filter.trim().is_empty());
    let filter = if is_asked_for { &settings.log } else { otherwise };
    let log =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(filter)).with_writer(io::stderr);
    let wants_colour = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match settings.log_format {
        LogFormat::Text => log.with_ansi(wants_colour).try_init(),
        LogFormat::Json => log.json().try_init(),
    }
    // It fails only when one is running already.
    .ok();
}

/// Connects to the database of this address; makes it when `may_make` and it is a file that isn't
/// there.
async fn connect(url: &str, may_make: bool) -> Result<Database> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Failure::new(
            "DATABASE_URL names a database in memory, of which every connection would have its own; name a file",
        ));
    }
    // An address of a server may hold a password, and is never shown.
    let file = file_of(url);
    if let Some(file) = file.filter(|_| !may_make && is_missing(url)) {
        return Err(Failure::new(format!(
            "there is no register in {file}; `samregister migrate` makes one"
        )));
    }
    let address = if may_make { url.to_owned() } else { url.replace("mode=rwc", "mode=rw") };
    let error = match Database::connect(&address, Clock::system(), None).await {
        Ok(db) => return Ok(db),
        Err(error) => error,
    };
    if let (None, Some(refusal)) = (file, postgres_refusal::refusal(&address).await) {
        return Err(Failure::new(refusal));
    }
    let cause = match &error {
        Error::Internal(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let cause = cause.strip_prefix("Connection Error: ").unwrap_or(&cause);
    Err(Failure::new(match file {
        Some(file) => format!(
            "cannot open {file}: {cause}; is there such a folder, and may it be written to?"
        ),
        None => format!(
            "cannot reach the PostgreSQL server of DATABASE_URL: {cause}; does it run, and is its address right?"
        ),
    }))
}

/// The file of an address of SQLite.
fn file_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("sqlite:")?;
    rest.strip_prefix("//").unwrap_or(rest).split('?').next()
}

/// Returns `true` if the address names a file that isn't there.
fn is_missing(url: &str) -> bool {
    file_of(url).is_some_and(|file| !file.contains('%') && !Path::new(file).exists())
}

/// Connects to the register to bring it up to date and to write to it: the key that signs its trail
/// is made when there is none and nothing was signed yet.
async fn make(settings: &Settings) -> Result<Database> {
    let db = connect(settings.database_url.expose(), true).await?;
    let key = match TrailKey::of_settings(settings)? {
        Some(key) => key,
        None => new_key(settings, &db).await?,
    };
    Ok(db.with_trail_key(Arc::new(key)).with_row_recorder(integrity::record_rows))
}

/// Makes the key that signs the trail.
async fn new_key(settings: &Settings, db: &Database) -> Result<TrailKey> {
    let file = settings.trail_key_file();
    let position = file.display();
    if let Some(next) = trail_key::unfinished(settings) {
        let reason = format!(
            "there is no key in {position}, but {} of a replacement that was interrupted",
            next.display()
        );
        return Err(Failure::new(format!("{reason}; `samregister trail-key replace` finishes it")));
    }
    if let Some(name) = audit::last_key(db).await? {
        return Err(Failure::new(format!(
            "the audit trail was signed with the key {name}, but there is none in {position}; put its file there, or name it in SAMREGISTER_TRAIL_KEY"
        )));
    }
    let key = TrailKey::generate();
    let written = key.to_pem().and_then(|text| audit::write_private(&file, &text));
    match written {
        Ok(()) => {
            report_new_key(settings, &file, key.id());
            Ok(key)
        }
        // Another program was faster.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            Ok(TrailKey::read("SAMREGISTER_TRAIL_KEY", &file)?)
        }
        Err(cause) => Err(Failure::new(format!(
            "cannot write the key that signs the audit trail to {position}: {cause}; name another file in SAMREGISTER_TRAIL_KEY"
        ))),
    }
}

/// Reports that a key was made, where its file is, and that it needs a backup of its own.
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

/// Opens the register, which must be there and up to date.
async fn open(settings: &Settings) -> Result<Database> {
    up_to_date(settings, connect(settings.database_url.expose(), false).await?).await
}

/// Returns the register with the key that signs its trail, if there is one; fails unless it is up
/// to date.
async fn up_to_date(settings: &Settings, mut db: Database) -> Result<Database> {
    if let Some(key) = TrailKey::of_settings(settings)? {
        db = db.with_trail_key(Arc::new(key));
    }
    match db.check().await {
        Ok(()) => Ok(db),
        // It says what to do.
        Err(error @ Error::Conflict { .. }) => Err(error.into()),
        Err(error) => {
            tracing::debug!(?error, "not migrated");
            Err(Failure::new(
                "the database is not migrated, or not to this version; run `samregister migrate`",
            ))
        }
    }
}

/// Writes data to stdout. A reader that has seen enough (`| head`) is no failure.
fn put(data: impl AsRef<[u8]>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(data.as_ref()).and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to stdout: {cause}")))
        }
        _ => Ok(()),
    }
}

/// Writes a line to stderr; when nobody can read it, there is nobody to tell.
fn say(line: &str) {
    writeln!(io::stderr(), "{line}").ok();
}

/// The grid for the eye, as wide as the terminal when there is one.
fn table(grid: &Grid) -> String {
    let width =
        terminal_size().filter(|_| io::stdout().is_terminal()).map(|(Width(width), _)| width);
    table::render(grid, width)
}

/// A document as JSON, with a line break at its end.
fn json(document: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|cause| Failure::from(Error::internal(cause)))?;
    Ok(format!("{text}\n"))
}

/// Reads a day of the command line.
fn day(text: &str) -> std::result::Result<NaiveDate, &'static str> {
    let day = text.parse().ok().filter(|day: &NaiveDate| (1900..=2999).contains(&day.year()));
    day.ok_or("no such day; write it as 2026-12-31")
}

/// A count with its noun: `1 agreement`, `2 agreements`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
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

    #[test]
    fn each_fault_has_a_line() {
        let mut errors = domain::error::ValidationErrors::default();
        errors.add("A", "is bad");
        errors.add("B", "is worse");
        let failure = errors.finish().map_err(Failure::from).unwrap_err();
        assert_eq!(
            (failure.lines, failure.code),
            (vec!["A is bad".to_owned(), "B is worse".to_owned()], 1)
        );
    }
}
