//! `samregister payments`: the bank's files of what came in.

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
    Outcome, Result, count, json, open, payment_list,
    report::{ReportFormat, ReportOptions},
    say, settings, table,
};
use domain::{
    auth::viewer::Viewer,
    documents::{Cell, Column, Grid, Kind, labels, sheet},
    interchange::bank::{self, Left, Report, WhyLeft},
    invoices::differences::Difference,
    payments::bank::import::{self, Booked},
};

/// Take in what the bank tells of payments
///
/// Payments that say by their OCR reference which invoice they pay are booked on it; the others are
/// kept until somebody matches them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister payments import BGMAX-20261121.txt
  See what a file would do:
    samregister payments import camt054.xml --dry-run
  What waits for somebody, for Excel:
    samregister payments list --waiting --output inbetalningar.xlsx")]
pub struct Options {
    #[command(subcommand)]
    subcommand: Subcommand,
}

#[derive(Debug, Subcommand)]
enum Subcommand {
    Import(Import),
    List(payment_list::Options),
}

/// Import a file of the bank, all or nothing
///
/// The file is BgMax of Bankgirot, or camt.053 or camt.054 (ISO 20022) in their versions 02 to 13;
/// what it is, it says itself. A payment is booked on the invoice of its OCR reference, or on the
/// one whose number stands in its text when exactly its sum is to be paid. What can't be matched is
/// kept and listed: see `bankPayments` in the API. The same file again, or another that tells of
/// the same payments, books nothing twice. What came to an account that is not the network's own in
/// samregister.toml, or in another currency than kronor, is left and named. When a line is bad, or
/// no account of the file is the network's own, every such line is named and nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister payments import BGMAX-20261121.txt
  With a report for Excel:
    samregister payments import BGMAX-20261121.txt --output inbetalningar.xlsx")]
struct Import {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    report: ReportOptions,
}

/// Imports a file of the bank.
///
/// # Errors
/// When the file is bad or can't be read, or the register can't be opened; then nothing has
/// changed.
pub async fn run(options: Options) -> Result {
    match options.subcommand {
        Subcommand::Import(import) => run_import(import).await,
        Subcommand::List(list) => payment_list::run(list).await,
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
    let done =
        bank::import(&db, &viewer, &settings.network, &import.file, import.dry_run, watcher).await;
    meter.finish();
    let made_at = db.clock.now();
    db.close().await?;
    let report = done?;
    for left in &report.left {
        say(&format!("left: {}:{}: {}", report.source.file_name, left.line, describe(left)));
    }
    say(if report.dry_run { "nothing was changed: a dry run" } else { "imported" });
    target.write(&match format {
        ReportFormat::Table => to_table(&report).into_bytes(),
        ReportFormat::Json => json(&Document::of(&report))?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&grid(&report, ENGLISH))?,
        ReportFormat::Xlsx => sheet::workbook_of(
            "Inlästa inbetalningar",
            made_at,
            &[("Inbetalningar".to_owned(), grid(&report, SWEDISH))],
        )?,
    })?;
    Ok(Outcome::Done)
}

/// What became of a payment, in a word.
fn fate(outcome: &import::Outcome) -> &'static str {
    match (outcome.was_known, outcome.booked.is_empty(), outcome.row.set_aside_on) {
        _ if outcome.refunded.is_some() => "REFUND",
        (true, ..) => "KNOWN",
        (false, false, _) => "MATCHED",
        (false, true, Some(_)) => "SET_ASIDE",
        (false, true, None) => "WAITING",
    }
}

