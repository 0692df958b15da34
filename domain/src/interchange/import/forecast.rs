//! The forecast of an import: the rows of its files, and the time for which it blocks other
//! changes. It is made before the import waits for the register.

use std::{path::Path, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm::DbBackend;

use crate::{
    clock::Clock,
    context::Context,
    database::WRITE_LOCK_TIMEOUT,
    error::Result,
    interchange::{
        File,
        reader::{Next, Table},
    },
};

/// Rows that an import reads, checks and writes in a second, on SQLite and on PostgreSQL: the
/// release build took 180 and 380 seconds for a million rows, of 200 000 invoices.
const ROWS_PER_SECOND: (u64, u64) = (5_500, 2_600);

/// The size of an import, and the time that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Number of rows of all files, without the headers.
    pub rows: u64,
    /// Expected time for which the import, or its dry run, blocks other changes.
    pub blocked_for: Duration,
}

impl Forecast {
    /// Returns the forecast for this number of rows.
    #[must_use]
    pub fn of_rows(backend: DbBackend, rows: u64) -> Self {
        let (on_sqlite, on_postgres) = ROWS_PER_SECOND;
        let rate = if backend == DbBackend::Sqlite { on_sqlite } else { on_postgres };
        Self { rows, blocked_for: Duration::from_secs(rows.div_ceil(rate)) }
    }

    /// `true` if other changes are refused with BUSY meanwhile, because they wait for less than
    /// the import takes.
    #[must_use]
    pub fn refuses_others(&self) -> bool {
        self.blocked_for > WRITE_LOCK_TIMEOUT
    }
}

/// Returns the forecast for the files of a folder. It reads the files only, waits for no other
/// change and blocks none.
///
/// # Errors
/// CONFLICT `FILE` if a file can't be read.
pub fn forecast(backend: DbBackend, folder: &Path) -> Result<Forecast> {
    let mut rows = 0;
    for file in File::ALL {
        // The import reports what is wrong with them.
        let Some(mut table) = Table::open(folder, *file, &mut Vec::new())? else { continue };
        while !matches!(table.next()?, Next::End) {}
        rows += table.rows;
    }
    Ok(Forecast::of_rows(backend, rows))
}

/// Announces the end of a long import to those who find the register busy. Returns the end if it
/// was announced.
pub(super) async fn announce(
    ctx: Context<'_>,
    forecast: Forecast,
) -> Result<Option<DateTime<Utc>>> {
    if !forecast.refuses_others() {
        return Ok(None);
    }
    let end = Clock::system().now() + forecast.blocked_for;
    ctx.db.announce_import(end).await?;
    Ok(Some(end))
}

/// Removes the announcement of this end. The import has ended; a failure here doesn't undo it, and
/// the announcement no longer counts after its time.
pub(super) async fn withdraw(ctx: Context<'_>, end: DateTime<Utc>) {
    if let Err(error) = ctx.db.withdraw_announcement(end).await {
        tracing::warn!(%error, "the announcement of the import could not be removed; it counts until the expected end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_follows_from_the_rows_and_the_database() {
        let of = |backend, rows| {
            let forecast = Forecast::of_rows(backend, rows);
            (forecast.blocked_for.as_secs(), forecast.refuses_others())
        };
        assert_eq!(of(DbBackend::Sqlite, 0), (0, false));
        assert_eq!(of(DbBackend::Sqlite, 27_500), (5, false));
        assert_eq!(of(DbBackend::Sqlite, 27_501), (6, true));
        assert_eq!(of(DbBackend::Postgres, 27_500), (11, true));
        assert_eq!(of(DbBackend::Sqlite, 1_000_000), (182, true));
        assert_eq!(of(DbBackend::Postgres, 1_000_000), (385, true));
    }
}
