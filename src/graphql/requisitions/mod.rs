//! GraphQL type and mutations of requisitions of grants.

pub mod mutations;
mod payloads;
pub mod types;
