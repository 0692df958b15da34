//! The economy: invoices, payments, receivables, revenue and vouchers.

pub mod invoices;
pub mod payments;
pub mod receivables;
pub mod revenue;
pub mod vouchers;
