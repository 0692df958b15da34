//! `samregister expiring`: agreements with a deadline in the coming days.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::{
    activity,
    kind::{AgreementKind, DeadlineKind},
};
use serde::Serialize;

use super::{
    Failure, Outcome, Result, context, count, json, open,
    report::{self, Target, check_ending, chosen},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, labels, sheet};
use domain::{
    activities,
    agreements::{
        Filter,
        deadlines::{
            expiring_agreement::Expiring,
            query,
            rules::{DEFAULT_DAYS, MAX_DAYS, Reason, Window},
        },
    },
    auth::viewer::Viewer,
    context::Context,
    error::ValidationErrors,
};

/// List agreements that expire or must be given notice of
///
/// An agreement with automatic renewal is listed by the last day to give notice, any other by its
/// last day. Agreements with a signed successor are left out, and so are those whose deadline is
/// snoozed, unless --include-snoozed is set.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister expiring --within-days 30 --activity bip indikatorer
  For Excel:
    samregister expiring --within-days 365 --output avtal.xlsx
  A calendar; importing it again moves its days without duplicates:
    samregister expiring --within-days 365 --output avtal.ics
  From cron, which mails the output if there is any:
    samregister expiring --quiet-if-empty

Exit codes: 0 done; with --check 3 if the list is not empty.")]
pub struct Options {
    /// Length of the window in days
    #[arg(long, value_name = "N", default_value_t = DEFAULT_DAYS, value_parser = clap::value_parser!(i64).range(0..=MAX_DAYS))]
    within_days: i64,
    /// First day; defaults to today
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// Only agreements about these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// Include agreements whose deadline is snoozed
    #[arg(long)]
    include_snoozed: bool,
    /// Format. Defaults to that of the file name of --output (.csv, .json, .xlsx, .ics, or .txt for
    /// a table), else a table
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// File to write; defaults to stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 3 if the list is not empty
    #[arg(long)]
    check: bool,
    /// Write nothing if the list is empty
    #[arg(long, conflicts_with = "output")]
    quiet_if_empty: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Table for a terminal
    Table,
    /// One JSON document
    Json,
    /// RFC 4180 with commas, decimal points, and UTF-8 without a byte order mark
    Csv,
    /// Excel workbook in Swedish
    Xlsx,
    /// Calendar with a day for each deadline (iCalendar)
    Ics,
}

/// Lists expiring agreements.
///
/// # Errors
/// Fails if an activity is not known, the database can't be opened or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let format = chosen(options.format, options.output.as_deref(), Format::Table)?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = Target::new(options.output.as_deref(), &db, &settings)?;
    check_ending(options.format, options.output.as_deref())?;
    let viewer = Viewer::operator("expiring");
    check_activities(context(&db, &viewer), &options.activities).await?;
    let mut errors = ValidationErrors::default();
    let window = Window::check(
        context(&db, &viewer),
        options.within_days,
        options.from,
        "--within-days",
        &mut errors,
    );
    errors.finish()?;
    let filter = Filter {
        activities: options.activities,
        include_snoozed: Some(options.include_snoozed),
        ..Filter::default()
    };
    let found = query::all(context(&db, &viewer), window, &filter).await?;
    let document = match format {
        Format::Table => to_table(&found, window).into_bytes(),
        Format::Json => to_data(&found, window)?.into_bytes(),
        Format::Csv => sheet::csv(&grid(&found, |(slug, _)| slug, CSV_LABELS))?,
        Format::Xlsx => {
            let title = format!("Avtal som löper ut {}–{}", window.from, window.to);
            report::workbook(
                &db,
                "Avtal som löper ut",
                title,
                grid(&found, |(_, name)| name, SWEDISH),
            )?
        }
        Format::Ics => query::calendar(context(&db, &viewer), &found).await?.into_bytes(),
    };
    db.close().await?;
    if !(options.quiet_if_empty && found.is_empty()) {
        target.write(&document)?;
    }
    Ok(Outcome::of_list(options.check, &found))
}

