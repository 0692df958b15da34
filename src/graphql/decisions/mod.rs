//! GraphQL API of decisions.

pub mod queries;
pub mod types;
