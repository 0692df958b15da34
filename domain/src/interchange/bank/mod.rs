//! Files of a bank: incoming payments, read in the layout that the file itself states, and imported
//! all or nothing.
//!
//! The readers are independent of the register: they turn bytes into payments, or into errors with
//! their lines. A file is read into memory as a whole, and rejected if it is larger than any bank's
//! file.

mod bgmax;
mod camt;
mod iso20022;
mod reading;

use std::{
    collections::{BTreeSet, HashSet},
    io::Read,
    path::Path,
};

use sha2::{Digest, Sha256};

use self::reading::Reading;
pub use self::reading::{Layout, SkipReason, SkippedPayment};
use super::unusable;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    error::{Error, Result, ValidationErrors},
    files,
    payments::{
        bank::{
            deduplication,
            import::{self, CHUNK, ImportedPayment, Source},
            incoming::Incoming,
        },
        refunds,
    },
};

/// Maximum size of a file, in bytes: some hundred thousand payments.
const LARGEST: u64 = 64 << 20;

/// The result of an import of a bank's file, or of its dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Layout of the file.
    pub layout: Layout,
    /// Source of its payments.
    pub source: Source,
    /// Accounts or giros of the file.
    pub accounts: BTreeSet<String>,
    /// Its payments in the order of the file; payments that are matched together follow each other.
    pub outcomes: Vec<ImportedPayment>,
    /// Payments that are not the network's to book, in the order of the file.
    pub skipped: Vec<SkippedPayment>,
    /// Number of entries that are not incoming payments.
    pub passed_over: usize,
    /// `true` for a dry run: nothing was changed.
    pub dry_run: bool,
}

/// Imports the payments of a bank's file, in one transaction. Payments are booked on the invoices
/// that their references and messages name; the others wait for manual matching. Payments that an
/// earlier file had are recognized. A dry run does the same and then rolls back. `watcher` receives
/// the number of payments that are done, and their total. Payments in another currency than kronor,
/// and payments on accounts that the settings don't list as the network's own, are left out and
/// reported.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; CONFLICT `FILE` if the file can't be read;
/// INVALID with every bad line, or with every account of a file that has none of the network's own.
/// Nothing has changed then.
pub async fn import(
    ctx: Context<'_>,
    network: &Network,
    file: &Path,
    dry_run: bool,
    watcher: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Report> {
    ctx.require(Permission::ManageInvoices)?;
    let bytes = bytes_of(file)?;
    let file_name =
        file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let (layout, mut reading) = read(&bytes, network, &file_name)?;
    reading.errors.sort_by_key(|(line, _)| *line);
    let source = Source { file_name, file_sha256: sha256 };
    let mut errors = ValidationErrors::default();
    for of_line in reading.errors.chunk_by(|one, other| one.0 == other.0) {
        let path = format!("{}:{}:", source.file_name, of_line[0].0);
        errors.add_each(&path, of_line.iter().map(|(_, reason)| reason.clone()));
    }
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::BankFileImport).await?;
    let (mut outcomes, mut errors) =
        (Vec::with_capacity(reading.payments.len()), ValidationErrors::default());
    let outgoing = refunds::import::possible(&change, &reading.outgoing).await?;
    reading.passed_over += reading.outgoing.len() - outgoing.len();
    reading.payments.extend(
        std::mem::take(&mut reading.outgoing)
            .into_iter()
            .filter(|own| outgoing.contains_key(&own.bank_reference)),
    );
    reading
        .payments
        .sort_by_key(|payment| (payment.belongs_with.unwrap_or(payment.line), payment.line));
    let limit = network.payments.write_off_limit;
    let of_file: HashSet<String> =
        reading.payments.iter().map(|payment| payment.bank_reference.clone()).collect();
    let count = reading.payments.len();
    let mut rest = &mut reading.payments[..];
    while !rest.is_empty() {
        let all = std::mem::take(&mut rest);
        let size = chunk_of(all);
        let (chunk, later) = all.split_at_mut(size);
        deduplication::recognize(&change, &source, chunk, &of_file, &mut errors).await?;
        let mut imported =
            import::import_chunk(&mut change, &source, limit, chunk, &mut errors).await?;
        refunds::import::book(&mut change, &outgoing, limit, &mut imported).await?;
        outcomes.extend(imported);
        watcher(outcomes.len(), count);
        rest = later;
    }
    errors.finish()?;
    if dry_run {
        change.undo().await?
    } else {
        change.commit().await?
    }
    reading.skipped.sort_by_key(|payment| payment.line);
    let Reading { accounts, skipped, passed_over, .. } = reading;
    Ok(Report { layout, source, accounts, outcomes, skipped, passed_over, dry_run })
}

