//! `samregister sie`: what was invoiced and paid, for the bookkeeper's program.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use chrono::NaiveDate;
use clap::Args;

use super::{Failure, Outcome, Result, count, open, put, say, settings};
use crate::{
    auth::viewer::Viewer,
    documents::sie,
    error::Error,
    invoices::journal,
    output::{self, OwnFiles},
};

/// Write a bookkeeping file (SIE 4I)
///
/// A voucher for each invoice, credit note and payment from the first day to the last one, with the accounts of [network.accounts] in
/// samregister.toml and revenue told apart by activity (dimension 6). Vouchers get their numbers from the program that reads the file.
/// Which days have been booked is for the bookkeeper to remember: the same days give the same file again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  samregister sie --from 2026-01-01 --to 2026-01-31 --output 2026-01.si")]
pub struct Options {
    /// First day
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: NaiveDate,
    /// Last day
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: NaiveDate,
    /// Where to write it; stdout unless given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the file.
///
/// # Errors
/// When the days are out of order, the network has no name, the register can't be opened or the file can't be written.
pub async fn run(options: Options) -> Result {
    if options.output.is_none() && io::stdout().is_terminal() {
        return Err(Failure::usage("give --output FILE, since a terminal can't show the characters of such a file"));
    }
    let settings = settings()?;
    let db = open(&settings).await?;
    let own = OwnFiles::new(&db, &settings);
    if let Some(path) = &options.output {
        own.refuse(path)?;
    }
    let made = journal::journal(&db, &Viewer::operator("sie"), &settings.network, options.from, options.to).await;
    db.close().await?;
    let journal = made.map_err(refused)?;
    let file = sie::file(&journal)?;
    match &options.output {
        None => put(file)?,
        Some(path) => {
            output::write(path, &file, &own)?;
            say(&format!("wrote {} to {}", count(journal.vouchers.len(), "voucher"), path.display()));
        }
    }
    Ok(Outcome::Done)
}

/// Names the option that a fault is about; what is about the settings is named already.
pub(super) fn refused(error: Error) -> Failure {
    match error {
        Error::Invalid(faults) => {
            let is_usage = faults.iter().any(|fault| fault.path == "to");
            let lines =
                faults.iter().map(|fault| format!("{}{} {}", if fault.path == "to" { "--" } else { "" }, fault.path, fault.message));
            Failure { lines: lines.collect(), code: if is_usage { 2 } else { 1 } }
        }
        other => other.into(),
    }
}
