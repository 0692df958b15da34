//! `samregister verify`: whether everything that must hold in the register does.

use std::path::{Path, PathBuf};

use clap::Args;
use sea_orm::DbBackend;

use super::{Failure, Outcome, Result, count, open, put, settings};
use crate::{
    agreements,
    audit::{self, Checkpoint},
    error::Faults,
    files, revenue, search,
};

/// Check everything that must hold in the register
///
/// The audit trail's chain, and whether it still is what it was at the checkpoints given; invoices against their lines, payments and credit notes; their kept documents and the texts of agreements
/// against their SHA-256; what is matched of the bank's payments; the totals by month; gapless series of numbers; the
/// deadlines and successors of agreements; the words that the search finds things by; with SQLite also references between rows and the
/// file itself. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  A letter from cron, only when something is broken:
    samregister verify > list || mail -s Register kansli@example.se < list
  Whether the trail is what the auditor has kept of it:
    samregister verify --checkpoints checkpoints.txt

Exit codes: 0 nothing found; 3 something is broken, each breach on a line.")]
pub struct Options {
    /// Lines that `samregister checkpoint` wrote, to be held against the trail; blank lines and those that begin with # are passed over
    #[arg(long, value_name = "FILE")]
    checkpoints: Option<PathBuf>,
}

/// Checks the register.
///
/// # Errors
/// When the checkpoints can't be read, naming every bad line; when the register can't be opened or read, or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let checkpoints = options.checkpoints.as_deref().map(read).transpose()?;
    let db = open(&settings).await?;
    let mut checks = vec![
        audit::breaches(&db).await?,
        revenue::breaches(&db).await?,
        agreements::breaches::breaches(&db).await?,
        search::breaches(&db).await?,
    ];
    if let Some(checkpoints) = checkpoints {
        checks.push(audit::departures(&db, &checkpoints).await?);
    }
    if db.backend() == DbBackend::Sqlite {
        checks.push(db.breaches().await?);
    }
    db.close().await?;
    let breaches: Vec<_> = checks.iter().flatten().collect();
    let lines: String = breaches.iter().map(|breach| format!("{breach}\n")).collect();
    let found = match breaches.len() {
        0 => "no breach".to_owned(),
        1 => "1 breach".to_owned(),
        many => format!("{many} breaches"),
    };
    put(format!("{lines}{}, {found}\n", count(checks.len(), "check")))?;
    Ok(if breaches.is_empty() { Outcome::Done } else { Outcome::Found })
}

/// The largest file of checkpoints, in bytes.
const LARGEST_FILE: u64 = 256 << 20;

/// The checkpoints of a file.
fn read(file: &Path) -> Result<Vec<Checkpoint>> {
    let name = file.display();
    let text = files::read_text(file, LARGEST_FILE).map_err(|cause| Failure::new(format!("cannot read {name}: {cause}")))?;
    let (mut checkpoints, mut faults) = (Vec::new(), Faults::default());
    for (place, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        match line.parse() {
            Ok(checkpoint) => checkpoints.push(checkpoint),
            Err(reason) => faults.add(format!("{name}:{}", place + 1), reason),
        }
    }
    faults.finish()?;
    Ok(checkpoints)
}
