//! GraphQL API of retention.

pub mod queries;
pub mod types;
