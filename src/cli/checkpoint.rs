//! `samregister checkpoint`: where the audit trail ends, to be kept elsewhere and held against it later.

use clap::Args;

use super::{Outcome, Result, open, put, settings};
use crate::audit;

/// Print where the audit trail ends, to be held against it later
///
/// One line with the time, the last revision and its hash. The chain of the trail shows that nothing within it was changed; that its end was
/// cut off, or that all of it was written anew, shows only by what somebody else has kept. So send the line where those who keep the register
/// can't reach, as to the auditor; `samregister verify --checkpoints FILE` holds a file of such lines against the trail.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  A letter to the auditor from cron, each night:
    samregister checkpoint | mail -s 'Samregister: checkpoint' revisor@example.se")]
pub struct Options {}

/// Prints a checkpoint.
///
/// # Errors
/// When the register can't be opened or read, or stdout can't be written to.
pub async fn run(_: Options) -> Result {
    let db = open(&settings()?).await?;
    let checkpoint = audit::checkpoint(&db).await?;
    db.close().await?;
    put(format!("{checkpoint}\n"))?;
    Ok(Outcome::Done)
}
