//! `samregister verify`: checks all invariants of the database.

use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, TimeDelta};
use clap::Args;
use serde::Serialize;

use super::{
    Failure, Outcome, Result, config::Format, count, json, open, put, record_run, say, settings,
};
use domain::{
    audit::{Checkpoint, TrailKey, TrustedKeys, timestamp},
    clock::Clock,
    config::Settings,
    database::{Database, RecordedCommand},
    error::ValidationErrors,
    files,
    findings::Findings,
    integrity::{self, Report, Request},
};

/// Check the integrity of the register
///
/// Checks the audit trail's hash chain and signatures, and compares it with checkpoints; every row
/// with the last entry about it; invoices with their lines, payments and credit notes; stored
/// documents, uploaded files and the texts of agreements with their SHA-256; matches of the bank's
/// payments; totals by month and activity, and by year and member; costs and grants; gapless
/// series of numbers; deadlines and successors of agreements; the search index; every table,
/// constraint, index, trigger and function of the schema; with SQLite also references between rows
/// and the file itself. All checks see the same state of the register, even while others write to
/// it. Changes nothing but the record of its last run, for `samregister doctor`: a role of the
/// database that may only read leaves it out. Notes list what is no violation: missing numbers of
/// imported history, interest invoices that claim more than is owed, agreements whose end after a
/// notice is undecided, and prices whose VAT treatment no tax decision confirms.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  Mail from cron, only if an invariant is violated:
    samregister verify > list || mail -s Register kansli@example.se < list
  Compare the trail with the checkpoints that the auditor stored:
    samregister verify --checkpoints checkpoints.txt
  Each hour, only the changes since the last checkpoint:
    samregister verify --since \"$(grep -v '^[+#]' checkpoints.txt | tail -n 1)\"

Exit codes: 0 no violation, possibly notes; 3 violations, one per line.")]
pub struct Options {
    /// File of lines that `samregister checkpoint` wrote, to compare with the trail; blank lines
    /// and those that begin with # are skipped
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
    /// Check only the entries after this checkpoint (a line that `samregister checkpoint` wrote),
    /// the rows that they concern with the documents of invoices and agreements, the schema, costs
    /// and grants, and the series of numbers; only --checkpoints checks timestamps
    #[arg(long, value_name = "CHECKPOINT")]
    since: Option<Checkpoint>,
    /// Format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Checks the database.
///
/// # Errors
/// Fails if the checkpoints can't be read, naming every invalid line; if the database can't be
/// opened or read, or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let checkpoints = options.checkpoints.as_deref().map(read).transpose()?;
    let db = open(&settings).await?;
    check(&settings, db, checkpoints, options.since, options.format).await
}

