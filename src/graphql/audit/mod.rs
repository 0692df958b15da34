//! GraphQL API of the audit trail.

pub mod queries;
pub mod types;
