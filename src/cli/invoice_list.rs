//! `samregister invoices list`: invoices and credit notes of a period.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::{kind::InvoiceKind, money::Money, total::Total};
use serde::Serialize;

use super::{
    Failure, Outcome, Result, check_range, context, count,
    expiring::check_activities,
    json, open,
    remote_fields::INVOICES,
    remote_lists::{self, Filter as ApiFilter, ListOptions},
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, labels, sheet};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    invoices::{
        self, Filter,
        amounts::{self, State},
        differences::Difference,
        listing::{self, Listed},
    },
};

/// List invoices and credit notes
///
/// Lists those issued from the first day to the last one, in order of day and number, with the sums
/// paid and credited until now. Amounts of credit notes are negative, so that the totals are net of
/// them. With --json, --search, --limit, --url or --token the list is that of a server's API.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister invoices list --from 2026-01-01 --to 2026-12-31
  samregister invoices list --status OVERDUE --output fakturor.xlsx
  Invoices to refund, for Excel:
    samregister invoices list --overpaid --output att-betala-tillbaka.xlsx")]
pub struct Options {
    /// Issued on this day or later
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// Issued on this day or earlier
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: Option<NaiveDate>,
    /// With one of these statuses today
    #[arg(long = "status", alias = "state", value_name = "STATUS", value_enum, ignore_case = true,
        num_args = 1.., value_delimiter = ',')]
    statuses: Vec<StatusOption>,
    /// With a line of one of these activities
    #[arg(long = "activity", num_args = 1.., value_name = "SLUG", value_delimiter = ',')]
    activities: Vec<String>,
    /// Only overpaid invoices, which are to be refunded
    #[arg(long)]
    overpaid: bool,
    /// With one of these differences between the paid sum and the total
    #[arg(long = "difference", value_name = "DIFFERENCE", value_enum, ignore_case = true,
        num_args = 1.., value_delimiter = ',')]
    differences: Vec<DifferenceOption>,
    #[command(flatten)]
    report: ReportOptions,
    #[command(flatten)]
    api: ListOptions,
}

