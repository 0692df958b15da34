//! GraphQL API of late interest: reference rates and interest invoices.

pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;
