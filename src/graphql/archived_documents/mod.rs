//! GraphQL API of the archive.

pub mod mutations;
mod payloads;
pub mod queries;
pub mod reads;
pub mod types;
