//! `samregister agreements`: agreements over the API.

use clap::{Args, Subcommand};

use super::{
    Result,
    remote_fields::AGREEMENTS,
    remote_lists::{self, Filter, ListOptions, ShowOptions, uppercase},
};

/// List and show agreements of a server
///
/// Asks the API with SAMREGISTER_TOKEN and shows what its bearer may see.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister agreements list --activity bip --status ACTIVE
  samregister agreements list --search gotland --json number,status,termEndsOn
  samregister agreements show 2026-0001")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List agreements
#[derive(Debug, Args)]
struct List {
    /// Only agreements with one of these statuses
    #[arg(long, num_args = 1.., value_name = "STATUS", value_delimiter = ',', ignore_case = true,
        value_parser = ["DRAFT", "OFFERED", "SIGNED", "ACTIVE", "NOTICE_GIVEN", "ENDED", "WITHDRAWN"])]
    status: Vec<String>,
    /// Only agreements about one of these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    #[command(flatten)]
    list: ListOptions,
}

/// Show an agreement, by number or id
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
        Command::List(List { status, activities, list }) => {
            let filter = Filter::default()
                .with_all("status", &uppercase(&status))
                .with_all("activitySlugs", &activities);
            remote_lists::list(&AGREEMENTS, filter, list).await
        }
        Command::Show(Show { show }) => remote_lists::show(&AGREEMENTS, show).await,
    }
}
