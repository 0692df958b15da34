//! The bank's files: payments that came in, read by what a file itself says that it is, and taken
//! into the register all or nothing.
//!
//! Readers know nothing of the register: bytes become payments, or faults with their lines. A file
//! is held in memory as a whole, and is refused when it is larger than any bank's.

mod bgmax;
mod camt;
mod iso20022;

use std::{
    collections::{BTreeSet, HashSet},
    io::Read,
    path::Path,
};

use ::entity::money::Money;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::unusable;
use crate::{
    audit,
    auth::viewer::{Permission, Viewer},
    config::{Network, OwnAccounts},
    database::Database,
    error::{Error, LINE, Result, TEXT, ValidationErrors},
    files,
    payments::{
        bank::{
            import::{self, CHUNK, Outcome, Source},
            matching::Incoming,
        },
        refunds, twins,
    },
};

/// The largest file that is read, in bytes: some hundred thousand payments.
const LARGEST: u64 = 64 << 20;
/// How many faults of a file are told; more say nothing that these don't.
const MAX_ERRORS: usize = 1000;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Bankgirot's BgMax, of the service Bankgiro Inbetalningar.
    BgMax,
    /// ISO 20022 camt.053, BankToCustomerStatement.
    Camt053,
    /// ISO 20022 camt.054, BankToCustomerDebitCreditNotification.
    Camt054,
}

impl Layout {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BgMax => "BgMax",
            Self::Camt053 => "camt.053",
            Self::Camt054 => "camt.054",
        }
    }
}

/// A payment of a file that is not the network's to book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// Its amount, in its currency.
    pub amount: String,
    /// The currency, as `EUR`.
    pub currency: String,
    /// The account or giro that it came to.
    pub account: String,
    /// Reason that it is left.
    pub why: WhyLeft,
}

/// Reason for which a payment is not the network's to book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyLeft {
    /// It came to an account that is not the network's own.
    Account,
    /// It is in another currency than kronor.
    Currency,
}

impl WhyLeft {
    /// The reason in a word, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => "ACCOUNT",
            Self::Currency => "CURRENCY",
        }
    }
}

/// What a reader found in a file.
#[derive(Debug, Default)]
struct Reading {
    /// The accounts or giros that it tells of.
    accounts: BTreeSet<String>,
    /// `true` if one of them is the network's own.
    has_own: bool,
    /// The first line that tells of each account that is not, with what to call it.
    foreign: Vec<(u64, String)>,
    payments: Vec<Incoming>,
    /// Payments that went out of an own account, of which some may be refunds.
    outgoing: Vec<Incoming>,
    /// Payments that are not the network's to book.
    left: Vec<Left>,
    /// Entries that are no payments in: payments out, and what the bank has not booked.
    passed_over: usize,
    /// What is bad, by line.
    errors: Vec<(u64, String)>,
}

impl Reading {
    fn error(&mut self, line: u64, reason: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push((line, reason.into()));
        }
    }

    /// Notes that the file tells of an account.
    fn of_account(&mut self, line: u64, account: &str, called: &str, is_own: bool) {
        self.accounts.insert(account.to_owned());
        self.has_own |= is_own;
        if !is_own && !account.is_empty() && self.foreign.iter().all(|(_, known)| known != called) {
            self.foreign.push((line, called.to_owned()));
        }
    }

    /// Adds an error for each account of a file that tells of no own one.
    fn require_own_account(&mut self, own: &OwnAccounts) {
        if self.has_own {
            return;
        }
        for (line, called) in std::mem::take(&mut self.foreign) {
            self.error(line, format!("is of {called}, {}", own.describe()));
        }
    }

    /// Makes every text one that the register reads again from its CSV files. What the bank itself
    /// wrote must be so; what a payer wrote must not keep its payment out, and is mended.
    fn make_readable(&mut self) {
        let mut payments = std::mem::take(&mut self.payments);
        // A line that can't be read may be the one that names the account.
        let is_sound = self.errors.is_empty();
        for payment in &mut payments {
            let mut errors = ValidationErrors::default();
            if is_sound || !payment.account.is_empty() {
                errors.text("account", &payment.account, LINE);
            }
            errors.text("bank reference", &payment.bank_reference, LINE);
            for error in errors.into_inner() {
                self.error(
                    payment.line,
                    format!("has a payment whose {} {}", error.path, error.message),
                );
            }
            payment.message = payment.message.take().and_then(|text| readable(&text));
            payment.payer_name = payment.payer_name.take().and_then(|text| readable(&text));
            payment.references.iter_mut().for_each(|reference| {
                reference.text = readable(&reference.text).unwrap_or_default()
            });
        }
        self.payments = payments;
        // Of a payment out that the register can't store, nothing is a refund.
        let can_be_stored = |payment: &Incoming| {
            let mut errors = ValidationErrors::default();
            errors.text("account", &payment.account, LINE);
            errors.text("bank reference", &payment.bank_reference, LINE);
            errors.is_empty()
        };
        let count = self.outgoing.len();
        self.outgoing.retain(can_be_stored);
        self.passed_over += count - self.outgoing.len();
        for payment in &mut self.outgoing {
            // Whose account it went to is nothing that the register needs.
            (payment.payer_name, payment.payer_org_number) = (None, None);
            payment.message = payment.message.take().and_then(|text| readable(&text));
            payment.references.iter_mut().for_each(|reference| {
                reference.text = readable(&reference.text).unwrap_or_default()
            });
        }
    }
}

