//! GraphQL API of uploaded files.

pub mod types;
