//! `samregister checkpoint`: prints the end of the audit trail, to be stored elsewhere and compared
//! with the log later.

use clap::Args;

use super::{Failure, Outcome, Result, open, put, record_run, say, settings};
use domain::{
    audit::{self, timestamp},
    clock::Clock,
    config::Settings,
    database::{Database, RecordedCommand},
};

/// Print the end of the audit trail, for a later comparison
///
/// Prints one line with the time, the last revision, its hash and a signature by the trail's key.
/// The hash chain proves that nothing within the trail was changed. Only copies stored elsewhere
/// prove that its end was not cut off, and that no holder of the key rewrote all of it. So send the
/// line to someone outside the operation of the register, such as the auditor; `samregister verify
/// --checkpoints FILE` compares a file of such lines with the trail. With
/// SAMREGISTER_TIMESTAMP_URL, lines that begin with + follow: a timestamp (RFC 3161) of that
/// service. The line is printed before the service is asked, so that it is not lost when the
/// service fails.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  Mail to the auditor, each night from cron:
    samregister checkpoint | mail -s 'Samregister: checkpoint' revisor@example.se")]
pub struct Options {}

/// Prints a checkpoint.
///
/// # Errors
/// Fails if the database can't be opened or read, stdout can't be written to, or the timestamp
/// service returns no timestamp: then the line is printed nevertheless.
pub async fn run(_: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let printed = print(&settings, &db).await;
    record_run(&db, RecordedCommand::Checkpoint, usize::from(printed.is_err())).await;
    db.close().await?;
    printed.map(|()| Outcome::Done)
}

async fn print(settings: &Settings, db: &Database) -> Result<()> {
    let mut checkpoint = audit::checkpoint(db, Clock::system()).await?;
    if checkpoint.signature.is_none() {
        say(&format!(
            "the checkpoint is not signed: there is no key in {}",
            settings.trail_key_file().display()
        ));
    }
    let line = checkpoint.line();
    put(format!("{line}\n"))?;
    let Some(url) = &settings.trail.timestamp_url else { return Ok(()) };
    let token = timestamp::request(url, &line).await.map_err(|error| {
        let cause = error.cause();
        Failure::new(format!(
            "{cause}; the checkpoint was printed without one. Check {url} (SAMREGISTER_TIMESTAMP_URL), then print another"
        ))
    })?;
    checkpoint.timestamp = Some(token);
    let whole = checkpoint.to_string();
    put(format!("{}\n", whole.strip_prefix(&line).unwrap_or(&whole).trim_start()))
}
