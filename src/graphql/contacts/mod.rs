//! GraphQL API of contacts, contact areas and the log of reads of contacts.

pub mod mutations;
pub mod payloads;
pub mod queries;
pub mod types;
