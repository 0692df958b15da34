//! The import: every file of a folder into the register, all or nothing. This file sets the order
//! of the files; `session` has the state and the tools that their readers share.

mod forecast;
pub(in crate::interchange) mod report;
pub(in crate::interchange) mod session;

use std::{io, path::Path};

use self::session::Import;
pub use self::{
    forecast::{Forecast, forecast},
    report::{BadRow, FileReport, ImportError, MAX_BAD_ROWS, Report},
};
use super::{
    File, Watcher, accounts, activities, agreements, allocations, archive, archive_integrity,
    bank_payments, books_closing, cost_files, fee_schedules, invoices, members, organisations,
    reference_rates, requisitions, staging, tax_decisions, templates, unusable, vouchers,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    books::Closing,
    config::Network,
    context::Context,
    database::{Database, private_copy::PrivateCopy},
    error::Error,
};

/// Imports every CSV file of the folder `from` into the register, in one transaction. A dry run
/// does the same and then rolls back; on SQLite in a copy of the register, so that it blocks no
/// other change. `network` has the accounts for lines that name none. Importing the same files
/// again changes nothing and leaves no audit entry.
///
/// Other changes wait from its first statement to its commit. If [`forecast()`] says that this
/// takes longer than they wait, its expected end is announced before: they are refused with BUSY,
/// and with the time until then.
///
/// # Errors
/// [`ImportError::Bad`] with every bad row of every file; FORBIDDEN unless the viewer may manage
/// the register and the accounts; CONFLICT `FILE` if a file can't be read or the folder has none.
/// Nothing has changed then.
pub async fn import(
    ctx: Context<'_>,
    network: &Network,
    from: &Path,
    dry_run: bool,
    watcher: Watcher<'_>,
) -> Result<Report, ImportError> {
    ctx.require(Permission::ManageRegister)?;
    ctx.require(Permission::ManageAccounts)?;
    let ignored = other_files(from)?;
    if dry_run && let Some(copy) = copy_of(ctx.db).await {
        let ctx = Context { db: copy.db(), ..ctx };
        let written = Box::pin(write(ctx, network, from, ignored, dry_run, watcher)).await;
        copy.remove().await;
        return written;
    }
    let announced = forecast::announce(ctx, forecast(ctx.db.backend(), from)?).await?;
    // Boxed, since the future of an import is large.
    let written = Box::pin(write(ctx, network, from, ignored, dry_run, watcher)).await;
    if let Some(end) = announced {
        forecast::withdraw(ctx, end).await;
    }
    let report = written?;
    if report.files.iter().any(|file| file.added + file.changed > 0) && !dry_run {
        // The import is committed; a failure here doesn't undo it.
        if let Err(error) = ctx.db.analyze().await {
            tracing::warn!(%error, "the database's statistics could not be brought up to date after the import");
        }
        if let Err(error) = ctx.db.truncate_wal().await {
            tracing::warn!(%error, "the database's log could not be emptied after the import");
        }
    }
    Ok(report)
}

/// Returns a copy of the register for a dry run; `None` if it has no file, or can't be copied.
async fn copy_of(db: &Database) -> Option<PrivateCopy> {
    Box::pin(db.private_copy()).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the register could not be copied for a dry run, which blocks other changes instead");
        None
    })
}

/// Checks and writes the files in one change, and commits it unless this is a dry run or a row is
/// bad.
async fn write(
    ctx: Context<'_>,
    network: &Network,
    from: &Path,
    ignored: Vec<String>,
    dry_run: bool,
    watcher: Watcher<'_>,
) -> Result<Report, ImportError> {
    let change = audit::begin(ctx, Action::Import).await?;
    staging::prepare(change.tx()).await?;
    let closing = Closing::load(change.tx()).await?;
    let mut import = Import::new(change, network, closing, from, watcher);
    vouchers::prepare(&import).await?;
    members::import(&mut import).await?;
    organisations::import(&mut import).await?;
    allocations::import(&mut import).await?;
    organisations::import_contacts(&mut import).await?;
    activities::import(&mut import).await?;
    fee_schedules::import(&mut import).await?;
    tax_decisions::import(&mut import).await?;
    templates::import(&mut import).await?;
    agreements::import(&mut import).await?;
    reference_rates::import(&mut import).await?;
    bank_payments::import(&mut import).await?;
    invoices::import(&mut import).await?;
    accounts::import_costs(&mut import).await?;
    cost_files::import(&mut import).await?;
    accounts::import_grants(&mut import).await?;
    requisitions::import(&mut import).await?;
    activities::import_status_reports(&mut import).await?;
    let archive_before = archive::import(&mut import).await?;
    archive::import_files(&mut import).await?;
    archive_integrity::check(&mut import, archive_before).await?;
    vouchers::import(&mut import).await?;
    books_closing::import(&mut import).await?;
    import.finish(ignored, dry_run).await
}

/// Returns the names of the folder's `.csv` files that the import doesn't read.
fn other_files(folder: &Path) -> Result<Vec<String>, Error> {
    let unreadable = |cause: io::Error| unusable(folder, "read", &cause);
    let mut others = Vec::new();
    let mut is_empty = true;
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if File::ALL.iter().any(|file| file.name() == name) {
            is_empty = false;
        } else if name.to_lowercase().ends_with(".csv") {
            others.push(name);
        }
    }
    if is_empty {
        let names: Vec<_> = File::ALL.iter().map(|file| file.name()).collect();
        return Err(unusable(folder, "import", &format!("it has none of {}", names.join(", "))));
    }
    others.sort();
    Ok(others)
}
