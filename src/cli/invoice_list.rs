//! `samregister invoices list`: invoices and credit notes over the API.

use clap::Args;

use super::{
    Result,
    invoice_filter::InvoiceFilter,
    remote_fields::INVOICES,
    remote_lists::{self, ListOptions},
};

/// List invoices and credit notes of a server
///
/// Asks the API with SAMREGISTER_TOKEN and shows what its bearer may see.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister invoices list --status OVERDUE
  samregister invoices list --search gotland --json number,total,outstanding
  A workbook of all amounts, from the database of this machine:
    samregister invoices report --output fakturor.xlsx")]
pub struct Options {
    #[command(flatten)]
    filter: InvoiceFilter,
    #[command(flatten)]
    list: ListOptions,
}

/// Lists invoices.
///
/// # Errors
/// Fails if the last day is before the first one, the server can't be reached, or it answers with
/// errors.
pub async fn run(options: Options) -> Result {
    remote_lists::list(&INVOICES, options.filter.of_api()?, options.list).await
}