/// Returns the number of payments that are imported together: a chunk, and the payments that belong
/// together with its last.
fn chunk_of(payments: &[Incoming]) -> usize {
    let joined = payments
        .windows(2)
        .skip(CHUNK - 1)
        .take_while(|pair| pair[0].belongs_together_with(&pair[1]))
        .count();
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

/// Reads a file in the layout that its beginning states.
fn read(bytes: &[u8], network: &Network, name: &str) -> Result<(Layout, Reading)> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = text.trim_ascii_start();
    let own = network.own_accounts();
    let (layout, mut reading) = if start.starts_with(b"01BGMAX") {
        (Layout::BgMax, bgmax::read(text, &own))
    } else if start.starts_with(b"<") {
        camt::read(text, &own)
    } else {
        let reason =
            "is neither BgMax, which begins with 01BGMAX, nor camt.053 or camt.054, which are XML";
        return Err(Error::invalid(format!("{name}:1:"), reason));
    };
    reading.require_own_account(&own);
    reading.make_readable();
    Ok((layout, reading))
}

/// Errors of a file, each with its line.
#[doc(hidden)]
pub type LineErrors = Vec<(u64, String)>;

/// Reads a file for a fuzz target. Returns its payments, and its errors with their lines.
///
/// # Errors
/// INVALID for a file of an unknown layout.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) -> Result<(Vec<Incoming>, LineErrors)> {
    let payments = crate::config::Payments {
        ibans: vec!["SE4550000000058398257466".to_owned()],
        ..Default::default()
    };
    let network =
        Network { bankgiro: Some("5050-1055".to_owned()), payments, ..Network::default() };
    let (_, reading) = read(bytes, &network, "file")?;
    Ok((reading.payments, reading.errors))
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::config::Payments;

    const SAMPLES: [&[u8]; 3] = [
        include_bytes!("../../../../tests/fixtures/bank/bgmax.txt"),
        include_bytes!("../../../../tests/fixtures/bank/camt054_02.xml"),
        include_bytes!("../../../../tests/fixtures/bank/camt054_08.xml"),
    ];

    /// The network with the accounts of the samples.
    fn network() -> Network {
        let payments =
            Payments { ibans: vec!["SE4550000000058398257466".to_owned()], ..Payments::default() };
        Network { bankgiro: Some("5050-1055".to_owned()), payments, ..Network::default() }
    }

    #[test]
    fn samples_are_read_without_errors() {
        for (sample, payments) in SAMPLES.iter().zip([6, 4, 1]) {
            let (_, reading) =
                read(sample, &network(), "x").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((reading.payments.len(), reading.errors), (payments, Vec::new()));
        }
    }

    #[test]
    fn corrupted_files_have_errors_or_the_same_sum() {
        // The sums and counts of the file protect the incoming payments. A payment that is not
        // booked is counted as passed over or left out.
        let came_in = |reading: &Reading| -> i64 {
            reading.payments.iter().map(|payment| payment.amount.0.max(0)).sum()
        };
        let reading_of = |bytes: &[u8]| read(bytes, &network(), "x").map(|(_, reading)| reading);
        let intact =
            SAMPLES.map(|sample| reading_of(sample).unwrap_or_else(|error| panic!("{error}")));
        let (mut random, mut bad) = (StdRng::seed_from_u64(1), 0);
        for round in 0..6000 {
            let mut bytes = SAMPLES[round % SAMPLES.len()].to_vec();
            for _ in 0..random.random_range(1..4) {
                let position = random.random_range(0..bytes.len());
                match random.random_range(0..4) {
                    0 => bytes[position] = random.random(),
                    1 => drop(bytes.remove(position)),
                    2 => bytes.truncate(position.max(30)),
                    _ => bytes.insert(position, b"0<>&9 \n"[random.random_range(0..7)]),
                }
            }
            match reading_of(&bytes) {
                Ok(reading) if reading.errors.is_empty() => {
                    let sample = &intact[round % SAMPLES.len()];
                    let is_same = came_in(&reading) == came_in(sample)
                        || reading.passed_over > sample.passed_over
                        || reading.skipped.len() > sample.skipped.len();
                    assert!(is_same, "{}", String::from_utf8_lossy(&bytes));
                }
                _ => bad += 1,
            }
        }
        assert!(bad > 2000, "{bad}");
    }

    #[test]
    fn payments_can_be_exported_and_imported() {
        let reading_of = |bytes: &[u8]| {
            read(bytes, &network(), "x")
                .map(|(_, reading)| reading)
                .unwrap_or_else(|error| panic!("{error}"))
        };
        let sample = String::from_utf8_lossy(SAMPLES[1]).into_owned();
        let name = sample
            .split_once("<Nm>")
            .and_then(|(_, rest)| rest.split_once("</Nm>"))
            .map(|(name, _)| name)
            .unwrap_or_default();
        let invisible = reading_of(sample.replace(name, "&#x200b;").as_bytes());
        assert!(
            invisible.errors.is_empty()
                && invisible.payments.iter().any(|payment| payment.payer_name.is_none())
        );
    }

    #[test]
    fn every_payment_has_a_reference_of_its_own() {
        for sample in SAMPLES {
            let (_, reading) =
                read(sample, &network(), "x").unwrap_or_else(|error| panic!("{error}"));
            let references: BTreeSet<_> =
                reading.payments.iter().map(|payment| &payment.bank_reference).collect();
            assert_eq!(references.len(), reading.payments.len());
            assert!(
                references.iter().all(|reference| reference.trim() == *reference),
                "{references:?}"
            );
        }
    }
}
