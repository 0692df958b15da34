//! The interfaces: GraphQL, HTTP, the command line and the search.

pub mod cli;
pub mod graphql;
pub mod http;
pub mod search;
