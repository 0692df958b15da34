//! `samregister completions`: shell completions of commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Outcome, Program, Result, put};

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

/// Prints the completions.
///
/// # Errors
/// Fails if stdout can't be written to.
pub fn run(options: Options) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Program::command(), "samregister", &mut script);
    put(script)?;
    Ok(Outcome::Done)
}
