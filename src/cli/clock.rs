//! `samregister clock`: compares the machine's clock with the audit trail.

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;

use super::{Outcome, Result, context, open, put, settings};
use domain::{
    audit::{
        clock_acceptance,
        clock_order::{self, ClockOrder},
    },
    auth::viewer::Viewer,
    clock::Clock,
};

/// Compare the clock with the audit trail, and accept a clock that was set back
///
/// The times of the entries in the trail never decrease. While the clock is more than a minute
/// behind the last entry, every change is refused (CLOCK_BEHIND), because one of the two is wrong.
/// If the clock is wrong, correct it. If it is right, and an earlier change was made with a clock
/// that was ahead, accept it with --accept: an entry of the trail records this, and changes
/// continue after it. Invoices that were dated ahead retain their days; the next ones need a day of
/// issue.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister clock
  samregister clock --accept

Exit codes: 0 the clock is not behind, or was accepted; 3 it is behind.")]
pub struct Options {
    /// Accept the clock although it is behind the last entry
    #[arg(long)]
    accept: bool,
}

/// Compares the clock with the audit trail.
///
/// # Errors
/// Fails if the database can't be opened, read or written to, or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let db = open(&settings()?).await?;
    let order = clock_order::compare(&db, Clock::system()).await?;
    let was_accepted = options.accept
        && clock_acceptance::accept(context(&db, &Viewer::operator("clock"))).await?;
    db.close().await?;
    put(format!("{}{}\n", describe(&order), if was_accepted { "; accepted" } else { "" }))?;
    Ok(if order.is_behind() && !was_accepted { Outcome::Found } else { Outcome::Done })
}

fn describe(order: &ClockOrder) -> String {
    let words = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let now = words(order.now);
    match (order.revision, order.is_behind()) {
        (0, _) => format!("the clock says {now}; the trail has no entry"),
        (revision, true) => format!(
            "the clock says {now} and is behind the last entry, revision {revision} of {}",
            words(order.last_at)
        ),
        (revision, false) => format!(
            "the clock says {now}; the last entry is revision {revision} of {}",
            words(order.last_at)
        ),
    }
}
