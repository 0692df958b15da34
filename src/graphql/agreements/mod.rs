//! GraphQL API of agreements.

pub mod bulk_mutations;
pub mod counterparty;
pub mod documents;
pub mod inputs;
pub mod matrix;
pub mod mutations;
pub mod payloads;
pub mod queries;
pub mod template_drift;
pub mod terms;
pub mod types;
