//! GraphQL API of fees.

pub mod mutations;
pub mod payloads;
pub mod queries;
pub mod scenario;
pub mod types;
