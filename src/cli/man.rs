//! `samregister man`: manual pages of the program and its commands.

use std::{fs, path::PathBuf};

use clap::{Args, Command};

use super::{Failure, Outcome, Result, count, say};

/// Write a manual page for each command
///
/// Writes `samregister.1`, and a page for each command and each command within it, as
/// `samregister-config-check.1`. Needs no database and no settings.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  samregister man ~/.local/share/man/man1 && man samregister-verify")]
pub struct Options {
    /// Folder to write to, which is created if there is none; pages of the same names are replaced
    directory: PathBuf,
}

/// Writes the pages of a program.
///
/// # Errors
/// Fails if the folder or a page can't be written.
pub fn run(options: Options, program: Command) -> Result {
    let folder = options.directory;
    let written =
        fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(program, &folder));
    written.map_err(|cause| {
        Failure::new(format!("cannot write the manual pages to {}: {cause}", folder.display()))
    })?;
    let pages = fs::read_dir(&folder).map(|entries| {
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        let is_page = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("samregister");
        names.filter(is_page).count()
    });
    say(&format!("{} in {}", count(pages.unwrap_or_default(), "manual page"), folder.display()));
    Ok(Outcome::Done)
}
