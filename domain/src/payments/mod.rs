//! Payments of invoices, refunds, and the bank payments that report both.

pub mod bank;
mod booking_day;
pub mod record;
mod references;
pub mod refunds;
mod rejections;
mod repetition;
mod reversal;
pub mod reverse;