/// Words of what became of a payment, and of what was found out about it.
#[derive(Clone, Copy)]
struct Words {
    fate: fn(&'static str) -> &'static str,
    finding: fn(BankFinding) -> &'static str,
    difference: fn(Difference) -> &'static str,
}

/// Of the table and CSV.
const ENGLISH: Words =
    Words { fate: |word| word, finding: BankFinding::word, difference: Difference::word };
/// Of the workbook.
const SWEDISH: Words = Words {
    fate: |word| match word {
        "KNOWN" => "Känd sedan tidigare",
        "MATCHED" => "Bokad på faktura",
        "SET_ASIDE" => "Undantagen",
        "REFUND" => "Återbetald",
        _ => "Väntar",
    },
    finding: labels::bank_finding,
    difference: Difference::in_swedish,
};

/// A payment that is not the network's to book, in words.
fn describe(left: &Left) -> String {
    let why = match left.why {
        WhyLeft::Account => "not an account of the network's own",
        WhyLeft::Currency => "in another currency than kronor",
    };
    format!("{} {} on {}, {why}", left.amount, left.currency, left.account)
}

fn grid(report: &Report, words: Words) -> Grid {
    let columns = vec![
        Column::new("date", "Date", Kind::Day).swedish("Datum"),
        Column::new("amount", "Amount", Kind::Money).swedish("Belopp"),
        Column::new("payer", "Payer", Kind::Text).swedish("Betalare"),
        Column::new("reference", "Reference", Kind::Text).swedish("Referens"),
        Column::new("message", "Message", Kind::Text).swedish("Meddelande"),
        Column::new("fate", "Fate", Kind::Text).swedish("Läge"),
        Column::new("finding", "Finding", Kind::Text).swedish("Igenkänd på"),
        Column::new("invoices", "Invoices", Kind::Text).swedish("Fakturor"),
        Column::new("difference", "Difference", Kind::Text).swedish("Avvikelse"),
        Column::new("bank_reference", "Bank's reference", Kind::Text).swedish("Bankens referens"),
    ];
    let rows = report.outcomes.iter().map(|outcome| {
        let row = &outcome.row;
        let mut invoices: Vec<_> = match &outcome.booked[..] {
            [booked] => vec![booked.number.clone()],
            several => several
                .iter()
                .map(|Booked { number, amount, .. }| format!("{number}: {amount}"))
                .collect(),
        };
        invoices.extend(outcome.refunded.clone());
        let differences: Vec<_> = match &outcome.booked[..] {
            [booked] => booked
                .difference
                .map(|difference| (words.difference)(difference).to_owned())
                .into_iter()
                .collect(),
            several => several
                .iter()
                .filter_map(|own| {
                    Some(format!("{}: {}", own.number, (words.difference)(own.difference?)))
                })
                .collect(),
        };
        vec![
            Cell::Day(row.booked_on),
            Cell::Money(row.amount),
            Cell::text(row.payer_name.as_ref()),
            Cell::text(row.reference.as_ref()),
            Cell::text(row.message.as_ref().map(|message| message.replace('\n', " ")).as_ref()),
            Cell::Text((words.fate)(fate(outcome)).into()),
            Cell::Text((words.finding)(row.finding).into()),
            Cell::Text(invoices.join(", ")),
            Cell::Text(differences.join(", ")),
            Cell::Text(row.bank_reference.clone()),
        ]
    });
    Grid { columns, rows: rows.collect(), total: None }
}

fn to_table(report: &Report) -> String {
    let mut grid = grid(report, ENGLISH);
    // The bank's own references are long, and nobody reads them here.
    grid.columns.pop();
    grid.rows.iter_mut().for_each(|row| drop(row.pop()));
    let mut text = if grid.rows.is_empty() { String::new() } else { format!("{}\n", table(&grid)) };
    let of =
        |word: &'static str| report.outcomes.iter().filter(move |outcome| fate(outcome) == word);
    let sum = |word| of(word).map(|outcome| outcome.row.amount).sum::<Money>();
    text.push_str(&format!(
        "{}, {}: ",
        report.layout.name(),
        count(report.outcomes.len(), "payment")
    ));
    let parts = [
        ("MATCHED", "matched"),
        ("SET_ASIDE", "deducted for credit notes"),
        ("REFUND", "paid back"),
        ("WAITING", "waiting"),
        ("KNOWN", "known from before"),
    ];
    let parts = parts
        .iter()
        .filter(|(word, _)| !["SET_ASIDE", "REFUND"].contains(word) || of(word).next().is_some());
    let parts: Vec<_> = parts
        .map(|(word, words)| format!("{} {words} ({})", of(word).count(), sum(word)))
        .collect();
    text.push_str(&parts.join(", "));
    for difference in
        [Difference::Overpaid, Difference::PaidTwice, Difference::FarTooMuch, Difference::OreOnly]
    {
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
            "; {} passed over",
            count(report.passed_over, "other entry").replace("entrys", "entries")
        ));
    }
    let accounts: Vec<_> = report.accounts.iter().map(String::as_str).collect();
    if !report.left.is_empty() {
        text.push_str(&format!(
            "; {} left, not the network's to book",
            count(report.left.len(), "payment")
        ));
    }
    text.push_str(&format!(
        "; on {}\n",
        if accounts.is_empty() { "no account".to_owned() } else { accounts.join(", ") }
    ));
    text
}

