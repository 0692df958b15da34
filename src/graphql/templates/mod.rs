//! GraphQL API of templates.

pub mod mutations;
pub mod payloads;
pub mod placeholders;
pub mod queries;
pub mod types;
