//! Synthetic registers: CSV files of any size, the same every time, for benchmarks and for trying
//! the importer.

use std::{
    fs::File,
    io::{BufWriter, Result, Write},
    path::Path,
};

use chrono::{Days, NaiveDate};
use entity::number::luhn_digit;

/// The size of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Members; each has an allocation.
    pub members: usize,
    /// Agreements, spread over the members.
    pub agreements: usize,
    /// Invoices, each with three lines; nine of ten are paid.
    pub invoices: usize,
}

/// The network as it is.
pub const SMALL: Size = Size { members: 70, agreements: 200, invoices: 1_000 };
/// A network a hundred times as large.
pub const LARGE: Size = Size { members: 10_000, agreements: 30_000, invoices: 200_000 };

const ACTIVITIES: usize = 6;

/// An organisation number with a correct check digit, another one for each number below a million.
pub fn org_number(n: usize) -> String {
    let digits = format!("222{n:06}");
    format!("{}-{}{}", &digits[..6], &digits[6..], luhn_digit(&digits))
}

/// The day of this year's index.
fn day(year: i32, days: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, 1, 1)
        .and_then(|first| first.checked_add_days(Days::new(days)))
        .unwrap_or_default()
}

fn file(dir: &Path, name: &str, header: &str) -> Result<BufWriter<File>> {
    let mut file = BufWriter::new(File::create(dir.join(name))?);
    writeln!(file, "{header}")?;
    Ok(file)
}

/// Writes the CSV files of a register of this size into `dir`.
///
/// # Errors
/// The answer of the file system.
pub fn write(dir: &Path, size: Size) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut members = file(
        dir,
        "members.csv",
        "key,name,org_number,county,municipalities,contact_area,joined_on,left_on,billing_email,peppol_id,buyer_reference,address_line,postal_code,city",
    )?;
    let mut allocations = file(dir, "allocations.csv", "member,year,basis,amount,source")?;
    let counties = ["Skåne län", "Uppsala län", "Örebro län", "Ålands län"];
    for n in 0..size.members {
        writeln!(
            members,
            "m{n},Samordningsförbundet {:05},{},{},Kommun {n}|Ort {n},Område {},2015-01-01,,,,REF-{n},Gatan {n},999 99,Staden",
            n * 7919 % size.members,
            org_number(n),
            counties[n % 4],
            n % 4
        )?;
        writeln!(allocations, "m{n},2026,ALL_PARTIES,{}.00,synthetic", 1_000_000 + n * 1_000)?;
    }
    let mut activities =
        file(dir, "activities.csv", "key,slug,name,purpose,goal,funding,starts_on,ends_on")?;
    for n in 0..ACTIVITIES {
        writeln!(activities, "a{n},activity-{n},Verksamhet {n},Syfte,Mål,SPECIAL_FEE,2015-01-01,")?;
    }
    write_agreements(dir, size)?;
    write_invoices(dir, size)
}

fn write_agreements(dir: &Path, size: Size) -> Result<()> {
    let mut agreements = file(
        dir,
        "agreements.csv",
        "key,number,kind,direction,activity,counterparty,template,template_version,starts_on,ends_on,notice_months,renewal_months,offered_at,signed_on,notice_given_on,fee_basis,fee_amount,fee_per_mille,vat_rate",
    )?;
    for n in 0..size.agreements {
        let (member, round) = (n % size.members, n / size.members);
        let activity = (member + round) % ACTIVITIES;
        let starts_on = day(2022, 0);
        // Ends spread over four years; every second term is renewed automatically.
        let ends_on = day(2025, (n as u64 * 37) % 1460);
        let renewal = if n % 2 == 0 { "12" } else { "" };
        writeln!(
            agreements,
            "g{n},2021-{:05},PARTICIPATION,INCOME,a{activity},m{member},,,{starts_on},{ends_on},3,{renewal},2021-11-01T09:00:00Z,2021-12-01,,FIXED_PER_YEAR,{}.00,,STANDARD_25",
            n + 1,
            10_000 + n % 500 * 100,
        )?;
    }
    Ok(())
}

fn write_invoices(dir: &Path, size: Size) -> Result<()> {
    let mut invoices = file(dir, "invoices.csv", "key,number,kind,buyer,issued_on,due_on,credits")?;
    let mut lines = file(
        dir,
        "invoice_lines.csv",
        "invoice,description,activity,agreement,period_from,period_to,quantity,unit_price,vat_rate",
    )?;
    let mut payments = file(dir, "payments.csv", "invoice,received_on,amount,reference")?;
    for n in 0..size.invoices {
        let member = n * 31 % size.members;
        let days = n as u64 * 2100 / size.invoices as u64;
        let (issued_on, due_on) = (day(2021, days), day(2021, days + 30));
        writeln!(invoices, "i{n},{},INVOICE,m{member},{issued_on},{due_on},", 100_001 + n)?;
        let year = issued_on.format("%Y");
        let mut total = 0;
        for line in 0..3 {
            let price = 400 * (1 + (n + line) % 50);
            total += price + price / 4;
            writeln!(
                lines,
                "i{n},Särskild avgift {year},a{},,{year}-01-01,{year}-12-31,1,{price}.00,STANDARD_25",
                (n + line) % ACTIVITIES
            )?;
        }
        if n % 10 != 9 {
            writeln!(payments, "i{n},{},{total}.00,BG{n}", day(2021, days + 20))?;
        }
    }
    Ok(())
}
