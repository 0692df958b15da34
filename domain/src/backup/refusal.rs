//! Errors of backups, which name what to do.

use std::io;

use crate::error::{Error, Result};

/// Returns an internal error with this message.
pub(super) fn failed(message: impl Into<String>) -> Error {
    Error::internal(io::Error::other(message.into()))
}

/// Fails if there are violations, and names the first of them.
pub(super) fn refuse(violations: Vec<String>) -> Result<()> {
    const NAMED: usize = 5;
    if violations.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = violations.iter().take(NAMED).map(String::as_str).collect();
    let more = violations.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(failed(format!(
        "the copy has errors, and no backup was written: {}{more}. `samregister verify` lists all of them; `samregister backup --unverified` copies the register nevertheless",
        named.join("; ")
    )))
}
