//! GraphQL API of activities.

pub mod coverage;
pub mod mutations;
mod payloads;
pub mod queries;
pub mod types;
