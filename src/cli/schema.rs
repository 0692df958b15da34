//! `samregister schema`: prints the API's schema.

use clap::Args;

use super::{Outcome, Result, put};
use crate::graphql;

/// Print the API's schema (SDL)
///
/// For code generators and editors. A running server returns the same at /schema.graphql. Needs no
/// database.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  samregister schema > schema.graphql")]
pub struct Options {}

/// Prints the schema.
///
/// # Errors
/// Fails if stdout can't be written to.
pub fn run(_: Options) -> Result {
    put(graphql::sdl(&graphql::schema(None)))?;
    Ok(Outcome::Done)
}
