//! `samregister templates`: bundled templates.

use clap::{Args, Subcommand};

use super::{Outcome, Result, context, open, put, say, settings, table};
use crate::graphql::language::enum_labels;
use documents::{Cell, Column, Grid, Kind};
use domain::{
    auth::viewer::Viewer,
    templates::load::{self, LoadOutcome},
};

/// Load the bundled templates
///
/// Six agreements in Swedish: participation in BIP, in Indikatorer and in Stoppa våldet, leading a
/// project, consulting, and cooperation. Loading them again changes only what is new in the
/// program.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Load them as drafts, to be published through the API:
    samregister templates load
  Load and publish them:
    samregister templates load --publish")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Load(Load),
}

/// Load the templates into the register
///
/// A missing template is added. One whose text is new in the program gets it as the draft of its
/// next version. If any version already has the program's text, nothing is changed, so that texts
/// that were edited in the register are preserved. An edited draft is neither changed nor
/// published.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  samregister templates load --publish")]
struct Load {
    /// Publish them as well, so that new agreements use them
    #[arg(long)]
    publish: bool,
}

/// Loads the templates.
///
/// # Errors
/// Fails if the database can't be opened; then nothing has changed.
pub async fn run(options: Options) -> Result {
    let Command::Load(load) = options.subcommand;
    let settings = settings()?;
    let db = open(&settings).await?;
    let done = load::load(context(&db, &Viewer::operator("templates load")), load.publish).await;
    db.close().await?;
    let loaded = done?;
    let columns = vec![
        Column::new("template", "Mall", Kind::Text),
        Column::new("version", "Version", Kind::Number),
        Column::new("status", "Status", Kind::Text),
        Column::new("change", "Ändring", Kind::Text),
    ];
    let rows = loaded.iter().map(|loaded| {
        let change = match loaded.outcome {
            LoadOutcome::Added => "ny",
            LoadOutcome::Changed => "ändrad",
            LoadOutcome::Published => "publicerad",
            LoadOutcome::Retained => "behållen",
            LoadOutcome::Unchanged => "ingen",
        };
        vec![
            Cell::Text(loaded.slug.into()),
            Cell::Number(loaded.version.into()),
            Cell::Text(enum_labels::swedish("TemplateVersionStatus", loaded.state.word()).into()),
            Cell::Text(change.into()),
        ]
    });
    put(table(&Grid { columns, rows: rows.collect(), total: None }))?;
    let is_unchanged = loaded
        .iter()
        .all(|loaded| matches!(loaded.outcome, LoadOutcome::Unchanged | LoadOutcome::Retained));
    say(if is_unchanged { "nothing was changed" } else { "loaded" });
    Ok(Outcome::Done)
}
