//! The GraphQL API apart from a noun: its schema, invalid input and SQL statements.

mod bad_input;
mod bulk;
mod cursors;
mod error_codes;
mod field_columns;
mod filters;
mod input_values;
mod prepared_statements;
mod schema;
mod schema_shape;
pub mod statements;
mod times;
mod viewer_can;
mod workloads;
