//! `samregister expiring`: the agreements that something must be decided about before long.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::{
    activity,
    kind::{AgreementKind, DeadlineKind},
};
use serde::Serialize;

use super::{
    Failure, Outcome, Result, count, json, open,
    report::{self, Target, check_ending, chosen},
    settings, table,
};
use domain::{
    activities,
    agreements::{
        Filter,
        deadlines::{
            DEFAULT_DAYS, MAX_DAYS, Reason, Window,
            query::{self, Expiring},
        },
    },
    auth::viewer::Viewer,
    database::Database,
    documents::{Cell, Column, Grid, Kind, labels, sheet},
    error::ValidationErrors,
};

/// List agreements that expire or must be given notice of
///
/// An agreement that is prolonged by itself is listed by the last day to give notice, any other by
/// its last day. Left out are those that have a signed successor and, unless asked for, those whose
/// deadline somebody has acknowledged.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister expiring --within-days 30 --activity bip indikatorer
  For Excel:
    samregister expiring --within-days 365 --output avtal.xlsx
  A calendar; read again later, its days move and none is doubled:
    samregister expiring --within-days 365 --output avtal.ics
  A letter from cron, only when there are any:
    samregister expiring --check > list || mail -s Avtal kansli@example.se < list

Exit codes: 0 done, also when there are none; with --check 3 when there are any.")]
pub struct Options {
    /// How many days ahead
    #[arg(long, value_name = "N", default_value_t = DEFAULT_DAYS, value_parser = clap::value_parser!(i64).range(0..=MAX_DAYS))]
    within_days: i64,
    /// The first day; today unless given
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// Only agreements about these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// Also those whose deadline somebody has acknowledged
    #[arg(long)]
    include_acknowledged: bool,
    /// Format; by the ending of --output (.csv, .json, .xlsx, .ics or .txt for a table) unless
    /// given, else a table
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where to write it; stdout unless given
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 3 when there are any
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For the eye
    Table,
    /// One document for programs
    Json,
    /// For programs: RFC 4180, with commas, decimal points and UTF-8 without a byte order mark
    Csv,
    /// For people: an Excel workbook in Swedish
    Xlsx,
    /// A calendar with a day for each deadline (iCalendar)
    Ics,
}

/// Lists what expires.
///
/// # Errors
/// When an activity is not known, the register can't be opened or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let format = chosen(options.format, options.output.as_deref(), Format::Table)?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = Target::new(options.output.as_deref(), &db, &settings)?;
    check_ending(options.format, options.output.as_deref())?;
    let viewer = Viewer::operator("expiring");
    check_activities(&db, &viewer, &options.activities).await?;
    let mut errors = ValidationErrors::default();
    let window =
        Window::check(&db, options.within_days, options.from, "--within-days", &mut errors);
    errors.finish()?;
    let filter = Filter {
        activities: options.activities,
        include_acknowledged: Some(options.include_acknowledged),
        ..Filter::default()
    };
    let found = query::all(&db, &viewer, window, &filter).await?;
    let document = match format {
        Format::Table => to_table(&found, window).into_bytes(),
        Format::Json => to_data(&found, window)?.into_bytes(),
        Format::Csv => sheet::csv(&grid(&found, |(slug, _)| slug, WORDS))?,
        Format::Xlsx => {
            let title = format!("Avtal som löper ut {}–{}", window.from, window.to);
            report::workbook(
                &db,
                "Avtal som löper ut",
                title,
                grid(&found, |(_, name)| name, SWEDISH),
            )?
        }
        Format::Ics => query::calendar(&db, &viewer, &found).await?.into_bytes(),
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::of_list(options.check, &found))
}

/// Names every slug that is no activity's, since a list that is empty for a slip of the pen would
/// say that all is well.
pub(super) async fn check_activities(
    db: &Database,
    viewer: &Viewer,
    slugs: &[String],
) -> Result<()> {
    let known = activities::by_slugs(db, viewer, slugs, &[activity::Column::Slug]).await?;
    let unknown: Vec<_> =
        slugs.iter().filter(|slug| known.iter().all(|activity| activity.slug != **slug)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let every =
        activities::all(db, viewer, &activities::Filter::default(), &[activity::Column::Slug])
            .await?;
    let every: Vec<_> = every.into_iter().map(|activity| activity.slug).collect();
    let known = if every.is_empty() { "none at all".to_owned() } else { every.join(", ") };
    let lines = unknown
        .iter()
        .map(|slug| format!("--activity {slug} is no activity's slug; there are {known}"));
    Err(Failure { lines: lines.collect(), code: 1 })
}

/// Words of an agreement's kind, its deadline and the reason.
struct Words {
    kind: fn(AgreementKind) -> &'static str,
    deadline: fn(DeadlineKind) -> &'static str,
    reason: fn(&Reason) -> String,
}

/// Of CSV.
const WORDS: Words = Words {
    kind: AgreementKind::word,
    deadline: DeadlineKind::word,
    reason: |reason| reason.word().to_owned(),
};
/// Of the table at the terminal.
const ENGLISH: Words = Words { reason: ToString::to_string, ..WORDS };
/// Of the workbook.
const SWEDISH: Words = Words {
    kind: labels::agreement_kind,
    deadline: labels::deadline_kind,
    reason: |reason| reason.in_swedish(),
};

/// The rows; `activity` says which of an activity's slug and name is shown.
fn grid(found: &[Expiring], activity: fn(&(String, String)) -> &String, words: Words) -> Grid {
    let columns = vec![
        Column::new("number", "Number", Kind::Text).swedish("Avtal"),
        Column::new("counterparty", "Counterparty", Kind::Text).swedish("Motpart"),
        Column::new("activity", "Activity", Kind::Text).swedish("Verksamhet"),
        Column::new("kind", "Kind", Kind::Text).swedish("Slag"),
        Column::new("deadline", "Deadline", Kind::Text).swedish("Tidsgräns"),
        Column::new("date", "Date", Kind::Day).swedish("Datum"),
        Column::new("days_left", "Days left", Kind::Number).swedish("Dagar kvar"),
        Column::new("reason", "Reason", Kind::Text).swedish("Orsak"),
    ];
    let rows = found.iter().map(|row| {
        vec![
            Cell::Text(row.number.clone()),
            Cell::Text(row.counterparty.clone()),
            Cell::text(row.activity.as_ref().map(activity)),
            Cell::Text((words.kind)(row.kind).into()),
            Cell::Text((words.deadline)(row.deadline).into()),
            Cell::Day(row.on),
            Cell::Number(row.days_left),
            Cell::Text((words.reason)(&row.reason)),
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
        table(&grid(found, |(_, name)| name, ENGLISH)),
        count(found.len(), "agreement")
    )
}

/// What programs read.
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