/// Checks a database, prints what was found, and closes it.
pub(super) async fn check(
    settings: &Settings,
    db: Database,
    checkpoints: Option<Vec<Checkpoint>>,
    since: Option<Checkpoint>,
    format: Format,
) -> Result {
    let trusted = trusted(settings)?;
    let request = Request { trusted: trusted.clone(), checkpoints, since };
    let command = match &request.since {
        Some(_) => RecordedCommand::VerifySince,
        None => RecordedCommand::Verify,
    };
    let mut checkpoints: Vec<_> = request.checkpoints.iter().flatten().cloned().collect();
    checkpoints.extend(request.since.clone());
    let without_timestamp = request
        .checkpoints
        .iter()
        .flatten()
        .filter(|checkpoint| checkpoint.timestamp.is_none())
        .count();
    let Report { mut checks, findings: Findings { mut violations, mut notes } } =
        integrity::verify(&db, Clock::system(), request).await?;
    if !checkpoints.is_empty() {
        checks += 1;
        violations.extend(undated(settings, &checkpoints)?);
        if settings.trail.timestamp_certificates.is_some() && without_timestamp > 0 {
            let number = count(without_timestamp, "checkpoint");
            notes.push(format!(
                "{number} without a timestamp: only their signatures prove their time"
            ));
        }
    }
    if trusted.is_none() {
        let position = settings.trail_key_file();
        let reason = format!(
            "not authenticated: there is no key in {}, and SAMREGISTER_TRAIL_PUBLIC_KEYS names none",
            position.display()
        );
        if settings.trail.must_authenticate {
            checks += 1;
            violations.push(format!("audit trail: {reason}"));
        } else {
            say(&format!("the audit trail was {reason}"));
        }
    }
    record_run(&db, command, violations.len()).await;
    db.close().await?;
    let result = Document { checks, violations: &violations, notes: &notes };
    put(match format {
        Format::Text => result.to_text(),
        Format::Json => json(&result)?,
    })?;
    Ok(if violations.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// Result of the checks, as JSON output has it.
#[derive(Serialize)]
struct Document<'r> {
    checks: usize,
    violations: &'r [String],
    notes: &'r [String],
}

impl Document<'_> {
    /// Returns a line for each violation and each note, and one with their numbers.
    fn to_text(&self) -> String {
        let Self { checks, violations, notes } = self;
        let lines: String = violations.iter().map(|violation| format!("{violation}\n")).collect();
        let remarks: String = notes.iter().map(|note| format!("note: {note}\n")).collect();
        let found = match violations.len() {
            0 => "no violation".to_owned(),
            number => count(number, "violation"),
        };
        let noted = match notes.len() {
            0 => String::new(),
            number => format!(", {}", count(number, "note")),
        };
        format!("{lines}{remarks}{}, {found}{noted}\n", count(*checks, "check"))
    }
}

/// Maximum size of the file of checkpoints, in bytes.
const LARGEST_FILE: u64 = 256 << 20;

/// Returns the public keys that the settings trust; `None` if they name none.
pub(super) fn trusted(settings: &Settings) -> Result<Option<TrustedKeys>> {
    let key = TrailKey::of_settings(settings)?;
    Ok(match key {
        Some(key) => Some(key.trusted().clone()),
        None => TrustedKeys::of_settings(settings)?,
    })
}

/// Returns the errors of the timestamps of checkpoints, if the settings trust certificates of a
/// timestamp service.
fn undated(settings: &Settings, checkpoints: &[Checkpoint]) -> Result<Vec<String>> {
    let Some(file) = &settings.trail.timestamp_certificates else { return Ok(Vec::new()) };
    let certificates = timestamp::certificates("SAMREGISTER_TIMESTAMP_CERTIFICATES", file)?;
    let wrong = |checkpoint: &Checkpoint| {
        let reason = match timestamp::verify(
            checkpoint.timestamp.as_ref()?,
            &checkpoint.line(),
            &certificates,
        ) {
            Err(reason) => reason,
            // Clocks differ by a little.
            Ok(at) if (at - checkpoint.at).abs() > TimeDelta::hours(1) => {
                format!("its timestamp is of {at}")
            }
            Ok(_) => return None,
        };
        Some(format!(
            "audit trail: the checkpoint of {} does not match: {reason}",
            checkpoint.at.to_rfc3339_opts(SecondsFormat::Secs, true)
        ))
    };
    Ok(checkpoints.iter().filter_map(wrong).collect())
}

/// Reads the checkpoints of a file.
fn read(file: &Path) -> Result<Vec<Checkpoint>> {
    let name = file.display();
    let text = files::read_text(file, LARGEST_FILE)
        .map_err(|cause| Failure::new(format!("cannot read {name}: {cause}")))?;
    Checkpoint::read_all(&text).map_err(|bad| {
        let mut errors = ValidationErrors::default();
        bad.into_iter().for_each(|(line, reason)| errors.add(format!("{name}:{line}"), reason));
        errors
            .finish()
            .err()
            .map_or_else(|| Failure::new(format!("cannot read {name}")), Failure::from)
    })
}