impl Options {
    /// Returns the filter of the API with these options; `None` if one is set that the API's list
    /// does not have here.
    fn api_filter(&self) -> Option<ApiFilter> {
        if self.report.is_stated() {
            return None;
        }
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
        let words = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let states = self.statuses.iter().map(|state| State::from(*state).word()).collect();
        let differences = self.differences.iter();
        let differences = differences.map(|difference| Difference::from(*difference).word());
        Some(
            ApiFilter::default()
                .with("issuedFrom", day(self.from))
                .with("issuedTo", day(self.to))
                .with("overpaid", self.overpaid.then_some(true))
                .with_all("status", &words(states))
                .with_all("difference", &words(differences.collect()))
                .with_all("activitySlugs", &self.activities),
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum DifferenceOption {
    /// Less than one krona unpaid or overpaid
    #[value(alias = "ore-only")]
    OreOnly,
    /// Overpaid by exactly one of two payments of the same amount
    #[value(alias = "paid-twice")]
    PaidTwice,
    /// Paid at least twice the total
    #[value(alias = "far-too-much")]
    PaidDoubleOrMore,
    /// Overpaid by another sum
    Overpaid,
}

impl From<DifferenceOption> for Difference {
    fn from(option: DifferenceOption) -> Self {
        match option {
            DifferenceOption::OreOnly => Self::OreOnly,
            DifferenceOption::PaidTwice => Self::PaidTwice,
            DifferenceOption::PaidDoubleOrMore => Self::PaidDoubleOrMore,
            DifferenceOption::Overpaid => Self::Overpaid,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum StatusOption {
    /// Not issued
    Draft,
    /// Not due, and nothing paid
    Issued,
    /// Not due, and paid in part
    #[value(alias = "partly-paid")]
    PartlyPaid,
    /// Covered by payments, or by payments and credit notes
    Paid,
    /// Not covered when due
    Overdue,
    /// Covered by credit notes
    Credited,
}

impl From<StatusOption> for State {
    fn from(option: StatusOption) -> Self {
        match option {
            StatusOption::Draft => Self::Draft,
            StatusOption::Issued => Self::Issued,
            StatusOption::PartlyPaid => Self::PartlyPaid,
            StatusOption::Paid => Self::Paid,
            StatusOption::Overdue => Self::Overdue,
            StatusOption::Credited => Self::Credited,
        }
    }
}

/// Lists invoices.
///
/// # Errors
/// Fails if an activity is not known, the database can't be opened or the list can't be written.
pub async fn run(options: Options) -> Result {
    if options.api.is_remote() {
        let filter = options.api_filter().ok_or_else(|| {
            Failure::usage("--format and --output are for the register of this machine; over the API there are tables and --json")
        })?;
        return remote_lists::list(&INVOICES, filter, options.api).await;
    }
    check_range(options.from, options.to)?;
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let viewer = Viewer::operator("invoices list");
    check_activities(context(&db, &viewer), &options.activities).await?;
    let filter = Filter {
        states: options.statuses.iter().map(|state| State::from(*state)).collect(),
        activities: options.activities.clone(),
        issued_from: options.from,
        issued_to: options.to,
        overpaid: options.overpaid.then_some(true),
        differences: options
            .differences
            .iter()
            .map(|difference| Difference::from(*difference))
            .collect(),
        ..Filter::default()
    };
    let found = listing::all(context(&db, &viewer), &filter).await?;
    let today = Clock::system().today();
    let document = match format {
        ReportFormat::Table => format!(
            "{}\n{}\n",
            table(&grid(&found, today, SWEDISH)),
            count(found.len(), "document")
        )
        .into_bytes(),
        ReportFormat::Json => to_data(&found, today)?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&grid(&found, today, CODES))?,
        ReportFormat::Xlsx => report::workbook(
            &db,
            "Fakturor",
            format!("Fakturor {today}"),
            grid(&found, today, SWEDISH),
        )?,
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

/// Labels of a document's kind, status and difference, and of the row of totals.
#[derive(Clone, Copy)]
struct Labels {
    kind: fn(InvoiceKind) -> &'static str,
    state: fn(State) -> &'static str,
    difference: fn(Difference) -> &'static str,
    total: &'static str,
}

/// Codes, for JSON and CSV.
const CODES: Labels = Labels {
    kind: InvoiceKind::word,
    state: State::word,
    difference: Difference::word,
    total: "Total",
};
/// Labels for people, in tables and workbooks.
const SWEDISH: Labels = Labels {
    kind: labels::invoice_kind,
    state: State::in_swedish,
    difference: Difference::in_swedish,
    total: "Summa",
};

fn grid(found: &[Listed], today: NaiveDate, labels: Labels) -> Grid {
    let columns = vec![
        Column::new("number", "Nummer", Kind::Text),
        Column::new("kind", "Slag", Kind::Text),
        Column::new("status", "Status", Kind::Text),
        Column::new("buyer", "Köpare", Kind::Text),
        Column::new("issued_on", "Fakturadatum", Kind::Day),
        Column::new("due_on", "Förfallodag", Kind::Day),
        Column::new("settled_on", "Betald den", Kind::Day),
        Column::new("ocr", "OCR-nummer", Kind::Text),
        Column::new("net", "Netto", Kind::Money),
        Column::new("vat", "Moms", Kind::Money),
        Column::new("rounding", "Öresavrundning", Kind::Money),
        Column::new("total", "Belopp", Kind::Money),
        Column::new("paid", "Betalt", Kind::Money),
        Column::new("credited", "Krediterat", Kind::Money),
        Column::new("outstanding", "Obetalt", Kind::Money),
        Column::new("overpaid", "Överbetalt", Kind::Money),
        Column::new("difference", "Avvikelse", Kind::Text),
    ];
    let rows: Vec<Vec<Cell>> = found.iter().map(|listed| row(listed, today, labels)).collect();
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

fn row(listed: &Listed, today: NaiveDate, labels: Labels) -> Vec<Cell> {
    let Listed { row, buyer, difference } = listed;
    let signed = |amount: Money| {
        Cell::Money(if row.kind == InvoiceKind::CreditNote { -amount } else { amount })
    };
    vec![
        Cell::text(row.number.as_ref()),
        Cell::Text((labels.kind)(row.kind).to_owned()),
        Cell::Text((labels.state)(amounts::state(row, today)).to_owned()),
        Cell::Text(buyer.clone()),
        report::day(row.issued_on),
        report::day(row.due_on),
        report::day(row.settled_on.filter(|_| row.kind == InvoiceKind::Invoice)),
        Cell::text(row.ocr.as_ref()),
        signed(row.net),
        signed(row.vat),
        signed(row.rounding),
        signed(row.total),
        Cell::Money(row.paid),
        Cell::Money(row.credited),
        Cell::Money(invoices::outstanding(row)),
        Cell::Money(invoices::overpaid(row)),
        difference.map_or(Cell::Empty, |difference| {
            Cell::Text((labels.difference)(difference).to_owned())
        }),
    ]
}

/// JSON output.
#[derive(Serialize)]
struct Document<R> {
    count: usize,
    invoices: Vec<R>,
}

fn to_data(found: &[Listed], today: NaiveDate) -> Result<String> {
    json(&Document { count: found.len(), invoices: grid(found, today, CODES).objects() })
}
