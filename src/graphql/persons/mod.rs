//! GraphQL API of persons who are not contacts.

pub mod mutations;
pub mod payloads;
pub mod types;
