//! `samregister activities`: activities over the API.

use clap::{Args, Subcommand};

use super::{
    Result,
    remote_fields::ACTIVITIES,
    remote_lists::{self, Filter, ListOptions, ShowOptions, uppercase},
};

/// List and show activities of a server
///
/// Asks the API with SAMREGISTER_TOKEN and shows what its bearer may see.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister activities list
  samregister activities list --funding GRANT --json slug,coverage
  samregister activities show bip")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List activities
#[derive(Debug, Args)]
struct List {
    /// Only activities with one of these kinds of funding, as SPECIAL_FEE or GRANT
    #[arg(long, num_args = 1.., value_name = "FUNDING", value_delimiter = ',')]
    funding: Vec<String>,
    #[command(flatten)]
    list: ListOptions,
}

/// Show an activity, by slug or id
#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    show: ShowOptions,
}

/// Runs the command.
///
/// # Errors
/// Fails if the server can't be reached, or it answers with errors.
pub async fn run(options: Options) -> Result {
    match options.subcommand {
        Command::List(List { funding, list }) => {
            let filter = Filter::default().with_all("funding", &uppercase(&funding));
            remote_lists::list(&ACTIVITIES, filter, list).await
        }
        Command::Show(Show { show }) => remote_lists::show(&ACTIVITIES, show).await,
    }
}
