//! `samregister schema`: the API in the schema language.

use clap::Args;

use super::{Outcome, Result, put};
use crate::graphql;

/// Print the API's schema (SDL)
///
/// For code generators and editors. A running server gives the same at /schema.graphql. Needs no
/// database.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  samregister schema > schema.graphql")]
pub struct Options {}

/// Prints the schema.
///
/// # Errors
/// When stdout can't be written to.
pub fn run(_: Options) -> Result {
    put(graphql::sdl(&graphql::schema(None)))?;
    Ok(Outcome::Done)
}
