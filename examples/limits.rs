//! Prints what the dearest documents cost that may be set: `cargo run --release --example limits`.
//!
//! Each kind of document has as much of one thing as the limits allow. A figure is the CPU time of
//! the whole process, so run it alone.

#[path = "../tests/api/support/document_fixtures.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod invoices;
#[path = "../benches/documents/sample.rs"]
mod sample;

use std::{env, error::Error, fs, time::Instant};

use documents::{
    Cell, Column, Grid, Kind as CellKind,
    agreement::{self, Agreement},
    invoice, peppol,
    sheet::{self, About},
};
use entity::{
    kind::{InvoiceKind, VatRate},
    money::Money,
};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// The name of a kind of content, and a text with so many of it.
type Kind = (&'static str, fn(usize) -> String);

/// Documents of one kind each, by how many of it they have.
const KINDS: [Kind; 16] = [
    ("words", |count| "Medlemmen betalar avgiften i förskott. ".repeat(count)),
    ("long words", |count| "samordningsförbundsbokföringsunderlag ".repeat(count)),
    ("one word", |count| "å".repeat(count)),
    ("letters with thirty marks", |count| format!("a{}", "\u{301}".repeat(30)).repeat(count)),
    ("letters with a mark", |count| "e\u{304}".repeat(count)),
    ("missing letters", |count| "漢字 ".repeat(count)),
    ("paragraphs", |count| "a\n\n".repeat(count)),
    ("headings", |count| "## a\n\n".repeat(count)),
    ("bullets", |count| "- a\n".repeat(count)),
    ("deep bullets", |count| {
        "- a\n  - b\n    - c\n      - d\n        - e\n          - f\n".repeat(count / 6)
    }),
    ("quotes", |count| "> a\n\n".repeat(count)),
    ("emphasis", |count| "*a* **b** ".repeat(count / 2)),
    ("breaks", |count| "a\u{e000}".repeat(count)),
    ("links", |count| "[a](https://nnsfinsam.se/a) ".repeat(count)),
    ("wide tables", |count| table(12, count)),
    ("narrow tables", |count| table(1, count)),
];

fn table(columns: usize, cells: usize) -> String {
    let row = format!("|{}\n", "a|".repeat(columns));
    format!("{row}|{}\n{}", "-|".repeat(columns), row.repeat((cells / columns).saturating_sub(1)))
}

/// The CPU time that the process has used, in seconds.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 =
        fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(f64::from(u32::try_from(ticks)?) / 100.0)
}

fn cost(body: String) -> Result<(f64, f64, String)> {
    let document = Agreement { body, ..sample::agreement(Some("2027-0001")) };
    let (begun, before) = (Instant::now(), cpu_seconds()?);
    let done = match agreement::rendered(&document) {
        Ok(rendered) => format!("{} kB of PDF", rendered.pdf.len() / 1000),
        Err(error) => error.to_string(),
    };
    Ok((cpu_seconds()? - before, begun.elapsed().as_secs_f64(), done))
}

fn main() -> Result<()> {
    // Fonts and Typst's library are read once.
    cost("a".to_owned())?;
    let counts: Vec<usize> = env::args().skip(1).filter_map(|count| count.parse().ok()).collect();
    for (name, make) in KINDS {
        if !counts.is_empty() {
            for &count in &counts {
                let (cpu, wall, done) = cost(make(count))?;
                println!("{name:26} {count:6} {cpu:6.2} CPU-s {wall:6.2} s  {done}");
            }
            continue;
        }
        // The most that is allowed, by halving.
        let (mut fits, mut exceeds) = (0, 100_000);
        while exceeds - fits > 1 {
            let middle = (fits + exceeds) / 2;
            if agreement::problem(&make(middle)).is_none() {
                fits = middle
            } else {
                exceeds = middle
            }
        }
        let (cpu, wall, done) = cost(make(fits))?;
        println!("{name:26} {fits:6} {cpu:6.2} CPU-s {wall:6.2} s  {done}");
    }
    invoice_of_a_thousand_lines()?;
    workbook()
}

/// The longest invoice that can be drafted, with lines of three rows each.
fn invoice_of_a_thousand_lines() -> Result<()> {
    let text = "Särskild avgift för deltagande i BIP-kurser under året, ".repeat(5);
    let lines = (0..1000).map(|number| {
        invoices::line(&format!("{text}deltagare {number}"), 1000, 45_000, VatRate::Standard25)
    });
    let document = invoices::document(InvoiceKind::Invoice, lines.collect(), false);
    let xml = peppol::xml(&document)?;
    let (begun, before) = (Instant::now(), cpu_seconds()?);
    let pdf = invoice::rendered(&document, xml, None)?;
    print_cost("lines of an invoice", 1000, cpu_seconds()? - before, begun, pdf.bytes.len());
    Ok(())
}

/// The longest report of revenue as a workbook.
fn workbook() -> Result<()> {
    let names = [
        "activity", "member", "period", "net", "vat", "gross", "credited", "cost", "grants",
        "result", "invoices",
    ];
    let kind = |index: usize| if index < 3 { CellKind::Text } else { CellKind::Money };
    let columns = names
        .into_iter()
        .enumerate()
        .map(|(index, name)| Column::new(name, name, kind(index)))
        .collect();
    let cell = |row: usize, index: usize| match kind(index) {
        CellKind::Money => Cell::Money(Money(i64::try_from(row * index).unwrap_or_default())),
        _ => Cell::Text(format!("Samordningsförbundet {}", row % 100)),
    };
    let rows: Vec<_> = (0..sheet::MAX_ROWS)
        .map(|row| (0..names.len()).map(|index| cell(row, index)).collect())
        .collect();
    let grid = Grid { columns, rows, total: None };
    let about = About {
        sheet: "Revenue".into(),
        title: "Revenue".into(),
        made_at: chrono::DateTime::UNIX_EPOCH,
    };
    let (begun, before) = (Instant::now(), cpu_seconds()?);
    let bytes = sheet::xlsx(&grid, &about, None, None)?;
    print_cost("rows of a workbook", sheet::MAX_ROWS, cpu_seconds()? - before, begun, bytes.len());
    Ok(())
}

fn print_cost(name: &str, count: usize, cpu: f64, begun: Instant, length: usize) {
    println!(
        "{name:26} {count:6} {cpu:6.2} CPU-s {:6.2} s  {} kB",
        begun.elapsed().as_secs_f64(),
        length / 1000
    );
}
