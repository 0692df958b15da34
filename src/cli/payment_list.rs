//! `samregister payments list`: bank payments of a period.

use chrono::NaiveDate;
use clap::Args;
use entity::{kind::BankFinding, money::Money};
use serde::Serialize;

use super::{
    Outcome, Result, context, count, json, kronor, open,
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, labels, sheet};
use domain::{
    auth::viewer::Viewer,
    payments::bank::{
        self, Filter, State,
        listing::{self, Listed},
    },
};

/// List bank payments
///
/// Lists payments in the bank's files from the first day to the last one, with the invoices that
/// each pays and its unmatched remainder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister payments list --from 2026-01-01 --to 2026-01-31
  samregister payments list --waiting --output inbetalningar.xlsx")]
pub struct Options {
    /// At the bank on this day or later
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// At the bank on this day or earlier
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: Option<NaiveDate>,
    /// Only those that someone must match or exclude
    #[arg(long)]
    waiting: bool,
    #[command(flatten)]
    report: ReportOptions,
}

/// Lists bank payments.
///
/// # Errors
/// Fails if the database can't be opened or the list can't be written.
pub async fn run(options: Options) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let filter = Filter {
        states: if options.waiting { vec![State::Pending] } else { Vec::new() },
        from: options.from,
        to: options.to,
        ..Filter::default()
    };
    let found = listing::all(context(&db, &Viewer::operator("payments list")), &filter).await?;
    let document = match format {
        ReportFormat::Table => {
            format!("{}\n{}\n", table(&grid(&found, TABLE)), count(found.len(), "bank payment"))
                .into_bytes()
        }
        ReportFormat::Json => {
            json(&Document { count: found.len(), payments: grid(&found, ENGLISH).objects() })?
                .into_bytes()
        }
        ReportFormat::Csv => sheet::csv(&grid(&found, ENGLISH))?,
        ReportFormat::Xlsx => report::workbook(
            &db,
            "Inbetalningar",
            "Inbetalningar".to_owned(),
            grid(&found, SWEDISH),
        )?,
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

/// JSON output.
#[derive(Serialize)]
struct Document<R> {
    count: usize,
    payments: Vec<R>,
}

/// Labels of a bank payment's status and finding.
#[derive(Clone, Copy)]
struct Labels {
    state: fn(State) -> &'static str,
    finding: fn(BankFinding) -> &'static str,
    amount: fn(Money) -> String,
}

const ENGLISH: Labels = Labels {
    state: |state| match state {
        State::Matched => "MATCHED",
        State::Excluded => "EXCLUDED",
        State::Duplicate => "DUPLICATE",
        State::Pending => "WAITING",
    },
    finding: BankFinding::word,
    amount: |amount| amount.to_string(),
};
const TABLE: Labels = Labels { amount: kronor, ..ENGLISH };
const SWEDISH: Labels = Labels {
    state: |state| match state {
        State::Matched => "Bokad på faktura",
        State::Excluded => "Undantagen",
        State::Duplicate => "Dubblett",
        State::Pending => "Väntar",
    },
    finding: labels::bank_finding,
    amount: kronor,
};

fn grid(found: &[Listed], labels: Labels) -> Grid {
    let columns = vec![
        Column::new("date", "Date", Kind::Day).swedish("Datum"),
        Column::new("amount", "Amount", Kind::Money).swedish("Belopp"),
        Column::new("left", "Left", Kind::Money).swedish("Kvar att boka"),
        Column::new("state", "State", Kind::Text).swedish("Läge"),
        Column::new("payer", "Payer", Kind::Text).swedish("Betalare"),
        Column::new("reference", "Reference", Kind::Text).swedish("Referens"),
        Column::new("message", "Message", Kind::Text).swedish("Meddelande"),
        Column::new("finding", "Finding", Kind::Text).swedish("Igenkänd på"),
        Column::new("invoices", "Invoices", Kind::Text).swedish("Fakturor"),
        Column::new("account", "Account", Kind::Text).swedish("Konto"),
        Column::new("bank_reference", "Bank's reference", Kind::Text).swedish("Bankens referens"),
    ];
    let row = |listed: &Listed| {
        let Listed { row, invoices } = listed;
        let invoices: Vec<String> = match &invoices[..] {
            [(number, _)] => vec![number.clone()],
            several => {
                let paid = |(number, amount): &(String, Money)| {
                    format!("{number}: {}", (labels.amount)(*amount))
                };
                several.iter().map(paid).collect()
            }
        };
        vec![
            Cell::Day(row.booked_on),
            Cell::Money(row.amount),
            Cell::Money(bank::left(row)),
            Cell::Text((labels.state)(bank::state(row)).to_owned()),
            Cell::text(row.payer_name.as_ref()),
            Cell::text(row.reference.as_ref()),
            Cell::text(row.message.as_ref().map(|message| message.replace('\n', " "))),
            Cell::Text((labels.finding)(row.finding).to_owned()),
            Cell::Text(invoices.join(", ")),
            Cell::Text(row.account.clone()),
            Cell::Text(row.bank_reference.clone()),
        ]
    };
    Grid { columns, rows: found.iter().map(row).collect(), total: None }
}
