//! `samregister expiring`: the agreements that something must be decided about before long.

use std::collections::HashMap;

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::{
    activity,
    agreement::{Column as AgreementColumn, Model},
    kind::{AgreementKind, DeadlineKind},
    member, organisation,
};
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, Outcome, Result, count, json, open, put, settings, table};
use crate::{
    activities,
    agreements::{
        Filter,
        deadlines::{self, DEFAULT_DAYS, MOST_DAYS, Window},
    },
    auth::viewer::Viewer,
    database::Database,
    documents::{Cell, Column, Grid, Kind, calendar, sheet},
    error::Faults,
    members, organisations, page, terms,
};

/// List agreements that expire or must be given notice of
///
/// An agreement that is prolonged by itself is listed by the last day to give notice, any other by its last day. Left out are those that
/// have a signed successor and those whose deadline somebody has acknowledged.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister expiring --within-days 30 --activity bip indikatorer
  A calendar; read again later, its days move and none is doubled:
    samregister expiring --within-days 365 --format ics > avtal.ics
  A letter from cron, only when there are any:
    samregister expiring --check > list || mail -s Avtal kansli@example.se < list

Exit codes: 0 done, also when there are none; with --check 3 when there are any.")]
pub struct Options {
    /// How many days ahead
    #[arg(long, value_name = "N", default_value_t = DEFAULT_DAYS, value_parser = clap::value_parser!(i64).range(0..=MOST_DAYS))]
    within_days: i64,
    /// The first day; today unless given
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// Only agreements about these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
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
    /// For programs and spreadsheets (RFC 4180)
    Csv,
    /// A calendar with a day for each deadline (iCalendar)
    Ics,
}

/// An agreement with its deadline, in words.
struct Expiring {
    id: Uuid,
    number: String,
    counterparty: String,
    /// Slug and name.
    activity: Option<(String, String)>,
    kind: AgreementKind,
    deadline: DeadlineKind,
    on: NaiveDate,
    days_left: i64,
}

/// Lists what expires.
///
/// # Errors
/// When an activity is not known, the register can't be opened or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("expiring");
    check_activities(&db, &viewer, &options.activities).await?;
    let mut faults = Faults::default();
    let window = Window::check(&db, options.within_days, options.from, "--within-days", &mut faults);
    faults.finish()?;
    let found = find(&db, &viewer, window, options.activities).await?;
    let now = db.clock.now();
    db.close().await?;
    put(match options.format {
        Format::Table => for_eyes(&found, window).into_bytes(),
        Format::Json => for_programs(&found, window)?.into_bytes(),
        Format::Csv => sheet::csv(&grid(&found, |(slug, _)| slug))?,
        Format::Ics => calendar::render("Avtal som löper ut", &found.iter().map(day).collect::<Vec<_>>(), now).into_bytes(),
    })?;
    Ok(if options.check && !found.is_empty() { Outcome::Found } else { Outcome::Done })
}

/// Names every slug that is no activity's, since a list that is empty for a slip of the pen would say that all is well.
pub(super) async fn check_activities(db: &Database, viewer: &Viewer, slugs: &[String]) -> Result<()> {
    let known = activities::by_slugs(db, viewer, slugs, &[activity::Column::Slug]).await?;
    let unknown: Vec<_> = slugs.iter().filter(|slug| known.iter().all(|activity| activity.slug != **slug)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let every = activities::all(db, viewer, &activities::Filter::default(), &[activity::Column::Slug]).await?;
    let every: Vec<_> = every.into_iter().map(|activity| activity.slug).collect();
    let known = if every.is_empty() { "none at all".to_owned() } else { every.join(", ") };
    let lines = unknown.iter().map(|slug| format!("--activity {slug} is no activity's slug; there are {known}"));
    Err(Failure { lines: lines.collect(), code: 1 })
}

async fn find(db: &Database, viewer: &Viewer, window: Window, activities: Vec<String>) -> Result<Vec<Expiring>> {
    let filter = Filter { activities, ..Filter::default() };
    let mut columns = terms::COLUMNS.to_vec();
    columns.extend([
        AgreementColumn::Id,
        AgreementColumn::Number,
        AgreementColumn::Kind,
        AgreementColumn::ActivityId,
        AgreementColumn::MemberId,
        AgreementColumn::OrganisationId,
    ]);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let args = page::Args { first: i64::try_from(page::MOST).ok(), after, ..page::Args::default() };
        let page = deadlines::list(db, viewer, window, &filter, &args, &columns, Faults::default()).await?;
        after = page.rows.last().map(|(place, _)| place.encode());
        found.extend(page.rows.into_iter().map(|(_, row)| row));
        if !page.has_next {
            break;
        }
    }
    name(db, viewer, window, found).await
}

