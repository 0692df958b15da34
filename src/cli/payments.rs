//! `samregister payments`: imports files of the bank.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use clap::{Args, Subcommand};
use entity::{kind::BankFinding, money::Money};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{
    Outcome, Result, context, count, json, kronor, open, payment_list,
    report::{ReportFormat, ReportOptions},
    say, settings, table,
};
use documents::{Cell, Column, Grid, Kind, labels, sheet};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    interchange::bank::{self, Report, SkipReason, SkippedPayment},
    invoices::differences::Difference,
    payments::bank::import::{self, Booked},
};

/// Import payments from files of the bank
///
/// Payments with the OCR reference of an invoice are booked on it; the others are stored until
/// someone matches them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister payments import BGMAX-20261121.txt
  Preview an import:
    samregister payments import camt054.xml --dry-run
  Payments without a match, for Excel:
    samregister payments list --status PENDING --output inbetalningar.xlsx")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(Import),
    List(payment_list::Options),
}

/// Import a file of the bank, all or nothing
///
/// Accepts BgMax of Bankgirot, and camt.053 or camt.054 (ISO 20022) in versions 02 to 13; the
/// format is detected. A payment is booked on the invoice of its OCR reference, or on the one whose
/// number is in its message if the amount equals the outstanding sum. Payments without a match are
/// stored and listed: see `bankPayments` in the API. The same file again, or another with the same
/// payments, books nothing twice. Payments to an account that is not the network's own in
/// samregister.toml, or in another currency than kronor, are skipped and reported. If a line is
/// invalid, or no account of the file is the network's own, every such line is reported and nothing
/// is changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister payments import BGMAX-20261121.txt
  With a report for Excel:
    samregister payments import BGMAX-20261121.txt --output inbetalningar.xlsx")]
struct Import {
    /// File to import
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only report what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    report: ReportOptions,
}

/// Imports a file of the bank.
///
/// # Errors
/// Fails if the file is invalid or can't be read, or the database can't be opened; then nothing has
/// changed.
pub async fn run(options: Options) -> Result {
    match options.subcommand {
        Command::Import(import) => run_import(import).await,
        Command::List(list) => payment_list::run(list).await,
    }
}

async fn run_import(import: Import) -> Result {
    let format = import.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = import.report.target(&db, &settings)?;
    let mut meter = Meter::new();
    let viewer = Viewer::operator("payments import");
    let watcher = &mut |done, of| meter.show(done, of);
    let done = bank::import(
        context(&db, &viewer),
        &settings.network,
        &import.file,
        import.dry_run,
        watcher,
    )
    .await;
    meter.finish();
    let made_at = Clock::system().now();
    db.close().await?;
    let report = done?;
    for skipped in &report.skipped {
        say(&format!(
            "skipped: {}:{}: {}",
            report.source.file_name,
            skipped.line,
            describe(skipped)
        ));
    }
    say(if report.dry_run { "nothing was changed: a dry run" } else { "imported" });
    target.write(&match format {
        ReportFormat::Table => to_table(&report).into_bytes(),
        ReportFormat::Json => json(&Document::of(&report))?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&grid(&report, CODES))?,
        ReportFormat::Xlsx => sheet::workbook_of(
            "Inlästa inbetalningar",
            made_at,
            &[("Inbetalningar".to_owned(), grid(&report, SWEDISH))],
        )?,
    })?;
    Ok(Outcome::Done)
}

/// Returns the outcome of a payment in one word.
fn outcome_label(outcome: &import::ImportedPayment) -> &'static str {
    match (outcome.was_known, outcome.booked.is_empty(), outcome.row.set_aside_on) {
        _ if outcome.refunded.is_some() => "REFUNDED",
        (true, ..) => "ALREADY_IMPORTED",
        (false, true, _) if outcome.row.duplicate_of_id.is_some() => "DUPLICATE",
        (false, false, _) => "MATCHED",
        (false, true, Some(_)) => "EXCLUDED",
        (false, true, None) => "PENDING",
    }
}

