//! The release that each migration came with, and the oldest program that may still run on its
//! result.

/// The migrations of every release: version, name, and the SHA-256 of the file's code without its
/// comments (`-` for a conversion, whose code is no file of this crate).
/// `tests/api/database/migration_files.rs` compares the files with it.
pub const RELEASED: &str = include_str!("../released.txt");

/// Migrations on whose result programs older than their own release may still run, each with the
/// oldest of these.
///
/// A program may run on the result if all that it reads and writes is still there and every row
/// that it writes is still accepted: a migration that only adds an index, or a table that no rule
/// depends on.
const COMPATIBLE: &[(&str, &str)] = &[];

/// Returns the version of the release that a migration came with; for one that is not released yet,
/// the version of this program.
#[must_use]
pub fn release(name: &str) -> &'static str {
    let released = RELEASED.lines().filter_map(|line| line.split_once(' '));
    let own = released.filter(|(_, rest)| rest.split(' ').next() == Some(name)).map(|(version, _)| version).next();
    own.unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// Returns the version of the oldest program that may run on the result of a migration: that of its
/// own release unless `COMPATIBLE` says otherwise.
#[must_use]
pub fn oldest_program(name: &str) -> &'static str {
    COMPATIBLE.iter().find(|(compatible, _)| *compatible == name).map_or_else(|| release(name), |(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_belongs_to_the_release_that_it_came_with() {
        assert_eq!(release("m2026_11_21_01_members"), "0.1.0");
        assert_eq!(release("m2026_11_21_01"), env!("CARGO_PKG_VERSION"));
        assert_eq!(oldest_program("m9999_01_01_01_not_released"), env!("CARGO_PKG_VERSION"));
    }
}
