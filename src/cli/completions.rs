//! `samregister completions`: shell completions of commands and options.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{Outcome, Result, put};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister completions bash > ~/.local/share/bash-completion/completions/samregister
  samregister completions zsh > ~/.zfunc/_samregister
  samregister completions fish > ~/.config/fish/completions/samregister.fish")]
pub struct Options {
    /// Shell to complete in
    shell: Shell,
}

/// Prints the completions of a program.
///
/// # Errors
/// Fails if stdout can't be written to.
pub fn run(options: Options, program: &mut Command) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, program, "samregister", &mut script);
    put(script)?;
    Ok(Outcome::Done)
}
