//! `samregister templates`: the templates that come with the program.

use clap::{Args, Subcommand};

use super::{Outcome, Result, open, put, say, settings, table};
use domain::{
    auth::viewer::Viewer,
    documents::{Cell, Column, Grid, Kind},
    templates::library::{self, Fate},
};

/// Load the templates that come with the program
///
/// Six agreements in Swedish: participation in BIP, in Indikatorer and in Stoppa våldet, leading a
/// project, consulting, and cooperation. Loading again changes nothing but what is new in the
/// program.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  Take them in as drafts, to be read and published through the API:
    samregister templates load
  Take them in and publish them at once:
    samregister templates load --publish")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Subcommand,
}

#[derive(Debug, Subcommand)]
enum Subcommand {
    Load(Load),
}

/// Take them into the register
///
/// A template that the register lacks is added. One whose text is new in the program gets it as the
/// draft of a next version. Where some version has the program's text already nothing is changed,
/// so that what was developed further in the register is left alone. A draft that somebody is
/// changing in the register is kept, and not published either.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  samregister templates load --publish")]
struct Load {
    /// Publish them as well, so that new agreements get them
    #[arg(long)]
    publish: bool,
}

/// Loads the templates.
///
/// # Errors
/// When the register can't be opened or the database fails; then nothing has changed.
pub async fn run(options: Options) -> Result {
    let Subcommand::Load(load) = options.subcommand;
    let settings = settings()?;
    let db = open(&settings).await?;
    let done = library::load(&db, &Viewer::operator("templates load"), load.publish).await;
    db.close().await?;
    let loaded = done?;
    let columns = vec![
        Column::new("template", "Template", Kind::Text),
        Column::new("version", "Version", Kind::Number),
        Column::new("state", "State", Kind::Text),
        Column::new("change", "Change", Kind::Text),
    ];
    let rows = loaded.iter().map(|loaded| {
        let fate = match loaded.fate {
            Fate::Added => "added",
            Fate::Changed => "changed",
            Fate::Published => "published",
            Fate::Kept => "kept",
            Fate::Unchanged => "none",
        };
        vec![
            Cell::Text(loaded.slug.into()),
            Cell::Number(loaded.version.into()),
            Cell::Text(loaded.state.word().into()),
            Cell::Text(fate.into()),
        ]
    });
    put(table(&Grid { columns, rows: rows.collect(), total: None }))?;
    let is_unchanged =
        loaded.iter().all(|loaded| matches!(loaded.fate, Fate::Unchanged | Fate::Kept));
    say(if is_unchanged { "nothing was changed" } else { "loaded" });
    Ok(Outcome::Done)
}
