//! `samregister checkpoint`: where the audit trail ends, to be stored elsewhere and compared with
//! it later.

use clap::Args;

use super::{Failure, Outcome, Result, open, put, say, settings};
use domain::audit::{self, timestamp};

/// Print where the audit trail ends, to be compared with it later
///
/// One line with the time, the last revision, its hash and a signature by the trail's key. The
/// chain of the trail shows that nothing within it was changed; that its end was cut off, or that a
/// holder of the key rewrote all of it, shows only by copies that others have stored. So send the
/// line where those who run the register can't reach, such as to the auditor; `samregister verify
/// --checkpoints FILE` compares a file of such lines with the trail. With
/// SAMREGISTER_TIMESTAMP_URL, lines that begin with + follow: a timestamp (RFC 3161) of that
/// service. The line is printed before the service is asked, so it is there also when the service
/// is not.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  A letter to the auditor from cron, each night:
    samregister checkpoint | mail -s 'Samregister: checkpoint' revisor@example.se")]
pub struct Options {}

/// Prints a checkpoint.
///
/// # Errors
/// Fails if the register can't be opened or read, stdout can't be written to, or the timestamp
/// service gives no timestamp: then the line is printed all the same.
pub async fn run(_: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let mut checkpoint = audit::checkpoint(&db).await?;
    db.close().await?;
    if checkpoint.signature.is_none() {
        say(&format!(
            "the checkpoint is not signed: there is no key in {}",
            settings.trail_key_file().display()
        ));
    }
    let line = checkpoint.line();
    put(format!("{line}\n"))?;
    let Some(url) = &settings.trail.timestamp_url else { return Ok(Outcome::Done) };
    let token = timestamp::request(url, &line).await.map_err(|error| {
        let cause = error.cause();
        Failure::new(format!(
            "{cause}; the checkpoint was printed without one. Check {url} (SAMREGISTER_TIMESTAMP_URL), then print another"
        ))
    })?;
    checkpoint.timestamp = Some(token);
    let whole = checkpoint.to_string();
    put(format!("{}\n", whole.strip_prefix(&line).unwrap_or(&whole).trim_start()))?;
    Ok(Outcome::Done)
}
