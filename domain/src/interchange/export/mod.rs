//! The export: the whole register as CSV files, from one snapshot. This file sets the order of the
//! files; `session` has the state and the tools that their writers share.

pub(in crate::interchange) mod session;

use std::{fs, io, path::Path};

use self::session::Export;
pub use self::session::Exported;
use super::{
    File, Watcher, accounts, activities, agreements, allocations, archive, bank_payments,
    books_closing, cost_files, fee_schedules, invoices, members, organisations, reference_rates,
    requisitions, tax_decisions, templates, unusable, vouchers,
};
use crate::{auth::viewer::Permission, context::Context, error::Result, output::OwnFiles};

/// Writes every CSV file into the folder `to`, which is created if it is missing. Files of the same
/// names are replaced after all of them are complete, but never one of the register's `own` files.
/// Each is UTF-8 without a byte order mark, with commas as separators, line feeds as line ends, and
/// rows in the byte order of their keys.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage the register and the accounts; CONFLICT `FILE` if a file
/// can't be written, or `BUSY` if the log of contact reads can't be written because other changes
/// hold the database for too long.
pub async fn export(
    ctx: Context<'_>,
    own: &OwnFiles,
    to: &Path,
    watcher: Watcher<'_>,
) -> Result<Vec<Exported>> {
    ctx.require(Permission::ManageRegister)?;
    ctx.require(Permission::ManageAccounts)?;
    let unwritable = |cause: io::Error| unusable(to, "write", &cause);
    fs::create_dir_all(to).map_err(unwritable)?;
    for &file in File::ALL {
        own.refuse(&to.join(file.name()))?;
    }
    let folder = tempfile::Builder::new().prefix(".export-").tempdir_in(to).map_err(unwritable)?;

    // One transaction reads everything, so that the files agree with each other whatever is written
    // meanwhile.
    let tx = ctx.db.snapshot().await?;
    let mut export = Export::new(tx, folder, watcher).await?;
    members::export(&mut export).await?;
    organisations::export(&mut export).await?;
    allocations::export(&mut export).await?;
    organisations::export_contacts(&mut export, ctx).await?;
    activities::export(&mut export).await?;
    fee_schedules::export(&mut export).await?;
    tax_decisions::export(&mut export).await?;
    templates::export(&mut export).await?;
    agreements::export(&mut export).await?;
    reference_rates::export(&mut export).await?;
    bank_payments::export(&mut export).await?;
    invoices::export(&mut export).await?;
    accounts::export_costs(&mut export).await?;
    cost_files::export(&mut export).await?;
    accounts::export_grants(&mut export).await?;
    requisitions::export(&mut export).await?;
    activities::export_status_reports(&mut export).await?;
    archive::export(&mut export).await?;
    archive::export_files(&mut export).await?;
    vouchers::export(&mut export).await?;
    books_closing::export(&mut export).await?;
    export.finish(own, to).await
}
