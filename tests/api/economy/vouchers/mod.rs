//! Vouchers: export batches, bookkeeping files, closed periods and the VAT return.

mod close_period;
mod closed_day_corrections;
pub mod export_batches;
mod export_corrections;
mod observation_account;
mod sie;
mod vat_return;