/// Fails naming every slug without an activity, since a misspelled one would return an empty list.
pub(super) async fn check_activities(ctx: Context<'_>, slugs: &[String]) -> Result<()> {
    let known = activities::by_slugs(ctx, slugs, &[activity::Column::Slug]).await?;
    let unknown: Vec<_> =
        slugs.iter().filter(|slug| known.iter().all(|activity| activity.slug != **slug)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let every =
        activities::all(ctx, &activities::Filter::default(), &[activity::Column::Slug]).await?;
    let every: Vec<_> = every.into_iter().map(|activity| activity.slug).collect();
    let known = if every.is_empty() { "none at all".to_owned() } else { every.join(", ") };
    let lines = unknown.iter().map(|slug| {
        format!("--activity {slug} is not the slug of an activity; known slugs: {known}")
    });
    Err(Failure::of_lines(lines.collect()))
}

/// Labels of an agreement's kind, its deadline and the reason.
struct Labels {
    kind: fn(AgreementKind) -> &'static str,
    deadline: fn(DeadlineKind) -> &'static str,
    reason: fn(&Reason) -> String,
}

/// Labels of CSV.
const CSV_LABELS: Labels = Labels {
    kind: AgreementKind::word,
    deadline: DeadlineKind::word,
    reason: |reason| reason.word().to_owned(),
};
/// Labels for people, in tables and workbooks.
const SWEDISH: Labels = Labels {
    kind: labels::agreement_kind,
    deadline: labels::deadline_kind,
    reason: |reason| reason.in_swedish(),
};

/// Returns the rows; `activity` selects an activity's slug or name.
fn grid(found: &[Expiring], activity: fn(&(String, String)) -> &String, labels: Labels) -> Grid {
    let columns = vec![
        Column::new("number", "Avtal", Kind::Text),
        Column::new("counterparty", "Motpart", Kind::Text),
        Column::new("activity", "Verksamhet", Kind::Text),
        Column::new("kind", "Slag", Kind::Text),
        Column::new("deadline", "Tidsgräns", Kind::Text),
        Column::new("date", "Datum", Kind::Day),
        Column::new("days_left", "Dagar kvar", Kind::Number),
        Column::new("reason", "Orsak", Kind::Text),
    ];
    let rows = found.iter().map(|row| {
        vec![
            Cell::Text(row.number.clone()),
            Cell::Text(row.counterparty.clone()),
            Cell::text(row.activity.as_ref().map(activity)),
            Cell::Text((labels.kind)(row.kind).into()),
            Cell::Text((labels.deadline)(row.deadline).into()),
            Cell::Day(row.on),
            Cell::Number(row.days_left),
            Cell::Text((labels.reason)(&row.reason)),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}

fn to_table(found: &[Expiring], window: Window) -> String {
    let Window { from, to } = window;
    if found.is_empty() {
        return format!("no agreement has a deadline from {from} to {to}\n");
    }
    let has = if found.len() == 1 { "has" } else { "have" };
    format!(
        "{}\n{} {has} a deadline from {from} to {to}\n",
        table(&grid(found, |(_, name)| name, SWEDISH)),
        count(found.len(), "agreement")
    )
}

/// JSON output.
#[derive(Serialize)]
struct Document<'f> {
    from: NaiveDate,
    to: NaiveDate,
    count: usize,
    agreements: Vec<Entry<'f>>,
}

#[derive(Serialize)]
struct Entry<'f> {
    id: String,
    number: &'f str,
    counterparty: &'f str,
    activity: Option<&'f str>,
    activity_name: Option<&'f str>,
    kind: AgreementKind,
    deadline: DeadlineKind,
    date: NaiveDate,
    days_left: i64,
    reason: &'static str,
}

impl<'f> Entry<'f> {
    fn of(row: &'f Expiring) -> Self {
        let activity = row.activity.as_ref();
        Self {
            id: row.api_id(),
            number: &row.number,
            counterparty: &row.counterparty,
            activity: activity.map(|(slug, _)| slug.as_str()),
            activity_name: activity.map(|(_, name)| name.as_str()),
            kind: row.kind,
            deadline: row.deadline,
            date: row.on,
            days_left: row.days_left,
            reason: row.reason.word(),
        }
    }
}

fn to_data(found: &[Expiring], window: Window) -> Result<String> {
    json(&Document {
        from: window.from,
        to: window.to,
        count: found.len(),
        agreements: found.iter().map(Entry::of).collect(),
    })
}