/// Labels of the outcome of a payment and of the finding about it.
#[derive(Clone, Copy)]
struct Labels {
    status: fn(&'static str) -> &'static str,
    finding: fn(BankFinding) -> &'static str,
    difference: fn(Difference) -> &'static str,
    amount: fn(Money) -> String,
}

/// Codes, for JSON and CSV.
const CODES: Labels = Labels {
    status: |word| word,
    finding: BankFinding::word,
    difference: Difference::word,
    amount: |amount| amount.to_string(),
};
/// Labels for people, in tables and workbooks.
const SWEDISH: Labels = Labels {
    status: |word| match word {
        "ALREADY_IMPORTED" => "Redan inläst",
        "DUPLICATE" => "Dubblett",
        "MATCHED" => "Bokad på faktura",
        "EXCLUDED" => "Undantagen",
        "REFUNDED" => "Återbetald",
        _ => "Väntar",
    },
    finding: labels::bank_finding,
    difference: Difference::in_swedish,
    amount: kronor,
};

/// Describes a payment that is not the network's to book.
fn describe(skipped: &SkippedPayment) -> String {
    let why = match skipped.reason {
        SkipReason::Account => "not an account of the network's own",
        SkipReason::Currency => "in another currency than kronor",
    };
    format!("{} {} on {}, {why}", skipped.amount, skipped.currency, skipped.account)
}

fn grid(report: &Report, labels: Labels) -> Grid {
    let columns = vec![
        Column::new("date", "Datum", Kind::Day),
        Column::new("amount", "Belopp", Kind::Money),
        Column::new("payer", "Betalare", Kind::Text),
        Column::new("reference", "Referens", Kind::Text),
        Column::new("message", "Meddelande", Kind::Text),
        Column::new("status", "Status", Kind::Text),
        Column::new("finding", "Igenkänd på", Kind::Text),
        Column::new("invoices", "Fakturor", Kind::Text),
        Column::new("difference", "Avvikelse", Kind::Text),
        Column::new("bank_reference", "Bankens referens", Kind::Text),
    ];
    let rows = report.outcomes.iter().map(|outcome| {
        let row = &outcome.row;
        let mut invoices: Vec<_> = match &outcome.booked[..] {
            [booked] => vec![booked.number.clone()],
            several => several
                .iter()
                .map(|Booked { number, amount, .. }| {
                    format!("{number}: {}", (labels.amount)(*amount))
                })
                .collect(),
        };
        invoices.extend(outcome.refunded.clone());
        let differences: Vec<_> = match &outcome.booked[..] {
            [booked] => booked
                .difference
                .map(|difference| (labels.difference)(difference).to_owned())
                .into_iter()
                .collect(),
            several => several
                .iter()
                .filter_map(|own| {
                    Some(format!("{}: {}", own.number, (labels.difference)(own.difference?)))
                })
                .collect(),
        };
        vec![
            Cell::Day(row.booked_on),
            Cell::Money(row.amount),
            Cell::text(row.payer_name.as_ref()),
            Cell::text(row.reference.as_ref()),
            Cell::text(row.message.as_ref().map(|message| message.replace('\n', " ")).as_ref()),
            Cell::Text((labels.status)(outcome_label(outcome)).into()),
            Cell::Text((labels.finding)(row.finding).into()),
            Cell::Text(invoices.join(", ")),
            Cell::Text(differences.join(", ")),
            Cell::Text(row.bank_reference.clone()),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}

fn to_table(report: &Report) -> String {
    let mut grid = grid(report, SWEDISH);
    // References of the bank are long, and not needed in the table.
    grid.columns.pop();
    grid.rows.iter_mut().for_each(|row| drop(row.pop()));
    let mut text = if grid.rows.is_empty() { String::new() } else { format!("{}\n", table(&grid)) };
    let of = |word: &'static str| {
        report.outcomes.iter().filter(move |outcome| outcome_label(outcome) == word)
    };
    let sum = |word| of(word).map(|outcome| outcome.row.amount).sum::<Money>();
    text.push_str(&format!(
        "{}, {}: ",
        report.layout.name(),
        count(report.outcomes.len(), "payment")
    ));
    let parts = [
        ("MATCHED", "matched"),
        ("EXCLUDED", "deducted for credit notes"),
        ("DUPLICATE", "duplicate"),
        ("REFUNDED", "refunded"),
        ("PENDING", "pending"),
        ("ALREADY_IMPORTED", "already imported"),
    ];
    let parts = parts.iter().filter(|(word, _)| {
        !["EXCLUDED", "DUPLICATE", "REFUNDED"].contains(word) || of(word).next().is_some()
    });
    let parts: Vec<_> = parts
        .map(|(word, labels)| format!("{} {labels} ({})", of(word).count(), kronor(sum(word))))
        .collect();
    text.push_str(&parts.join(", "));
    for difference in [
        Difference::Overpaid,
        Difference::PaidTwice,
        Difference::PaidDoubleOrMore,
        Difference::OreOnly,
    ] {
        let booked = report.outcomes.iter().flat_map(|outcome| &outcome.booked);
        let numbers: BTreeSet<&str> = booked
            .filter(|own| own.difference == Some(difference))
            .map(|own| own.number.as_str())
            .collect();
        if !numbers.is_empty() {
            let numbers: Vec<&str> = numbers.into_iter().collect();
            text.push_str(&format!("; {}: {}", difference.describe(), numbers.join(", ")));
        }
    }
    if report.passed_over > 0 {
        text.push_str(&format!(
            "; {} ignored",
            count(report.passed_over, "other entry").replace("entrys", "entries")
        ));
    }
    let accounts: Vec<_> = report.accounts.iter().map(String::as_str).collect();
    if !report.skipped.is_empty() {
        text.push_str(&format!(
            "; {} skipped, not to the network's own accounts or not in kronor",
            count(report.skipped.len(), "payment")
        ));
    }
    text.push_str(&format!(
        "; on {}\n",
        if accounts.is_empty() { "no account".to_owned() } else { accounts.join(", ") }
    ));
    text
}

/// JSON output.
#[derive(Serialize)]
struct Document<'r> {
    file: &'r str,
    sha256: &'r str,
    layout: &'static str,
    /// Accounts or giro numbers in the file.
    accounts: Vec<&'r str>,
    dry_run: bool,
    matched: usize,
    excluded: usize,
    pending: usize,
    duplicate: usize,
    refunded: usize,
    already_imported: usize,
    /// Entries of the file that are no incoming payments.
    ignored: usize,
    /// Payments that are not the network's to book.
    skipped: Vec<SkippedEntry<'r>>,
    payments: Vec<Entry<'r>>,
}

#[derive(Serialize)]
struct SkippedEntry<'r> {
    line: u64,
    amount: &'r str,
    currency: &'r str,
    account: &'r str,
    reason: &'static str,
}

#[derive(Serialize)]
struct Entry<'r> {
    bank_reference: &'r str,
    date: NaiveDate,
    amount: String,
    payer: Option<&'r str>,
    payer_org_number: Option<&'r str>,
    reference: Option<&'r str>,
    message: Option<&'r str>,
    status: &'static str,
    finding: BankFinding,
    invoices: Vec<BookedEntry<'r>>,
    /// Invoice whose overpayment it refunds.
    refunded: Option<&'r str>,
    /// `true` if another bank payment represents the same money.
    is_duplicate: bool,
}

