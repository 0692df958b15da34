//! GraphQL API of the list of documents.

pub mod queries;
pub mod types;
