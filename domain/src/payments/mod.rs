//! Payments, duplicates, refunds, bank payments and write-offs.

pub mod record;
pub mod bank;
pub mod duplicates;
pub mod refunds;
mod rejections;
pub mod small_differences;
pub mod twins;
