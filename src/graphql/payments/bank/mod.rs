//! GraphQL API of bank payments: payments from the bank's files.

pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;
