//! Activities, their status reports, their ledger of costs and their tax decisions.

mod cost_ledger;
mod cost_ledger_files;
mod ledger_lists;
mod lifecycle;
mod lists;
mod status_reports;
mod tax_decisions;
