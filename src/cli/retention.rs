//! `samregister retention`: lists stored data with its retention, and erases expired data.

use chrono::NaiveDate;
use clap::Args;
use entity::id::{ContactId, Identifier};
use serde::Serialize;

use super::{Format, Outcome, Result, context, count, json, open, put, say, settings, table};
use crate::graphql::language::enum_labels;
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    persons,
    retention::{self, Holding, Report},
};

/// List stored data, with what may be erased and what must be retained by which law
///
/// Three kinds of data may be erased: contacts that left their role more than `contact_months` ago,
/// lines of the log of contact reads older than `read_log_months` (both 24 unless
/// [network.retention] of samregister.toml sets them), and names and messages of payers after
/// `payer_years`, 7. --erase erases these and nothing else. Agreements, invoices, payments, costs
/// and grants are retained through the seventh year after the calendar year (bokföringslagen 7 kap.
/// 2 §), the audit trail as long as the register. The mutations `contactErase` and `personErase`
/// erase a single person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister retention
  Data that may be erased from 1 January on:
    samregister retention --as-of 2027-01-01
  Each month, from cron:
    samregister retention --erase")]
pub struct Options {
    /// Day of the report; defaults to today
    #[arg(long, alias = "on", value_name = "DATE", value_parser = super::day,
        conflicts_with = "erase")]
    as_of: Option<NaiveDate>,
    /// Format of the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Erase the contacts, payers and log lines that may be erased today, then list the remaining
    /// data; it can't be undone
    #[arg(long)]
    erase: bool,
}

/// Lists stored data, and erases expired data if requested.
///
/// # Errors
/// Fails if the database can't be opened, read or written, or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let decided = settings.network.retention;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("retention");
    let erased = if options.erase {
        Some(retention::erase::erase(context(&db, &viewer), &decided).await)
    } else {
        None
    };
    let payers = if options.erase {
        persons::erase::erase_due_payers(context(&db, &viewer), &decided).await
    } else {
        Ok(0)
    };
    let report = retention::report(
        context(&db, &viewer),
        &decided,
        options.as_of.unwrap_or_else(|| Clock::system().today()),
    )
    .await;
    db.close().await?;
    let (erased, payers, report) = (erased.transpose()?, payers?, report?);
    put(match options.format {
        Format::Table => table(&grid(&report, swedish)).into_bytes(),
        Format::Json => to_data(&report)?.into_bytes(),
        Format::Csv => sheet::csv(&grid(&report, code))?,
    })?;
    if let Some(erased) = erased {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let payers = if payers > 0 {
            format!(", {}", count(number(payers), "payer"))
        } else {
            String::new()
        };
        say(&format!(
            "erased {}{payers} and {} of the log",
            count(number(erased.contacts), "contact"),
            count(number(erased.reads), "line")
        ));
    }
    Ok(Outcome::Done)
}

/// Returns the kind of stored data as the API has it.
fn code(held: &Holding) -> &'static str {
    held.kind.word()
}

/// Returns the Swedish label of the kind of stored data.
fn swedish(held: &Holding) -> &'static str {
    enum_labels::swedish("RetentionKind", held.kind.word())
}

fn grid(report: &Report, kind: fn(&Holding) -> &'static str) -> Grid {
    let columns = vec![
        Column::new("kind", "Slag", Kind::Text),
        Column::new("count", "Antal", Kind::Number),
        Column::new("oldest", "Äldsta", Kind::Day),
        Column::new("erasable_from", "Får raderas från", Kind::Day),
        Column::new("due", "Får raderas", Kind::Number),
        Column::new("law", "Lag", Kind::Text),
    ];
    let day = |day: Option<NaiveDate>| day.map_or(Cell::Empty, Cell::Day);
    let rows = report.holdings.iter().map(|held| {
        vec![
            Cell::Text(kind(held).into()),
            Cell::Number(held.count),
            day(held.oldest),
            day(held.erasable_from),
            Cell::Number(held.due),
            Cell::Text(held.kind.law().into()),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}

/// JSON output.
#[derive(Serialize)]
struct Document<R> {
    as_of: NaiveDate,
    holdings: Vec<R>,
    /// Contacts that may be erased, by their ids in the API; at most 1000.
    contacts: Vec<String>,
}

fn to_data(report: &Report) -> Result<String> {
    let id = |id: &ContactId| id.global_id();
    json(&Document {
        as_of: report.on,
        holdings: grid(report, code).objects(),
        contacts: report.contacts.iter().map(id).collect(),
    })
}
