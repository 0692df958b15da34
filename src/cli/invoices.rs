//! `samregister invoices`: commands of invoices.

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use entity::total::Total;
use serde::Serialize;

use super::{
    Outcome, Result, context, count, invoice_list, invoice_report, invoice_run, json, kronor, open,
    remote_fields::INVOICES,
    remote_lists::{self, ShowOptions},
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    interest::Interest,
    receivables::overdue::{self, OverdueInvoice},
};

/// Issue, list and report invoices
///
/// Invoices the fees of a year in one transaction, lists and shows the invoices of a server, and
/// reports those of this machine's register and the overdue ones with interest to date.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister invoices run --activity indikatorer --year 2027 --dry-run
  samregister invoices list --status OVERDUE
  samregister invoices report --from 2026-01-01 --output fakturor.xlsx
  samregister invoices late")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(invoice_run::Options),
    List(invoice_list::Options),
    Show(Show),
    Report(invoice_report::Options),
    Late(Lateness),
}

/// Show an invoice or a credit note of a server, by number or id
///
/// Asks the API with SAMREGISTER_TOKEN.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister invoices show 1081
  samregister invoices show 1081 --json number,total,pdfUrl")]
struct Show {
    #[command(flatten)]
    show: ShowOptions,
}

/// List overdue invoices, with interest to date
///
/// Lists invoices that payments and credit notes don't cover and whose last day to pay has passed,
/// the longest overdue first. Interest is the reference rate plus the percentage points of the
/// invoice's terms, on the sum that was unpaid each day; it is left out where the reference rate of
/// a half-year is not known. Reminder fees are owed in addition to the outstanding sum.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister invoices late
  As of the end of the year, for Excel:
    samregister invoices late --as-of 2026-12-31 --output sena.xlsx
  From cron, which mails the output if there is any:
    samregister invoices late --quiet-if-empty

Exit codes: 0 done; with --check 3 if the list is not empty.")]
struct Lateness {
    /// Day of the list; defaults to today
    #[arg(long, alias = "on", value_name = "DATE", value_parser = super::day)]
    as_of: Option<NaiveDate>,
    #[command(flatten)]
    report: ReportOptions,
    /// Exit with 3 if the list is not empty
    #[arg(long)]
    check: bool,
    /// Write nothing if the list is empty
    #[arg(long, conflicts_with = "output")]
    quiet_if_empty: bool,
}

/// Runs the command.
///
/// # Errors
/// Fails if the database can't be opened or stdout can't be written to.
pub async fn run(options: Options) -> Result {
    match options.subcommand {
        Command::Run(options) => invoice_run::run(options).await,
        Command::List(options) => invoice_list::run(options).await,
        Command::Report(options) => invoice_report::run(options).await,
        Command::Show(Show { show }) => remote_lists::show(&INVOICES, show).await,
        Command::Late(late) => list_late(late).await,
    }
}

async fn list_late(options: Lateness) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let on = options.as_of.unwrap_or_else(|| Clock::system().today());
    report::note_future(on, Clock::system().today());
    let found = overdue::overdue(
        context(&db, &Viewer::operator("invoices late")),
        on,
        settings.network.invoicing.interest_points,
    )
    .await?;
    let document = match format {
        ReportFormat::Table => to_table(&found, on).into_bytes(),
        ReportFormat::Json => to_data(&found, on)?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&grid(&found))?,
        ReportFormat::Xlsx => {
            let grid = Grid { total: Some(total(&found)), ..grid(&found) };
            report::workbook(&db, "Sena fakturor", format!("Sena fakturor {on}"), grid)?
        }
    };
    db.close().await?;
    if !(options.quiet_if_empty && found.is_empty()) {
        target.write(&document)?;
    }
    Ok(Outcome::of_list(options.check, &found))
}

fn interest(late: &OverdueInvoice) -> Cell {
    late.figures.interest.known().map_or(Cell::Empty, Cell::Money)
}

