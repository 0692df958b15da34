//! GraphQL API of members.

pub mod bulk_mutations;
pub mod mutations;
pub mod payloads;
pub mod queries;
pub mod sums;
pub mod types;
