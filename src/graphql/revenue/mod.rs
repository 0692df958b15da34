//! GraphQL API of revenue.

pub mod break_even;
pub mod queries;
pub mod types;