/// What programs read.
#[derive(Serialize)]
struct Document<'r> {
    file: &'r str,
    sha256: &'r str,
    layout: &'static str,
    /// The accounts or giros that the file tells of.
    accounts: Vec<&'r str>,
    dry_run: bool,
    matched: usize,
    set_aside: usize,
    waiting: usize,
    known: usize,
    passed_over: usize,
    /// Payments that are not the network's to book.
    left: Vec<LeftEntry<'r>>,
    payments: Vec<Entry<'r>>,
}

#[derive(Serialize)]
struct LeftEntry<'r> {
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
    fate: &'static str,
    finding: BankFinding,
    invoices: Vec<BookedEntry<'r>>,
    /// The invoice that it pays back what was overpaid of.
    refunded: Option<&'r str>,
    /// `true` if another bank payment stands for the same money.
    is_duplicate: bool,
}

#[derive(Serialize)]
struct BookedEntry<'r> {
    number: &'r str,
    amount: String,
    /// Difference of the paid sum from the invoice's total; null: there is none.
    difference: Option<&'static str>,
}

impl<'r> Document<'r> {
    fn of(report: &'r Report) -> Self {
        let number =
            |word: &str| report.outcomes.iter().filter(|outcome| fate(outcome) == word).count();
        let booked = |own: &'r Booked| BookedEntry {
            number: &own.number,
            amount: own.amount.to_string(),
            difference: own.difference.map(Difference::word),
        };
        let entry = |outcome: &'r import::Outcome| {
            let row = &outcome.row;
            Entry {
                bank_reference: &row.bank_reference,
                date: row.booked_on,
                amount: row.amount.to_string(),
                payer: row.payer_name.as_deref(),
                payer_org_number: row.payer_org_number.as_deref(),
                reference: row.reference.as_deref(),
                message: row.message.as_deref(),
                fate: fate(outcome),
                finding: row.finding,
                invoices: outcome.booked.iter().map(booked).collect(),
                refunded: outcome.refunded.as_deref(),
                is_duplicate: row.duplicate_of_id.is_some(),
            }
        };
        let left = |left: &'r Left| LeftEntry {
            line: left.line,
            amount: &left.amount,
            currency: &left.currency,
            account: &left.account,
            reason: left.why.word(),
        };
        Self {
            file: &report.source.file_name,
            sha256: &report.source.file_sha256,
            layout: report.layout.name(),
            accounts: report.accounts.iter().map(String::as_str).collect(),
            dry_run: report.dry_run,
            matched: number("MATCHED"),
            set_aside: number("SET_ASIDE"),
            waiting: number("WAITING"),
            known: number("KNOWN"),
            passed_over: report.passed_over,
            left: report.left.iter().map(left).collect(),
            payments: report.outcomes.iter().map(entry).collect(),
        }
    }
}

/// How often a line is written where there is no bar.
const PAUSE: Duration = Duration::from_secs(5);

/// Shows how many payments are done: a bar on a terminal, plain lines elsewhere.
struct Meter {
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Meter {
    fn new() -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:30} {percent:>3} %  {pos} of {len} payments");
            ProgressBar::no_length()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, told: Instant::now() }
    }

    fn show(&mut self, done: usize, of: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(of as u64);
                bar.set_position(done as u64);
            }
            None if self.told.elapsed() >= PAUSE => {
                self.told = Instant::now();
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
