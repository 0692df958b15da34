//! The release that each migration came with, and the oldest program that may still run on its
//! result.

/// The migrations of every release: version, name, and the SHA-256 of the file's code without its
/// comments (`-` for a conversion, whose code is no file of this crate).
/// `tests/api/operations/database/migration_files.rs` compares the files with it.
pub const RELEASED: &str = include_str!("../released.txt");

/// Migrations on whose result programs older than their own release may still run, each with the
/// oldest of these, which is 0.2.0 or later: earlier ones do not read it.
///
/// A program may run on the result if all that it reads and writes is still there and every row
/// that it writes is still accepted: a migration that only adds an index, or a table that no rule
/// depends on. A release that stores what its predecessor can't read, as a new word of an enum,
/// needs a migration that is not listed here, even if no table changes.
pub const COMPATIBLE: &[(&str, &str)] = &[("m2026_12_03_30_ledger_orders", "0.2.0"), ("m2026_12_04_90_command_runs", "0.2.0")];

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

    #[test]
    fn older_programs_may_run_on_what_a_compatible_migration_made() {
        for (name, oldest) in COMPATIBLE {
            assert_eq!(oldest_program(name), *oldest);
        }
    }
}
