//! W12: the import of a file of the bank with payments of invoices, and of the same file once more.

use std::{fmt::Write as _, fs, time::Instant};

use domain::{auth::viewer::Viewer, context::Context, interchange::bank};

use crate::{
    Failure,
    network::network,
    register::{Register, clock},
    servers::Servers,
};

/// Payments of the file.
const PAYMENTS: usize = 5_000;

/// Imports the file twice, and prints the time of each import.
pub async fn measure(servers: &Servers, register: &Register) -> Result<(), Failure> {
    let unpaid = (0..register.size.invoices).skip(9).step_by(10).take(PAYMENTS);
    let payments: Vec<(usize, i64)> = unpaid.map(|n| (100_001 + n, total_of(n))).collect();
    let viewer = Viewer::operator("bench");
    let ctx = Context::new(&servers.db, clock(), &viewer);
    for (name, is_known) in [("first", false), ("again", true)] {
        let file = register.folder.join(format!("{name}.txt"));
        fs::write(&file, bgmax(&payments)?)?;
        let begun = Instant::now();
        let report = bank::import(ctx, &network(), &file, false, &mut |_, _| {}).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let known = report.outcomes.iter().filter(|outcome| outcome.was_known).count();
        let expected = if is_known { payments.len() } else { 0 };
        if report.outcomes.len() != payments.len() || known != expected {
            let count = report.outcomes.len();
            return Err(format!("W12 imported {count} payments, of which {known} known").into());
        }
        println!(
            "W12: {name}: {} payments in {seconds:.2} s, {:.0} a second",
            payments.len(),
            payments.len() as f64 / seconds.max(f64::EPSILON),
        );
    }
    Ok(())
}

/// Returns the total of an invoice of the synthetic registers, in öre.
fn total_of(n: usize) -> i64 {
    let prices = (0..3).map(|line| 400 * (1 + (n + line) % 50) as i64);
    prices.map(|price| (price + price / 4) * 100).sum()
}

/// Returns a BgMax file of one deposit with these payments: numbers of invoices, and öre.
fn bgmax(payments: &[(usize, i64)]) -> Result<String, std::fmt::Error> {
    let sum: i64 = payments.iter().map(|(_, ore)| ore).sum();
    let mut file = String::new();
    writeln!(file, "01BGMAX               0120261120173035010331P")?;
    writeln!(file, "050050501055          SEK")?;
    for (position, (number, ore)) in payments.iter().enumerate() {
        let serial = 490_630_170_000_usize + position;
        writeln!(file, "20{:010}{:<25}{ore:018}41{serial:012}0", 0, number.to_string())?;
    }
    writeln!(file, "15{:035}2026112000001{sum:018}SEK{:08}", 5_841_000, payments.len())?;
    writeln!(file, "70{:08}{:08}{:08}{:08}", payments.len(), 0, 0, 1)?;
    Ok(file)
}
