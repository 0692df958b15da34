//! `samregister payments list`: bank payments of a period.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::{kind::BankFinding, money::Money};
use serde::Serialize;

use super::{
    Outcome, Result, check_range, context, count, json, kronor, open,
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
  samregister payments list --status PENDING --output inbetalningar.xlsx")]
pub struct Options {
    /// At the bank on this day or later
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    from: Option<NaiveDate>,
    /// At the bank on this day or earlier
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    to: Option<NaiveDate>,
    /// With one of these statuses
    #[arg(long = "status", value_name = "STATUS", value_enum, ignore_case = true, num_args = 1..,
        value_delimiter = ',')]
    statuses: Vec<StatusOption>,
    /// As --status PENDING
    #[arg(long, hide = true)]
    waiting: bool,
    #[command(flatten)]
    report: ReportOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
enum StatusOption {
    /// Booked on invoices
    Matched,
    /// Excluded, since it pays no invoice
    Excluded,
    /// Another bank payment is of the same money
    Duplicate,
    /// Someone must match or exclude it
    Pending,
}

impl From<StatusOption> for State {
    fn from(option: StatusOption) -> Self {
        match option {
            StatusOption::Matched => Self::Matched,
            StatusOption::Excluded => Self::Excluded,
            StatusOption::Duplicate => Self::Duplicate,
            StatusOption::Pending => Self::Pending,
        }
    }
}

impl Options {
    /// Returns the requested statuses; none: any.
    fn states(&self) -> Vec<State> {
        let stated = self.statuses.iter().map(|status| State::from(*status));
        stated.chain(self.waiting.then_some(State::Pending)).collect()
    }
}

/// Lists bank payments.
///
/// # Errors
/// Fails if the database can't be opened or the list can't be written.
pub async fn run(options: Options) -> Result {
    check_range(options.from, options.to)?;
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let filter = Filter {
        states: options.states(),
        from: options.from,
        to: options.to,
        ..Filter::default()
    };
    let found = listing::all(context(&db, &Viewer::operator("payments list")), &filter).await?;
    let document = match format {
        ReportFormat::Table => {
            format!("{}\n{}\n", table(&grid(&found, SWEDISH)), count(found.len(), "bank payment"))
                .into_bytes()
        }
        ReportFormat::Json => {
            json(&Document { count: found.len(), payments: grid(&found, CODES).objects() })?
                .into_bytes()
        }
        ReportFormat::Csv => sheet::csv(&grid(&found, CODES))?,
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

/// Codes, for JSON and CSV.
const CODES: Labels = Labels {
    state: |state| match state {
        State::Matched => "MATCHED",
        State::Excluded => "EXCLUDED",
        State::Duplicate => "DUPLICATE",
        State::Pending => "PENDING",
    },
    finding: BankFinding::word,
    amount: |amount| amount.to_string(),
};
/// Labels for people, in tables and workbooks.
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
        Column::new("date", "Datum", Kind::Day),
        Column::new("amount", "Belopp", Kind::Money),
        Column::new("unmatched", "Kvar att boka", Kind::Money),
        Column::new("status", "Status", Kind::Text),
        Column::new("payer", "Betalare", Kind::Text),
        Column::new("reference", "Referens", Kind::Text),
        Column::new("message", "Meddelande", Kind::Text),
        Column::new("finding", "Igenkänd på", Kind::Text),
        Column::new("invoices", "Fakturor", Kind::Text),
        Column::new("account", "Konto", Kind::Text),
        Column::new("bank_reference", "Bankens referens", Kind::Text),
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
