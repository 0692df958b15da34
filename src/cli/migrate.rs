//! `samregister migrate`: the database as this version wants it.

use clap::Args;

use super::{Outcome, Result, connect, say, settings};

/// Bring the database up to date
///
/// Makes the tables of a new register, or changes those of an older version. A SQLite file that isn't there is made. `serve` does
/// the same at its start.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister migrate
  DATABASE_URL=postgres://samregister@localhost/samregister samregister migrate")]
pub struct Options {}

/// Brings the database up to date.
///
/// # Errors
/// When it can't be reached, or a change of the schema fails.
pub async fn run(_: Options) -> Result {
    let settings = settings()?;
    let db = connect(settings.database_url.expose(), true).await?;
    db.migrate().await?;
    db.close().await?;
    say("the register is up to date");
    Ok(Outcome::Done)
}
