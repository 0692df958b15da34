//! Payments: recording, allocation, refunds and files of the bank.

mod allocation;
mod bank;
mod recording;
pub mod refunds;
mod write_offs;
