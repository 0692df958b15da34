//! `samregister costs` and `samregister grants`: costs and grants of a period.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::{cost, grant, money::Money, total::Total};
use serde::Serialize;

use super::{
    Outcome, Result, check_range, context, count,
    expiring::check_activities,
    json, open,
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    auth::viewer::Viewer,
    booking_status::BookingStatus,
    context::Context,
    ledger::{
        Filter,
        booking_list::{self, Listed},
    },
};

/// List costs of activities
///
/// Lists costs from the first day to the last one, in order of day, with supplier, agreement and
/// VAT. Corrections are separate rows with the negative amount, so that the sum is the total cost.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister costs --from 2026-01-01 --to 2026-12-31
  samregister costs --activity bip --output kostnader.xlsx")]
pub struct CostOptions {
    #[command(flatten)]
    list: ListOptions,
}

/// List grants to activities
///
/// Lists grants from the first day to the last one, in order of day, each with its agreement.
/// Corrections are separate rows with the negative amount.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister grants --from 2026-01-01 --to 2026-12-31
  samregister grants --activity bip --output bidrag.xlsx")]
pub struct GrantOptions {
    #[command(flatten)]
    list: ListOptions,
}

// No doc comment: clap would take it for the description of each command that has these options.
#[derive(Debug, Args)]
struct ListOptions {
    /// Booked on this day or later
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// Booked on this day or earlier
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: Option<NaiveDate>,
    /// Only these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// With one of these statuses
    #[arg(long = "status", value_name = "STATUS", value_enum, ignore_case = true, num_args = 1.., value_delimiter = ',')]
    statuses: Vec<StatusOption>,
    #[command(flatten)]
    report: ReportOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum StatusOption {
    /// Neither reversed nor a reversal
    Booked,
    /// Corrected by a reversal
    Reversed,
    /// A reversal
    Reversal,
}

impl From<StatusOption> for BookingStatus {
    fn from(option: StatusOption) -> Self {
        match option {
            StatusOption::Booked => Self::Booked,
            StatusOption::Reversed => Self::Reversed,
            StatusOption::Reversal => Self::Reversal,
        }
    }
}

impl ListOptions {
    /// Returns the filter. Fails if an activity is not known.
    async fn filter(&self, ctx: Context<'_>) -> Result<Filter> {
        check_activities(ctx, &self.activities).await?;
        Ok(Filter {
            activities: self.activities.clone(),
            from: self.from,
            to: self.to,
            statuses: self.statuses.iter().map(|status| BookingStatus::from(*status)).collect(),
            ..Filter::default()
        })
    }
}

/// Lists costs.
///
/// # Errors
/// Fails if an activity is not known, the database can't be opened or the list can't be written.
pub async fn run_costs(options: CostOptions) -> Result {
    check_range(options.list.from, options.list.to)?;
    let (list, settings) = (options.list, settings()?);
    let format = list.report.format()?;
    let db = open(&settings).await?;
    let target = list.report.target(&db, &settings)?;
    let viewer = Viewer::operator("costs");
    let found =
        booking_list::costs(context(&db, &viewer), &list.filter(context(&db, &viewer)).await?)
            .await?;
    let document = match format {
        ReportFormat::Table => {
            format!("{}\n{}\n", table(&of_costs(&found, SWEDISH)), count(found.len(), "cost"))
                .into_bytes()
        }
        ReportFormat::Json => {
            json(&Costs { count: found.len(), costs: of_costs(&found, CODES).objects() })?
                .into_bytes()
        }
        ReportFormat::Csv => sheet::csv(&of_costs(&found, CODES))?,
        ReportFormat::Xlsx => {
            report::workbook(&db, "Kostnader", "Kostnader".to_owned(), of_costs(&found, SWEDISH))?
        }
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

/// Lists grants.
///
/// # Errors
/// Fails if an activity is not known, the database can't be opened or the list can't be written.
pub async fn run_grants(options: GrantOptions) -> Result {
    check_range(options.list.from, options.list.to)?;
    let (list, settings) = (options.list, settings()?);
    let format = list.report.format()?;
    let db = open(&settings).await?;
    let target = list.report.target(&db, &settings)?;
    let viewer = Viewer::operator("grants");
    let found =
        booking_list::grants(context(&db, &viewer), &list.filter(context(&db, &viewer)).await?)
            .await?;
    let document = match format {
        ReportFormat::Table => {
            format!("{}\n{}\n", table(&of_grants(&found, SWEDISH)), count(found.len(), "grant"))
                .into_bytes()
        }
        ReportFormat::Json => {
            json(&Grants { count: found.len(), grants: of_grants(&found, CODES).objects() })?
                .into_bytes()
        }
        ReportFormat::Csv => sheet::csv(&of_grants(&found, CODES))?,
        ReportFormat::Xlsx => {
            report::workbook(&db, "Bidrag", "Bidrag".to_owned(), of_grants(&found, SWEDISH))?
        }
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

/// JSON output of costs.
#[derive(Serialize)]
struct Costs<R> {
    count: usize,
    costs: Vec<R>,
}

/// JSON output of grants.
#[derive(Serialize)]
struct Grants<R> {
    count: usize,
    grants: Vec<R>,
}

/// Labels of a status and of the row of totals.
#[derive(Clone, Copy)]
struct Labels {
    /// Selects the slug or the name of an activity.
    activity: fn(&(String, String)) -> &str,
    status: fn(BookingStatus) -> &'static str,
    total: &'static str,
}

/// Codes, for JSON and CSV.
const CODES: Labels =
    Labels { activity: |(slug, _)| slug, status: BookingStatus::word, total: "Summa" };
/// Labels for people, in tables and workbooks.
const SWEDISH: Labels =
    Labels { activity: |(_, name)| name, status: BookingStatus::in_swedish, total: "Summa" };

fn of_costs(found: &[Listed<cost::Model>], labels: Labels) -> Grid {
    let columns = vec![
        Column::new("booked_on", "Datum", Kind::Day),
        Column::new("activity", "Verksamhet", Kind::Text),
        Column::new("description", "Beskrivning", Kind::Text),
        Column::new("supplier", "Leverantör", Kind::Text),
        Column::new("reference", "Fakturanummer", Kind::Text),
        Column::new("agreement", "Avtal", Kind::Text),
        Column::new("amount", "Belopp", Kind::Money),
        Column::new("vat", "Avdragen moms", Kind::Money),
        Column::new("status", "Status", Kind::Text),
        Column::new("reason", "Orsak till rättelse", Kind::Text),
    ];
    let row = |listed: &Listed<cost::Model>| {
        vec![
            Cell::Day(listed.row.booked_on),
            Cell::Text((labels.activity)(&listed.activity).to_owned()),
            Cell::Text(listed.row.description.clone()),
            Cell::text(listed.supplier.as_ref()),
            Cell::text(listed.row.reference.as_ref()),
            Cell::text(listed.agreement.as_ref()),
            Cell::Money(listed.row.amount),
            listed.row.vat.map_or(Cell::Empty, Cell::Money),
            Cell::Text((labels.status)(listed.status).to_owned()),
            Cell::text(listed.row.reason.as_ref()),
        ]
    };
    with_total(columns, found.iter().map(row).collect(), labels)
}

fn of_grants(found: &[Listed<grant::Model>], labels: Labels) -> Grid {
    let columns = vec![
        Column::new("booked_on", "Datum", Kind::Day),
        Column::new("activity", "Verksamhet", Kind::Text),
        Column::new("funder", "Bidragsgivare", Kind::Text),
        Column::new("agreement", "Avtal", Kind::Text),
        Column::new("amount", "Belopp", Kind::Money),
        Column::new("status", "Status", Kind::Text),
        Column::new("reason", "Orsak till rättelse", Kind::Text),
    ];
    let row = |listed: &Listed<grant::Model>| {
        vec![
            Cell::Day(listed.row.booked_on),
            Cell::Text((labels.activity)(&listed.activity).to_owned()),
            Cell::Text(listed.row.funder.clone()),
            Cell::text(listed.agreement.as_ref()),
            Cell::Money(listed.row.amount),
            Cell::Text((labels.status)(listed.status).to_owned()),
            Cell::text(listed.row.reason.as_ref()),
        ]
    };
    with_total(columns, found.iter().map(row).collect(), labels)
}

/// Adds a row of totals, unless there are no rows.
fn with_total(columns: Vec<Column>, rows: Vec<Vec<Cell>>, labels: Labels) -> Grid {
    let sum = |column: usize| {
        let amount = |row: &Vec<Cell>| match row.get(column) {
            Some(Cell::Money(amount)) => *amount,
            _ => Money::ZERO,
        };
        Cell::Sum(rows.iter().map(amount).sum::<Total>())
    };
    let total = columns.iter().enumerate().map(|(index, column)| match column.kind {
        Kind::Money => sum(index),
        _ if index == 0 => Cell::Text(labels.total.to_owned()),
        _ => Cell::Empty,
    });
    let total = Some(total.collect()).filter(|_| !rows.is_empty());
    Grid { columns, rows, total }
}
