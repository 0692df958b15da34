//! `samregister checkpoint`: where the audit trail ends, to be stored elsewhere and compared with it later.

use clap::Args;

use super::{Outcome, Result, open, put, say, settings};
use crate::audit::{self, timestamp};

/// Print where the audit trail ends, to be compared with it later
///
/// One line with the time, the last revision, its hash and a signature by the trail's key. The chain of the trail shows that nothing within it was
/// changed; that its end was cut off, or that a holder of the key rewrote all of it, shows only by copies that others have stored. So send
/// the line where those who run the register can't reach, such as to the auditor; `samregister verify --checkpoints FILE` compares a file
/// of such lines with the trail. With SAMREGISTER_TIMESTAMP_URL, lines that begin with + follow: a timestamp (RFC 3161) of that service.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  A letter to the auditor from cron, each night:
    samregister checkpoint | mail -s 'Samregister: checkpoint' revisor@example.se")]
pub struct Options {}

/// Prints a checkpoint.
///
/// # Errors
/// Fails if the register can't be opened or read, the timestamp service gives no timestamp, or stdout can't be written to.
pub async fn run(_: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let mut checkpoint = audit::checkpoint(&db).await?;
    db.close().await?;
    if checkpoint.signature.is_none() {
        say(&format!("the checkpoint is not signed: there is no key in {}", settings.trail_key_file().display()));
    }
    if let Some(url) = &settings.trail.timestamp_url {
        checkpoint.timestamp = Some(timestamp::request(url, &checkpoint.line()).await?);
    }
    put(format!("{checkpoint}\n"))?;
    Ok(Outcome::Done)
}
