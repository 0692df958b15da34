//! `samregister members`: members over the API.

use clap::{Args, Subcommand};

use super::{
    Result,
    remote_fields::MEMBERS,
    remote_lists::{self, Filter, ListOptions, ShowOptions},
};

/// List and show members of a server
///
/// Asks the API with SAMREGISTER_TOKEN and shows what its bearer may see.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister members list --activity bip
  samregister members list --not-in indikatorer --json name,contactArea
  samregister members show gotland")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Show(Show),
}

/// List members
#[derive(Debug, Args)]
struct List {
    /// Only members with this status
    #[arg(long, value_name = "STATUS", value_parser = ["UPCOMING", "ACTIVE", "LEFT"], ignore_case = true)]
    status: Option<String>,
    /// Only members in one of these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// Only members that are in none of these activities
    #[arg(long = "not-in", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    not_in: Vec<String>,
    /// Only members of this county (län)
    #[arg(long, value_name = "NAME")]
    county: Option<String>,
    #[command(flatten)]
    list: ListOptions,
}

/// Show a member, by organisation number, id or name
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
        Command::List(List { status, activities, not_in, county, list }) => {
            let filter = Filter::default()
                .with("status", status.map(|word| word.to_uppercase()))
                .with("county", county)
                .with_all("inActivitySlugs", &activities)
                .with_all("notInActivitySlugs", &not_in);
            remote_lists::list(&MEMBERS, filter, list).await
        }
        Command::Show(Show { show }) => remote_lists::show(&MEMBERS, show).await,
    }
}