/// Makes what a payer wrote a text that the register takes: control characters become blanks, and
/// combining marks that pile up and what is beyond [`TEXT`] characters are left out. `None` if
/// nothing of it shows.
fn readable(text: &str) -> Option<String> {
    let stacks_marks = typesetting::stacks_marks(text);
    let (mut readable, mut marks) = (String::with_capacity(text.len()), 0);
    for char in text.trim().chars().take(TEXT) {
        if stacks_marks {
            // As marks are counted when a text is refused.
            let after = std::iter::once(char).nfkd().fold(marks, |marks, part| {
                if typesetting::count_marks(part.encode_utf8(&mut [0; 4])) > 0 {
                    marks + 1
                } else {
                    0
                }
            });
            if after > typesetting::MAX_MARKS {
                continue;
            }
            marks = after;
        }
        readable.push(if char.is_control() && char != '\n' { ' ' } else { char });
    }
    (!typesetting::shows_nothing(&readable)).then(|| readable.trim().to_owned())
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
    /// Its payments in its order, but for those that must be looked at together, which stand
    /// together.
    pub outcomes: Vec<Outcome>,
    /// Payments that are not the network's to book, in the file's order.
    pub left: Vec<Left>,
    /// Entries of it that are no payments in.
    pub passed_over: usize,
    /// Whether it only said what it would do.
    pub dry_run: bool,
}

/// Takes the payments of a bank's file into the register, in one transaction: what its payers'
/// references and words say is booked on the invoices that they mean, and the rest waits for
/// people. Payments that an earlier file told of are known again. A dry run does the same and then
/// undoes it. `watcher` is told how many are done, of how many. What is on an account that the
/// settings don't name as the network's own, or in another currency than kronor, is left and
/// reported.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, CONFLICT `FILE` when the file can't be read,
/// INVALID naming every bad line, or every account of a file that has none of the network's own,
/// INTERNAL. Nothing has changed then.
pub async fn import(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    file: &Path,
    dry_run: bool,
    watcher: &mut (dyn FnMut(usize, usize) + Send),
) -> Result<Report> {
    viewer.require(Permission::ManageInvoices)?;
    let bytes = bytes_of(file)?;
    let file_name =
        file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let (layout, mut reading) = read(&bytes, network, &file_name)?;
    reading.errors.sort_by_key(|(line, _)| *line);
    let source = Source { file_name, file_sha256: sha256 };
    let mut errors = ValidationErrors::default();
    for of_line in reading.errors.chunk_by(|one, other| one.0 == other.0) {
        let path = format!("{}:{}:", source.file_name, of_line[0].0);
        errors.add_each(&path, of_line.iter().map(|(_, reason)| reason.clone()));
    }
    errors.finish()?;

    let mut change = audit::begin(db, viewer, "bankFileImport").await?;
    let (mut outcomes, mut errors) =
        (Vec::with_capacity(reading.payments.len()), ValidationErrors::default());
    let outgoing = refunds::possible(&change, &reading.outgoing).await?;
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
        twins::recognize(&change, &source, chunk, &of_file, &mut errors).await?;
        let mut taken = import::take(&mut change, &source, limit, chunk, &mut errors).await?;
        refunds::book(&mut change, &outgoing, limit, &mut taken).await?;
        outcomes.extend(taken);
        watcher(outcomes.len(), count);
        rest = later;
    }
    errors.finish()?;
    if dry_run {
        change.undo().await?
    } else {
        change.commit().await?
    }
    reading.left.sort_by_key(|left| left.line);
    let Reading { accounts, left, passed_over, .. } = reading;
    Ok(Report { layout, source, accounts, outcomes, left, passed_over, dry_run })
}

