//! `samregister invoices report`: invoices and credit notes of a period, from the database.

use chrono::NaiveDate;
use clap::Args;
use entity::{kind::InvoiceKind, money::Money, total::Total};
use serde::Serialize;

use super::{
    Outcome, Result, context, count,
    expiring::check_activities,
    invoice_filter::InvoiceFilter,
    json, open,
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, labels, sheet};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    invoices::{
        self,
        amounts::{self, State},
        differences::Difference,
        listing::{self, Listed},
    },
};

/// Report invoices and credit notes of the register on this machine
///
/// Lists those issued from the first day to the last one, in order of day and number, with the sums
/// paid and credited until now. Amounts of credit notes are negative, so that the totals are net of
/// them. Reads the database of the settings; `invoices list` asks a server.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister invoices report --from 2026-01-01 --to 2026-12-31
  samregister invoices report --status OVERDUE --output fakturor.xlsx
  Invoices to refund, for Excel:
    samregister invoices report --overpaid --output att-betala-tillbaka.xlsx")]
pub struct Options {
    #[command(flatten)]
    filter: InvoiceFilter,
    #[command(flatten)]
    report: ReportOptions,
}

/// Reports invoices.
///
/// # Errors
/// Fails if an activity is not known, the database can't be opened or the report can't be written.
pub async fn run(options: Options) -> Result {
    let filter = options.filter.of_rules()?;
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let viewer = Viewer::operator("invoices report");
    check_activities(context(&db, &viewer), &filter.activities).await?;
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
