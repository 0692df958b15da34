//! GraphQL API of organisations.

pub mod mutations;
pub mod payloads;
pub mod queries;
pub mod types;
