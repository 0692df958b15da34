//! Revenue reports, forecasts and break-even.

mod break_even;
mod files;
mod forecast;
mod public_totals;
pub mod report;
mod sums;
mod totals;
