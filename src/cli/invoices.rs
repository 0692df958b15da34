//! `samregister invoices`: what is done with many invoices at once.

use clap::Subcommand;

use super::{Result, invoice_run};

/// Invoice a year's fees
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(invoice_run::Options),
}

/// Does it.
///
/// # Errors
/// Those of the command.
pub async fn run(command: Command) -> Result {
    match command {
        Command::Run(options) => invoice_run::run(options).await,
    }
}
