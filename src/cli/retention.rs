//! `samregister retention`: what the register holds and for how long, and erasing what may go.

use chrono::NaiveDate;
use clap::Args;
use serde::Serialize;

use super::{Format, Outcome, Result, count, json, open, put, say, settings, table};
use domain::{
    auth::viewer::Viewer,
    documents::{Cell, Column, Grid, Kind, sheet},
    persons,
    retention::{self, Report},
};

/// List what is held, what of it may go, and what must stay by which law
///
/// Three kinds of data may go: contacts that left their role longer ago than `contact_months`,
/// lines of the log of contact reads that are older than `read_log_months`, both 24 unless
/// [network.retention] of samregister.toml says otherwise, and names and messages of payers after
/// `payer_years`, 7. --erase erases these and nothing else. Agreements, invoices, payments, costs
/// and grants stay through the seventh year after the calendar year (bokföringslagen 7 kap. 2 §),
/// the audit trail as long as the register. A single person whom they name is erased by the
/// mutations `contactErase` and `personErase`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister retention
  What may go at the turn of the year:
    samregister retention --on 2027-01-01
  Each month, from cron:
    samregister retention --erase")]
pub struct Options {
    /// List what may go on this day; today unless given
    #[arg(long, value_name = "DATE", value_parser = super::day, conflicts_with = "erase")]
    on: Option<NaiveDate>,
    /// Format of the list
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Erase the contacts, the payers and the lines of the log that may go today, then list what is
    /// left; it can't be undone
    #[arg(long)]
    erase: bool,
}

/// Lists what is held, and erases what may go when asked to.
///
/// # Errors
/// When the register can't be opened, read or written, or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    let settings = settings()?;
    let decided = settings.network.retention;
    let db = open(&settings).await?;
    let viewer = Viewer::operator("retention");
    let erased =
        if options.erase { Some(retention::erase(&db, &viewer, &decided).await) } else { None };
    let payers =
        if options.erase { persons::erase_due_payers(&db, &viewer, &decided).await } else { Ok(0) };
    let report =
        retention::report(&db, &viewer, &decided, options.on.unwrap_or_else(|| db.clock.today()))
            .await;
    db.close().await?;
    let (erased, payers, report) = (erased.transpose()?, payers?, report?);
    put(match options.format {
        Format::Table => table(&grid(&report)).into_bytes(),
        Format::Json => to_data(&report)?.into_bytes(),
        Format::Csv => sheet::csv(&grid(&report))?,
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

fn grid(report: &Report) -> Grid {
    let columns = vec![
        Column::new("kind", "Kind", Kind::Text),
        Column::new("count", "Count", Kind::Number),
        Column::new("oldest", "Oldest", Kind::Day),
        Column::new("may_go_from", "May go from", Kind::Day),
        Column::new("due", "May go", Kind::Number),
        Column::new("law", "Law", Kind::Text),
    ];
    let day = |day: Option<NaiveDate>| day.map_or(Cell::Empty, Cell::Day);
    let rows = report.holdings.iter().map(|held| {
        vec![
            Cell::Text(held.kind.word().into()),
            Cell::Number(held.count),
            day(held.oldest),
            day(held.may_go_from),
            Cell::Number(held.due),
            Cell::Text(held.kind.law().into()),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}

/// What programs read.
#[derive(Serialize)]
struct Document<R> {
    on: NaiveDate,
    holdings: Vec<R>,
    /// The contacts that may be erased, by their ids in the API; at most 1000.
    contacts: Vec<String>,
}

fn to_data(report: &Report) -> Result<String> {
    let id = |id: &entity::id::ContactId| format!("contact_{}", id.0.simple());
    json(&Document {
        on: report.on,
        holdings: grid(report).objects(),
        contacts: report.contacts.iter().map(id).collect(),
    })
}
