//! The bank's files: payments that came in, read by what a file itself says that it is, and taken into the register all or nothing.
//!
//! Readers know nothing of the register: bytes become payments, or faults with their lines. A file is held in memory as a whole, and is
//! refused when it is larger than any bank's.

mod bgmax;
mod camt;

use std::{collections::BTreeSet, io::Read, path::Path};

use ::entity::money::Money;
use sha2::{Digest, Sha256};

use super::unusable;
use crate::{
    audit,
    auth::viewer::{Deed, Viewer},
    config::Network,
    database::Database,
    error::{Error, Faults, Result},
    files,
    invoices::bank::{
        importing::{self, CHUNK, Outcome, Source},
        matching::Incoming,
    },
};

/// The largest file that is read, in bytes: some hundred thousand payments.
const LARGEST: u64 = 64 << 20;
/// How many faults of a file are told; more say nothing that these don't.
const MOST_FAULTS: usize = 1000;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Bankgirot's BgMax, of the service Bankgiro Inbetalningar.
    BgMax,
    /// ISO 20022 camt.054, BankToCustomerDebitCreditNotification.
    Camt054,
}

impl Layout {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BgMax => "BgMax",
            Self::Camt054 => "camt.054",
        }
    }
}

/// What a reader found in a file.
#[derive(Debug, Default)]
struct Reading {
    /// The accounts or giros that it tells of.
    accounts: BTreeSet<String>,
    payments: Vec<Incoming>,
    /// Entries that are no payments in: payments out, and what the bank has not booked.
    passed_over: usize,
    /// What is bad, by line.
    faults: Vec<(u64, String)>,
}

impl Reading {
    fn fault(&mut self, line: u64, reason: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push((line, reason.into()));
        }
    }
}

/// What an import of a bank's file did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the file is.
    pub layout: Layout,
    /// Where its payments come from.
    pub source: Source,
    /// The accounts or giros that it tells of.
    pub accounts: BTreeSet<String>,
    /// Its payments in its order, but for those that must be looked at together, which stand together.
    pub outcomes: Vec<Outcome>,
    /// Entries of it that are no payments in.
    pub passed_over: usize,
    /// Whether it only said what it would do.
    pub dry_run: bool,
}

/// Takes the payments of a bank's file into the register, in one transaction: what its payers' references and words say is booked on the
/// invoices that they mean, and the rest waits for people. Payments that an earlier file told of are known again. A dry run does the same
/// and then undoes it. `watcher` is told how many are done, of how many.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, CONFLICT `FILE` when the file can't be read, INVALID naming every bad line, INTERNAL.
/// Nothing has changed then.
pub async fn import(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    file: &Path,
    dry_run: bool,
    watcher: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Report> {
    viewer.require(Deed::KeepInvoices)?;
    let bytes = bytes_of(file)?;
    let file_name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let (layout, mut reading) = read(&bytes, network, &file_name)?;
    reading.faults.sort_by_key(|(line, _)| *line);
    let source = Source { file_name, file_sha256: sha256 };
    let mut faults = Faults::default();
    for of_line in reading.faults.chunk_by(|one, other| one.0 == other.0) {
        let path = format!("{}:{}:", source.file_name, of_line[0].0);
        faults.add_each(&path, of_line.iter().map(|(_, reason)| reason.clone()));
    }
    faults.finish()?;

    let mut change = audit::begin(db, viewer, "bankFileImport").await?;
    let (mut outcomes, mut faults) = (Vec::with_capacity(reading.payments.len()), Faults::default());
    reading.payments.sort_by_key(|payment| (payment.goes_with.unwrap_or(payment.line), payment.line));
    let mut rest = &reading.payments[..];
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(chunk_of(rest));
        outcomes.extend(importing::take(&mut change, &source, chunk, &mut faults).await?);
        watcher(outcomes.len(), reading.payments.len());
        rest = later;
    }
    faults.finish()?;
    if dry_run {
        change.undo().await?
    } else {
        change.commit().await?
    }
    Ok(Report { layout, source, accounts: reading.accounts, outcomes, passed_over: reading.passed_over, dry_run })
}