fn grid(found: &[OverdueInvoice]) -> Grid {
    let columns = vec![
        Column::new("number", "Faktura", Kind::Text),
        Column::new("buyer", "Köpare", Kind::Text),
        Column::new("issued_on", "Fakturadatum", Kind::Day),
        Column::new("due_on", "Förfallodag", Kind::Day),
        Column::new("days_late", "Dagar sen", Kind::Number),
        Column::new("total", "Belopp", Kind::Money),
        Column::new("outstanding", "Obetalt", Kind::Money),
        Column::new("interest", "Ränta", Kind::Money),
        Column::new("reminder_fees", "Påminnelseavgifter", Kind::Money),
    ];
    let rows = found.iter().map(|late| {
        vec![
            Cell::Text(late.number.clone()),
            Cell::Text(late.buyer.clone()),
            Cell::Day(late.issued_on),
            Cell::Day(late.due_on),
            Cell::Number(late.days),
            Cell::Money(late.total),
            Cell::Money(late.figures.unpaid),
            interest(late),
            Cell::Money(late.reminder_fees),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}

/// Returns the row of totals of the workbook.
fn total(found: &[OverdueInvoice]) -> Vec<Cell> {
    let invoiced: Total = found.iter().map(|late| late.total).sum();
    let sums =
        [invoiced, outstanding(found), known_interest(found), reminder_fees(found)].map(Cell::Sum);
    let empty = [const { Cell::Empty }; 4];
    [Cell::Text("Summa".to_owned())].into_iter().chain(empty).chain(sums).collect()
}

fn outstanding(found: &[OverdueInvoice]) -> Total {
    found.iter().map(|late| late.figures.unpaid).sum()
}

/// Returns the sum of the known interest.
fn known_interest(found: &[OverdueInvoice]) -> Total {
    found.iter().filter_map(|late| late.figures.interest.known()).sum()
}

fn reminder_fees(found: &[OverdueInvoice]) -> Total {
    found.iter().map(|late| late.reminder_fees).sum()
}

/// Returns the half-years whose rate is not known, without duplicates.
fn unknown_rates(found: &[OverdueInvoice]) -> Vec<NaiveDate> {
    let mut unknown: Vec<_> = found
        .iter()
        .filter_map(|late| match late.figures.interest {
            Interest::Amount(_) => None,
            Interest::MissingRate(half_year) => Some(half_year),
        })
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    unknown
}

fn to_table(found: &[OverdueInvoice], on: NaiveDate) -> String {
    if found.is_empty() {
        return format!("no invoice is overdue on {on}\n");
    }
    let is = if found.len() == 1 { "is" } else { "are" };
    let mut lines = format!(
        "{}\n{} {is} overdue on {on}: {} outstanding, {} interest to date, {} reminder fees\n",
        table(&grid(found)),
        count(found.len(), "invoice"),
        kronor(outstanding(found)),
        kronor(known_interest(found)),
        kronor(reminder_fees(found)),
    );
    for half_year in unknown_rates(found) {
        lines += &format!(
            "the reference rate from {half_year} is not known, so that interest is incomplete; record it with referenceRateSet in the API\n"
        );
    }
    lines
}

/// JSON output.
#[derive(Serialize)]
struct Document<R> {
    as_of: NaiveDate,
    count: usize,
    outstanding: Cell,
    /// Sum of the known interest.
    interest: Cell,
    reminder_fees: Cell,
    /// First days of the half-years whose reference rate is needed and not known.
    unknown_rates: Vec<NaiveDate>,
    invoices: Vec<R>,
}

fn to_data(found: &[OverdueInvoice], on: NaiveDate) -> Result<String> {
    json(&Document {
        as_of: on,
        count: found.len(),
        outstanding: Cell::Sum(outstanding(found)),
        interest: Cell::Sum(known_interest(found)),
        reminder_fees: Cell::Sum(reminder_fees(found)),
        unknown_rates: unknown_rates(found),
        invoices: grid(found).objects(),
    })
}
