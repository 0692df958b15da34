//! Payments beyond one invoice: which of them are the same, what is paid back, and what is written
//! off.

pub mod record;
pub mod bank;
pub mod duplicates;
pub mod refunds;
pub mod small_differences;
pub mod twins;
