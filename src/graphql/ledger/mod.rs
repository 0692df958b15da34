//! GraphQL API of the ledger of costs and grants.

pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;
