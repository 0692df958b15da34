//! GraphQL API of status reports.

pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;