/// How many of these payments are taken together: a chunk, and what belongs with its last.
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

/// Reads a file by what its beginning says that it is.
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

/// Reads a file for a fuzz target: its payments, and its faults with their lines.
///
/// # Errors
/// INVALID when it is a file of neither kind.
#[cfg(fuzzing)]
pub fn fuzz(bytes: &[u8]) -> Result<(Vec<Incoming>, Vec<(u64, String)>)> {
    let payments = crate::config::Payments {
        ibans: vec!["SE4550000000058398257466".to_owned()],
        ..Default::default()
    };
    let network =
        Network { bankgiro: Some("5050-1055".to_owned()), payments, ..Network::default() };
    let (_, reading) = read(bytes, &network, "file")?;
    Ok((reading.payments, reading.errors))
}

/// An amount, unless it is more than an amount can hold.
fn within_bounds(ore: i64) -> Option<Money> {
    Some(Money(ore)).filter(|amount| amount.0.abs() <= Money::MAX.0)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::config::Payments;

    const SAMPLES: [&[u8]; 3] = [
        include_bytes!("../../../../tests/api/bank/bgmax.txt"),
        include_bytes!("../../../../tests/api/bank/camt054_02.xml"),
        include_bytes!("../../../../tests/api/bank/camt054_08.xml"),
    ];

    /// The accounts that the samples tell of.
    fn network() -> Network {
        let payments =
            Payments { ibans: vec!["SE4550000000058398257466".to_owned()], ..Payments::default() };
        Network { bankgiro: Some("5050-1055".to_owned()), payments, ..Network::default() }
    }

    #[test]
    fn the_samples_are_read_without_a_fault() {
        for (sample, payments) in SAMPLES.iter().zip([6, 4, 1]) {
            let (_, reading) =
                read(sample, &network(), "x").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((reading.payments.len(), reading.errors), (payments, Vec::new()));
        }
    }

    #[test]
    fn what_is_spoiled_is_a_fault_or_says_the_same_sum_and_never_panics() {
        // Sums and counts of the file itself guard what came in; what is not booked is passed over
        // or left, and counted.
        let came_in = |reading: &Reading| -> i64 {
            reading.payments.iter().map(|payment| payment.amount.0.max(0)).sum()
        };
        let told = |bytes: &[u8]| read(bytes, &network(), "x").map(|(_, reading)| reading);
        let integer = SAMPLES.map(|sample| told(sample).unwrap_or_else(|error| panic!("{error}")));
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
            match told(&bytes) {
                Ok(reading) if reading.errors.is_empty() => {
                    let sample = &integer[round % SAMPLES.len()];
                    let is_same = came_in(&reading) == came_in(sample)
                        || reading.passed_over > sample.passed_over
                        || reading.left.len() > sample.left.len();
                    assert!(is_same, "{}", String::from_utf8_lossy(&bytes));
                }
                _ => bad += 1,
            }
        }
        assert!(bad > 2000, "{bad}");
    }

    #[test]
    fn what_a_payer_wrote_is_made_readable() {
        let stacked = format!("a{}b", "\u{301}".repeat(31));
        for (text, expected) in [
            ("  två\n  rader  ", Some("två\n  rader")),
            ("\u{1}a\tb\u{85}c", Some("a b c")),
            ("\n", None),
            ("\u{200b}\u{fe0f}", None),
            ("❤\u{fe0f}", Some("❤\u{fe0f}")),
            (&stacked, Some(&*stacked.replacen('\u{301}', "", 1))),
        ] {
            assert_eq!(readable(text).as_deref(), expected, "{text:?}");
        }
        assert_eq!(readable(&"å".repeat(TEXT + 1)), Some("å".repeat(TEXT)));
        let marks = readable(&format!("a{}", "\u{344}\u{302}".repeat(40))).unwrap_or_default();
        assert!(!typesetting::stacks_marks(&marks) && marks.chars().count() >= 20, "{marks:?}");
    }

    #[test]
    fn what_is_read_of_a_file_can_be_exported_and_read_again() {
        let told = |bytes: &[u8]| {
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
        let invisible = told(sample.replace(name, "&#x200b;").as_bytes());
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
