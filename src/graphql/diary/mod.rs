//! GraphQL API of the diary.

pub mod queries;
pub mod types;
