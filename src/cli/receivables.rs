//! `samregister receivables`: receivables as of a day, by invoice or by buyer, with their age.

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use entity::total::Total;

use super::{
    Outcome, Result, context, json, open,
    report::{self, ReportFormat, ReportOptions},
    settings, table,
};
use documents::{Cell, Column, Grid, Kind, sheet};
use domain::{
    auth::viewer::Viewer,
    clock::Clock,
    invoices::Buyer,
    receivables::{self, AgedBalance, Bucket, InvoiceBalance},
};

/// List receivables as of a day (kundreskontra)
///
/// Lists every invoice with a balance at the end of the day, by the day in the books of its
/// payments, so that the sum equals the account of receivables in the bookkeeping file. Ages count
/// from the last day to pay. Overpayments are negative.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  samregister receivables --as-of 2026-12-31
  samregister receivables --as-of 2026-12-31 --by buyer --output kundreskontra.xlsx")]
pub struct Options {
    /// Day of the list; defaults to today
    #[arg(long, value_name = "DATE", value_parser = super::day)]
    as_of: Option<NaiveDate>,
    /// Grouping of the rows
    #[arg(long, value_enum, default_value_t = By::Invoice)]
    by: By,
    #[command(flatten)]
    report: ReportOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Each invoice
    Invoice,
    /// Each buyer
    Buyer,
}

/// Lists receivables.
///
/// # Errors
/// Fails if the database can't be opened or the list can't be written.
pub async fn run(options: Options) -> Result {
    let format = options.report.format()?;
    let settings = settings()?;
    let db = open(&settings).await?;
    let target = options.report.target(&db, &settings)?;
    let as_of = options.as_of.unwrap_or_else(|| Clock::system().today());
    report::note_future(as_of, Clock::system().today());
    let found = receivables::open(context(&db, &Viewer::operator("receivables")), as_of).await?;
    let grid = match options.by {
        By::Invoice => by_invoice(&found, as_of),
        By::Buyer => by_buyer(&found, as_of),
    };
    let document = match format {
        ReportFormat::Table => format!("{}\nas of {as_of}\n", table(&grid)).into_bytes(),
        ReportFormat::Json => json(&grid.objects())?.into_bytes(),
        ReportFormat::Csv => sheet::csv(&grid)?,
        ReportFormat::Xlsx => report::workbook(
            &db,
            &format!("Kundreskontra {as_of}"),
            format!("Kundreskontra {as_of}"),
            grid,
        )?,
    };
    db.close().await?;
    target.write(&document)?;
    Ok(Outcome::Done)
}

type Found = (String, InvoiceBalance);

/// Returns the columns of the ages.
fn ages() -> Vec<Column> {
    let names = ["not_due", "days_1_to_30", "days_31_to_60", "days_61_to_90", "over_90"];
    let column = |(name, bucket): (&'static str, &Bucket)| {
        Column::new(name, bucket.in_swedish(), Kind::Money)
    };
    names.into_iter().zip(Bucket::ALL).map(column).collect()
}

fn by_age(aged: &AgedBalance) -> impl Iterator<Item = Cell> + '_ {
    Bucket::ALL.iter().map(|bucket| Cell::Sum(aged.of(*bucket)))
}

/// Returns the balances of these invoices by age.
fn aged<'f>(found: impl Iterator<Item = &'f InvoiceBalance>, as_of: NaiveDate) -> AgedBalance {
    let mut aged = AgedBalance::default();
    for item in found {
        aged.add(item.bucket(as_of), item.balance());
    }
    aged
}

fn by_invoice(found: &[Found], as_of: NaiveDate) -> Grid {
    let mut columns = vec![
        Column::new("number", "Nummer", Kind::Text),
        Column::new("buyer", "Köpare", Kind::Text),
        Column::new("issued_on", "Fakturadatum", Kind::Day),
        Column::new("due_on", "Förfallodag", Kind::Day),
        Column::new("total", "Belopp", Kind::Money),
        Column::new("paid", "Betalt", Kind::Money),
        Column::new("credited", "Krediterat", Kind::Money),
        Column::new("written_off", "Avskrivet", Kind::Money),
        Column::new("reminder_fees", "Påminnelseavgifter", Kind::Money),
        Column::new("balance", "Saldo", Kind::Money),
    ];
    columns.extend(ages());
    let amounts = |item: &InvoiceBalance| {
        let InvoiceBalance { total, paid, credited, written_off, reminder_fees, .. } = *item;
        [total, paid, credited, written_off, reminder_fees, item.balance()].map(Total::from)
    };
    let row = |(buyer, item): &Found| {
        let head = [
            Cell::Text(item.number.clone()),
            Cell::Text(buyer.clone()),
            Cell::Day(item.issued_on),
            report::day(item.due_on),
        ];
        let own = aged(std::iter::once(item), as_of);
        head.into_iter().chain(amounts(item).map(Cell::Sum)).chain(by_age(&own)).collect::<Vec<_>>()
    };
    let mut sums = [Total::ZERO; 6];
    for (_, item) in found {
        for (sum, amount) in sums.iter_mut().zip(amounts(item)) {
            *sum += amount;
        }
    }
    let head = [Cell::Text("Summa".to_owned()), Cell::Empty, Cell::Empty, Cell::Empty];
    let all = aged(found.iter().map(|(_, item)| item), as_of);
    let total = head.into_iter().chain(sums.map(Cell::Sum)).chain(by_age(&all)).collect();
    Grid { columns, rows: found.iter().map(row).collect(), total: Some(total) }
}

fn by_buyer(found: &[Found], as_of: NaiveDate) -> Grid {
    let mut columns = vec![
        Column::new("buyer", "Köpare", Kind::Text),
        Column::new("balance", "Saldo", Kind::Money),
    ];
    columns.extend(ages());
    let mut buyers: Vec<(&str, Option<Buyer>, AgedBalance)> = Vec::new();
    for (name, item) in found {
        let buyer = item.buyer();
        // Those of a buyer are adjacent.
        if buyers.last().is_none_or(|(_, last, _)| *last != buyer) {
            buyers.push((name.as_str(), buyer, AgedBalance::default()));
        }
        if let Some((_, _, aged)) = buyers.last_mut() {
            aged.add(item.bucket(as_of), item.balance());
        }
    }
    let row = |name: &str, aged: &AgedBalance| {
        let head = [Cell::Text(name.to_owned()), Cell::Sum(aged.balance())];
        head.into_iter().chain(by_age(aged)).collect::<Vec<_>>()
    };
    let all = aged(found.iter().map(|(_, item)| item), as_of);
    Grid {
        columns,
        rows: buyers.iter().map(|(name, _, aged)| row(name, aged)).collect(),
        total: Some(row("Summa", &all)),
    }
}