/// How many of these payments are taken together: a chunk, and what belongs with its last.
fn chunk_of(payments: &[Incoming]) -> usize {
    let joined = payments.windows(2).skip(CHUNK - 1).take_while(|pair| pair[0].goes_together_with(&pair[1])).count();
    payments.len().min(CHUNK + joined)
}

fn bytes_of(file: &Path) -> Result<Vec<u8>> {
    let unreadable = |cause: std::io::Error| unusable(file, "read", &cause);
    let input = files::open(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    input.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(unusable(file, "read", &format!("it is larger than {} MB", LARGEST >> 20)));
    }
    Ok(bytes)
}

/// Reads a file by what its beginning says that it is.
fn read(bytes: &[u8], network: &Network, name: &str) -> Result<(Layout, Reading)> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = text.trim_ascii_start();
    if start.starts_with(b"01BGMAX") {
        let giro = network.bankgiro.as_ref().map(|giro| giro.replace('-', ""));
        return Ok((Layout::BgMax, bgmax::read(text, giro.as_deref())));
    }
    if start.starts_with(b"<") {
        return Ok((Layout::Camt054, camt::read(text)));
    }
    Err(Error::invalid(format!("{name}:1:"), "is neither BgMax, which begins with 01BGMAX, nor camt.054, which is XML"))
}

/// An amount, unless it is more than an amount can hold.
fn within_bounds(ore: i64) -> Option<Money> {
    Some(Money(ore)).filter(|amount| amount.0.abs() <= Money::MAX.0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    const SAMPLES: [&[u8]; 3] = [
        include_bytes!("../../../../tests/api/bank/bgmax.txt"),
        include_bytes!("../../../../tests/api/bank/camt054_02.xml"),
        include_bytes!("../../../../tests/api/bank/camt054_08.xml"),
    ];

    #[test]
    fn the_samples_are_read_without_a_fault() {
        for (sample, payments) in SAMPLES.iter().zip([6, 4, 1]) {
            let (_, reading) = read(sample, &Network::default(), "x").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((reading.payments.len(), reading.faults), (payments, Vec::new()));
        }
    }

    #[test]
    fn what_is_spoiled_is_a_fault_or_says_the_same_sum_and_never_panics() {
        // Sums and counts of the file itself guard what came in; what is not booked is passed over, and counted.
        let came_in = |reading: &Reading| -> i64 { reading.payments.iter().map(|payment| payment.amount.0.max(0)).sum() };
        let told = |bytes: &[u8]| read(bytes, &Network::default(), "x").map(|(_, reading)| reading);
        let whole = SAMPLES.map(|sample| told(sample).unwrap_or_else(|error| panic!("{error}")));
        let (mut random, mut bad) = (StdRng::seed_from_u64(1), 0);
        for round in 0..6000 {
            let mut bytes = SAMPLES[round % SAMPLES.len()].to_vec();
            for _ in 0..random.random_range(1..4) {
                let place = random.random_range(0..bytes.len());
                match random.random_range(0..4) {
                    0 => bytes[place] = random.random(),
                    1 => drop(bytes.remove(place)),
                    2 => bytes.truncate(place.max(30)),
                    _ => bytes.insert(place, b"0<>&9 \n"[random.random_range(0..7)]),
                }
            }
            match told(&bytes) {
                Ok(reading) if reading.faults.is_empty() => {
                    let sample = &whole[round % SAMPLES.len()];
                    let is_same = came_in(&reading) == came_in(sample) || reading.passed_over > sample.passed_over;
                    assert!(is_same, "{}", String::from_utf8_lossy(&bytes));
                }
                _ => bad += 1,
            }
        }
        assert!(bad > 2000, "{bad}");
    }

    #[test]
    fn every_payment_has_a_reference_of_its_own() {
        for sample in SAMPLES {
            let (_, reading) = read(sample, &Network::default(), "x").unwrap_or_else(|error| panic!("{error}"));
            let references: BTreeSet<_> = reading.payments.iter().map(|payment| &payment.bank_reference).collect();
            assert_eq!(references.len(), reading.payments.len());
            assert!(references.iter().all(|reference| reference.trim() == *reference), "{references:?}");
        }
    }
}
