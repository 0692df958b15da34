//! The GraphQL API apart from a noun: its schema, invalid input and SQL statements.

mod bad_input;
mod input_values;
mod schema;
pub mod statements;