#[derive(Serialize)]
struct BookedEntry<'r> {
    number: &'r str,
    amount: String,
    /// Difference of the paid sum from the invoice's total; `None` if there is none.
    difference: Option<&'static str>,
}

impl<'r> Document<'r> {
    fn of(report: &'r Report) -> Self {
        let number = |word: &str| {
            report.outcomes.iter().filter(|outcome| outcome_label(outcome) == word).count()
        };
        let booked = |own: &'r Booked| BookedEntry {
            number: &own.number,
            amount: own.amount.to_string(),
            difference: own.difference.map(Difference::word),
        };
        let entry = |outcome: &'r import::ImportedPayment| {
            let row = &outcome.row;
            Entry {
                bank_reference: &row.bank_reference,
                date: row.booked_on,
                amount: row.amount.to_string(),
                payer: row.payer_name.as_deref(),
                payer_org_number: row.payer_org_number.as_deref(),
                reference: row.reference.as_deref(),
                message: row.message.as_deref(),
                status: outcome_label(outcome),
                finding: row.finding,
                invoices: outcome.booked.iter().map(booked).collect(),
                refunded: outcome.refunded.as_deref(),
                is_duplicate: row.duplicate_of_id.is_some(),
            }
        };
        let skipped = |skipped: &'r SkippedPayment| SkippedEntry {
            line: skipped.line,
            amount: &skipped.amount,
            currency: &skipped.currency,
            account: &skipped.account,
            reason: skipped.reason.word(),
        };
        Self {
            file: &report.source.file_name,
            sha256: &report.source.file_sha256,
            layout: report.layout.name(),
            accounts: report.accounts.iter().map(String::as_str).collect(),
            dry_run: report.dry_run,
            matched: number("MATCHED"),
            excluded: number("EXCLUDED"),
            pending: number("PENDING"),
            duplicate: number("DUPLICATE"),
            refunded: number("REFUNDED"),
            already_imported: number("ALREADY_IMPORTED"),
            ignored: report.passed_over,
            skipped: report.skipped.iter().map(skipped).collect(),
            payments: report.outcomes.iter().map(entry).collect(),
        }
    }
}

/// Interval of progress lines where there is no bar.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Shows progress of payments: a bar on a terminal, plain lines elsewhere.
struct Meter {
    bar: Option<ProgressBar>,
    reported_at: Instant,
}

impl Meter {
    fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:30} {percent:>3} %  {pos} of {len} payments");
            ProgressBar::no_length()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, reported_at: Instant::now() }
    }

    fn show(&mut self, done: usize, of: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            }
            None if self.reported_at.elapsed() >= PROGRESS_INTERVAL => {
                self.reported_at = Instant::now();
                say(&format!("{done} of {of} payments"));
            }
            None => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
