//! GraphQL API of receivables: reminders of overdue invoices.

pub mod bulk_mutations;
pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;
