//! GraphQL API of tax decisions.

pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;
