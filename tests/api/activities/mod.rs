//! Activities: decisions about them, their fees, status reports, costs and tax decisions.

mod cost_ledger;
mod cost_ledger_files;
pub mod decisions;
pub mod fees;
mod ledger_lists;
mod lifecycle;
mod lists;
mod status_reports;
mod tax_decisions;
