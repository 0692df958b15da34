//! `samregister verify`: whether everything that must hold in the register does.

use clap::Args;
use sea_orm::DbBackend;

use super::{Outcome, Result, count, open, put, settings};
use crate::{agreements, audit, revenue, search};

/// Check everything that must hold in the register
///
/// The audit trail's chain; invoices against their lines, payments and credit notes; their kept documents and the texts of agreements
/// against their SHA-256; what is matched of the bank's payments; the totals by month; gapless series of numbers; the
/// deadlines and successors of agreements; the words that the search finds things by; with SQLite also references between rows and the
/// file itself. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  A letter from cron, only when something is broken:
    samregister verify > list || mail -s Register kansli@example.se < list

Exit codes: 0 nothing found; 3 something is broken, each breach on a line.")]
pub struct Options {}

/// Checks the register.
///
/// # Errors
/// When the register can't be opened or read, or stdout can't be written to.
pub async fn run(_: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let mut checks = vec![
        audit::breaches(&db).await?,
        revenue::breaches(&db).await?,
        agreements::breaches::breaches(&db).await?,
        search::breaches(&db).await?,
    ];
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