/// Gives each agreement the names of its parties and its activity.
async fn name(db: &Database, viewer: &Viewer, window: Window, found: Vec<Model>) -> Result<Vec<Expiring>> {
    let ids: Vec<_> = found.iter().filter_map(|row| row.member_id).collect();
    let members = members::by_ids(db, viewer, &ids, &[member::Column::Id, member::Column::Name]).await?;
    let ids: Vec<_> = found.iter().filter_map(|row| row.organisation_id).collect();
    let organisations = organisations::by_ids(db, viewer, &ids, &[organisation::Column::Id, organisation::Column::Name]).await?;
    let mut parties: HashMap<Uuid, String> = members.into_iter().map(|member| (member.id.into(), member.name)).collect();
    parties.extend(organisations.into_iter().map(|organisation| (organisation.id.into(), organisation.name)));
    let ids: Vec<_> = found.iter().filter_map(|row| row.activity_id).collect();
    let columns = [activity::Column::Id, activity::Column::Slug, activity::Column::Name];
    let named = activities::by_ids(db, viewer, &ids, &columns).await?;
    let activities: HashMap<_, _> = named.into_iter().map(|activity| (activity.id, (activity.slug, activity.name))).collect();

    let row = |row: Model| {
        let deadline = terms::of(&row).next_deadline(window.from)?;
        let party = row.member_id.map(Uuid::from).or(row.organisation_id.map(Uuid::from));
        Some(Expiring {
            id: row.id.into(),
            number: row.number.unwrap_or_default(),
            counterparty: party.and_then(|id| parties.get(&id).cloned()).unwrap_or_default(),
            activity: row.activity_id.and_then(|id| activities.get(&id).cloned()),
            kind: row.kind,
            deadline: deadline.kind,
            on: deadline.on,
            days_left: (deadline.on - window.from).num_days(),
        })
    };
    Ok(found.into_iter().filter_map(row).collect())
}

/// The rows; `activity` says which of an activity's slug and name is shown.
fn grid(found: &[Expiring], activity: fn(&(String, String)) -> &String) -> Grid {
    let columns = vec![
        Column::new("number", "Number", Kind::Text),
        Column::new("counterparty", "Counterparty", Kind::Text),
        Column::new("activity", "Activity", Kind::Text),
        Column::new("kind", "Kind", Kind::Text),
        Column::new("deadline", "Deadline", Kind::Text),
        Column::new("date", "Date", Kind::Day),
        Column::new("days_left", "Days left", Kind::Number),
    ];
    let rows = found.iter().map(|row| {
        vec![
            Cell::Text(row.number.clone()),
            Cell::Text(row.counterparty.clone()),
            Cell::text(row.activity.as_ref().map(activity)),
            Cell::Text(row.kind.word().into()),
            Cell::Text(row.deadline.word().into()),
            Cell::Day(row.on),
            Cell::Number(row.days_left),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}

fn for_eyes(found: &[Expiring], window: Window) -> String {
    let Window { from, to } = window;
    if found.is_empty() {
        return format!("no agreement has a deadline from {from} to {to}\n");
    }
    let has = if found.len() == 1 { "has" } else { "have" };
    format!("{}\n{} {has} a deadline from {from} to {to}\n", table(&grid(found, |(_, name)| name)), count(found.len(), "agreement"))
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
}

impl<'f> Entry<'f> {
    fn of(row: &'f Expiring) -> Self {
        let activity = row.activity.as_ref();
        Self {
            id: agreement_id(row.id),
            number: &row.number,
            counterparty: &row.counterparty,
            activity: activity.map(|(slug, _)| slug.as_str()),
            activity_name: activity.map(|(_, name)| name.as_str()),
            kind: row.kind,
            deadline: row.deadline,
            date: row.on,
            days_left: row.days_left,
        }
    }
}

fn for_programs(found: &[Expiring], window: Window) -> Result<String> {
    json(&Document { from: window.from, to: window.to, count: found.len(), agreements: found.iter().map(Entry::of).collect() })
}

/// An agreement's id as the API writes it.
fn agreement_id(id: Uuid) -> String {
    format!("agreement_{}", id.simple())
}

/// The day in the office's own language, since calendars are for people.
fn day(row: &Expiring) -> calendar::Day {
    let what = match row.deadline {
        DeadlineKind::Notice => ": sista dag för uppsägning",
        DeadlineKind::End => " upphör",
    };
    let activity = row.activity.as_ref().map(|(_, name)| format!(", {name}")).unwrap_or_default();
    let consequence = match row.deadline {
        DeadlineKind::Notice => "Avtalet förlängs om det inte sägs upp senast denna dag.",
        DeadlineKind::End => "Avtalets sista dag.",
    };
    calendar::Day {
        uid: format!("{}-{}@samregister", agreement_id(row.id), row.deadline.word()),
        on: row.on,
        summary: format!("Avtal {} med {}{what}", row.number, row.counterparty),
        description: format!("{}{activity}\n{consequence}", row.counterparty),
    }
}
