//! `samregister migrate`: migrates the database, or lists migrations.

use chrono::DateTime;
use clap::Args;
use serde::Serialize;

use super::{Format, Outcome, Result, connect, count, json, put, say, settings, table, trail_key};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    clock::Clock,
    config::Settings,
    database::{self, StepStatus, plan::Plan},
};

/// Migrate the database to this version
///
/// Creates the tables of a new register, or changes those of an older version. A missing SQLite
/// file is created. Each migration is one transaction: if the command is interrupted, run it again
/// and it continues from there. Programs that migrate at the same time wait for each other. `serve`
/// does the same at its start, unless --no-migrate is set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister migrate
  DATABASE_URL=postgres://samregister@localhost/samregister samregister migrate
  Applied and pending migrations, and the oldest compatible version of the program:
    samregister migrate --status
  Check for pending migrations before a new version is installed:
    samregister migrate --dry-run --check || echo \"back up the register first\"

Exit codes: 0 done; with --check 3 if migrations are pending.")]
pub struct Options {
    /// List every migration with its state, and change nothing
    #[arg(long, group = "listing")]
    status: bool,
    /// List the pending migrations in order, and change nothing
    #[arg(long, group = "listing")]
    dry_run: bool,
    /// Format of the list of --status or --dry-run
    #[arg(long, value_enum, default_value_t = Format::Table, requires = "listing")]
    format: Format,
    /// With --status or --dry-run: exit with 3 if migrations are pending
    #[arg(long, requires = "listing")]
    check: bool,
}

/// Migrates the database, or lists migrations.
///
/// # Errors
/// Fails if it can't be reached, a newer program has migrated it, or a migration fails.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    if options.status || options.dry_run {
        return list(&settings, &options).await;
    }
    let db = trail_key::make(&settings).await?;
    let applied = db.migrate(Clock::system().now()).await?;
    db.close().await?;
    match applied.len() {
        0 => say("the register is up to date"),
        number => {
            say(&format!("{} applied; the register is up to date", count(number, "migration")))
        }
    }
    Ok(Outcome::Done)
}

/// Lists all migrations or the pending ones. A missing SQLite file is not created: all migrations
/// are pending in it. Nothing is pending in a database that is too new for this program.
async fn list(settings: &Settings, options: &Options) -> Result {
    let url = settings.database_url.expose();
    let steps = if super::is_missing(url) {
        Plan::current().status(&[])
    } else {
        let db = connect(settings, false).await?;
        let steps = db.migration_status(&Plan::current()).await?;
        db.close().await?;
        steps
    };
    let is_new_enough = database::ensure_new_enough(&steps);
    if options.dry_run {
        // `migrate` would refuse the database with the same message.
        is_new_enough.clone()?;
    }
    let is_pending = |step: &StepStatus| step.applied.is_none() && is_new_enough.is_ok();
    let pending = steps.iter().filter(|step| is_pending(step)).count();
    let listed: Vec<_> = steps
        .iter()
        .filter(|step| is_pending(step) || (options.status && step.applied.is_some()))
        .collect();
    match options.format {
        Format::Table if listed.is_empty() => {}
        Format::Table => put(table(&grid(&listed)))?,
        Format::Json => {
            put(json(&listed.iter().map(|step| Step::from(*step)).collect::<Vec<_>>())?)?
        }
        Format::Csv => put(sheet::csv(&grid(&listed))?)?,
    }
    let newer = steps.iter().filter(|step| !step.is_known).count();
    if newer > 0 {
        say(&format!("{} applied by a newer program", count(newer, "migration")));
    }
    if let Err(error) = is_new_enough {
        say(&format!("the register is newer than this program: {error}"));
        return Ok(Outcome::Done);
    }
    match pending {
        0 => say("the register is up to date"),
        number if options.dry_run => say(&format!(
            "{} would be applied; nothing was changed: a dry run",
            count(number, "migration")
        )),
        number => {
            say(&format!("{} pending; run `samregister migrate`", count(number, "migration")))
        }
    }
    Ok(if options.check && pending > 0 { Outcome::Found } else { Outcome::Done })
}

/// A migration in JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step<'s> {
    name: &'s str,
    status: &'static str,
    applied_at: Option<String>,
    applied_by: Option<&'s str>,
    oldest_program: Option<&'s str>,
}

impl<'s> From<&'s StepStatus> for Step<'s> {
    fn from(step: &'s StepStatus) -> Self {
        let applied = step.applied.as_ref();
        let at = applied.and_then(|applied| DateTime::from_timestamp(applied.applied_at, 0));
        Self {
            name: &step.name,
            status: match applied {
                None => "PENDING",
                Some(_) if step.is_known => "APPLIED",
                Some(_) => "APPLIED_BY_NEWER",
            },
            applied_at: at.map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            applied_by: applied.and_then(|applied| applied.applied_by.as_deref()),
            oldest_program: step.oldest_program.as_deref(),
        }
    }
}

fn grid(steps: &[&StepStatus]) -> Grid {
    let columns = vec![
        Column::new("name", "Migrering", Kind::Text),
        Column::new("status", "Status", Kind::Text),
        Column::new("applied_at", "Utförd", Kind::Text),
        Column::new("applied_by", "Av version", Kind::Text),
        Column::new("oldest_program", "Äldsta program", Kind::Text),
    ];
    let text = |text: Option<&str>| text.map_or(Cell::Empty, |text| Cell::Text(text.to_owned()));
    let row = |step: &StepStatus| {
        let step = Step::from(step);
        vec![
            text(Some(step.name)),
            text(Some(step.status)),
            text(step.applied_at.as_deref()),
            text(step.applied_by),
            text(step.oldest_program),
        ]
    };
    Grid { columns, rows: steps.iter().map(|step| row(step)).collect(), total: None }
}
