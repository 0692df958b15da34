//! BgMax: Bankgirot's file of payments to a bankgiro (Bankgiro Inbetalningar, Teknisk manual,
//! 2019).
//!
//! Lines of 80 columns in ISO 8859-1, each with a transaction code (TK). A file is a start (01),
//! deposits and an end (70). A deposit is an opening (05), payments (20) and deductions (21) with
//! their details (22 to 29), and its sum (15). A deduction is a credit note that a payer uses: its
//! bank subtracts it from the payments of the same payer in the same deposit. Unknown codes are
//! ignored, as the manual requires; the sums and counts of deposits and file show whether a payment
//! was lost. Some programs leave out the line ends: then a record is 80 columns long and counts as
//! a line.

use std::collections::HashMap;

use ::entity::{money::Money, number::OrgNumber};
use chrono::NaiveDate;

use super::reading::{Reading, SkipReason, SkippedPayment, within_bounds};
use crate::{
    config::OwnAccounts,
    payments::bank::incoming::{Incoming, Reference},
};

/// Number of columns of a line.
const WIDTH: usize = 80;

/// Reads a file: its payments to these accounts, in kronor.
pub(super) fn read(bytes: &[u8], own: &OwnAccounts) -> Reading {
    let mut file = File {
        reading: Reading::default(),
        own,
        counts: Counts::default(),
        section: None,
        has_start: false,
        has_end: false,
    };
    let mut last = 0;
    for (line, text) in (1..).zip(lines(bytes)) {
        if text.is_empty() {
            continue;
        }
        last = line;
        file.line(line, &text);
    }
    if !file.has_end {
        file.reading
            .error(last, "is the last line, but no end record (70): some of the file is missing");
    }
    file.reading
}

/// Returns the lines as text. Without line ends, the bytes are split into records.
fn lines(bytes: &[u8]) -> Vec<String> {
    // SUB, a legacy end-of-file mark.
    let bytes = bytes.strip_suffix(b"\x1a").unwrap_or(bytes);
    let ended = bytes.trim_ascii_end();
    let line_end = [b'\n', b'\r'].into_iter().find(|end| ended.contains(end));
    match line_end {
        Some(end) => bytes
            .split(|byte| *byte == end)
            .map(|line| decoded(line.strip_suffix(b"\r").unwrap_or(line)))
            .collect(),
        None => {
            let chars: Vec<char> = decoded(ended).chars().collect();
            chars
                .chunks(WIDTH)
                .map(|record| record.iter().collect::<String>().trim_end().to_owned())
                .collect()
        }
    }
}

/// Decodes a line: ISO 8859-1, or UTF-8 if a program has converted the file. The control characters
/// of ISO 8859-1 are decoded as the letters of the older CP850, which some banks still write.
fn decoded(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| letter(*byte)).collect(),
    };
    text.trim_end().to_owned()
}

fn letter(byte: u8) -> char {
    match byte {
        0x81 => 'ü',
        0x82 => 'é',
        0x84 => 'ä',
        0x86 => 'å',
        0x8e => 'Ä',
        0x8f => 'Å',
        0x94 => 'ö',
        0x99 => 'Ö',
        0x80..=0x9f => char::REPLACEMENT_CHARACTER,
        other => char::from(other),
    }
}

/// A line with its columns.
struct Line<'t> {
    number: u64,
    columns: &'t [char],
}

impl Line<'_> {
    /// Returns the columns `from` to `to`, counted from 1 as in the manual, without surrounding
    /// white space.
    fn text(&self, from: usize, to: usize) -> String {
        let end = to.min(self.columns.len());
        self.columns
            .get(from - 1..end)
            .unwrap_or_default()
            .iter()
            .collect::<String>()
            .trim()
            .to_owned()
    }

    /// Parses digits; `None` for anything else.
    fn number(&self, from: usize, to: usize) -> Option<i64> {
        let text = self.text(from, to);
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { text.parse().ok() } else { None }
    }

    /// Parses an amount in öre.
    fn amount(&self, from: usize, to: usize) -> Option<Money> {
        self.number(from, to).and_then(within_bounds)
    }
}

/// Numbers of records, as the file states them or as they were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    payments: i64,
    deductions: i64,
    references: i64,
    deposits: i64,
}

struct File<'o> {
    reading: Reading,
    own: &'o OwnAccounts,
    counts: Counts,
    section: Option<Section>,
    has_start: bool,
    has_end: bool,
}

/// A deposit that is being read.
struct Section {
    /// The recipient: a bankgiro or plusgiro, as digits.
    account: String,
    currency: String,
    /// Reason for which it is not booked; `None` if it is the network's, in kronor.
    skip: Option<SkipReason>,
    payments: Vec<Pending>,
    /// `true` if one of its payments could not be read, so that its sum can't be checked.
    lacks_payments: bool,
}

/// A payment whose day is not known yet.
struct Pending {
    incoming: Incoming,
    /// The sender's bankgiro; zeros if it has none.
    sender: String,
    /// Bankgirot's serial number; not every payment has one.
    serial: String,
    /// `true` if its own reference summarizes those that follow.
    is_digest: bool,
}

impl File<'_> {
    fn line(&mut self, number: u64, text: &str) {
        let columns: Vec<char> = text.chars().collect();
        let line = Line { number, columns: &columns };
        let code = line.text(1, 2);
        if columns.iter().any(|char| char.is_control() && *char != '\t') {
            self.reading.error(number, "has control characters");
        } else if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            self.reading.error(number, "does not begin with a transaction code of two digits");
        } else if columns.len() > WIDTH {
            self.reading.error(
                number,
                format!("is {} columns long, where {WIDTH} is the most", columns.len()),
            );
        } else if self.has_end {
            self.reading.error(number, "is after the end record (70)");
        } else if !self.has_start && code != "01" {
            self.reading.error(number, "is before the start record (01)");
        } else {
            self.record(&code, &line);
        }
    }

    fn record(&mut self, code: &str, line: &Line<'_>) {
        match code {
            "01" => self.start(line),
            "05" => self.open(line),
            "20" | "21" => self.payment(code == "21", line),
            "22" | "23" => self.reference(code == "23", line),
            "25" | "26" | "29" => self.detail(code, line),
            "15" => self.deposit(line),
            "70" => self.end(line),
            _ => {}
        }
    }

    fn start(&mut self, line: &Line<'_>) {
        if std::mem::replace(&mut self.has_start, true) {
            self.reading.error(line.number, "is a second start record (01)");
        }
        if line.text(3, 22) != "BGMAX" || line.text(23, 24) != "01" {
            self.reading.error(line.number, "is not the start of BgMax in version 01");
        }
        if line.text(45, 45) == "T" {
            self.reading.error(line.number, "is marked as a test file (T in column 45)");
        }
    }

    fn open(&mut self, line: &Line<'_>) {
        if self.section.is_some() {
            self.reading
                .error(line.number, "opens a deposit (05), but the one before has no sum (15)");
        }
        let (bankgiro, plusgiro, currency) =
            (line.text(3, 12), line.text(13, 22), line.text(23, 25));
        let account = [&bankgiro, &plusgiro]
            .into_iter()
            .map(|giro| giro.trim_start_matches('0'))
            .find(|giro| !giro.is_empty())
            .unwrap_or_default();
        if account.is_empty() {
            self.reading.error(line.number, "names no bankgiro or plusgiro");
        }
        let (kind, is_own) = if bankgiro.trim_start_matches('0').is_empty() {
            ("plusgiro", self.own.has_plusgiro(&plusgiro))
        } else {
            ("bankgiro", self.own.has_bankgiro(&bankgiro))
        };
        self.reading.of_account(line.number, account, &format!("{kind} {account}"), is_own);
        let skip = (!is_own)
            .then_some(SkipReason::Account)
            .or((currency != "SEK").then_some(SkipReason::Currency));
        self.section = Some(Section {
            account: account.to_owned(),
            currency,
            skip,
            payments: Vec::new(),
            lacks_payments: false,
        });
    }

    fn payment(&mut self, is_deduction: bool, line: &Line<'_>) {
        if is_deduction {
            self.counts.deductions += 1;
        } else {
            self.counts.payments += 1;
        }
        let (amount, sender, serial) = (line.amount(38, 55), line.text(3, 12), line.text(58, 69));
        let Some(section) = &mut self.section else {
            self.reading.error(
                line.number,
                "is a payment outside of a deposit: no opening (05) precedes it",
            );
            return;
        };
        let Some(amount) = amount.filter(|amount| *amount > Money::ZERO) else {
            self.reading.error(
                line.number,
                format!("has the amount {:?}, which must be öre above zero", line.text(38, 55)),
            );
            // The records that follow belong to it.
            section.lacks_payments = true;
            section.payments.push(Pending {
                incoming: Incoming::default(),
                sender,
                serial,
                is_digest: false,
            });
            return;
        };
        let (reference, code) = (line.text(13, 37), line.text(56, 56));
        let own = Some(Reference { text: reference, amount: None })
            .filter(|own| !own.text.is_empty() && !matches!(code.as_str(), "0" | "1"));
        let incoming = Incoming {
            line: line.number,
            account: section.account.clone(),
            amount: if is_deduction { -amount } else { amount },
            references: own.into_iter().collect(),
            is_deduction,
            ..Incoming::default()
        };
        section.payments.push(Pending { incoming, sender, serial, is_digest: code == "3" });
    }

    fn reference(&mut self, is_credit: bool, line: &Line<'_>) {
        self.counts.references += 1;
        let Some(pending) = self.section.as_mut().and_then(|section| section.payments.last_mut())
        else {
            self.reading.error(line.number, "is a reference without a payment before it");
            return;
        };
        if (&pending.sender, &pending.serial) != (&line.text(3, 12), &line.text(58, 69)) {
            self.reading.error(line.number, "is a reference of another payment than the one before it: sender or serial number differ");
            return;
        }
        // Zero or nothing: the payer has not stated the amount for it.
        let stated = line.text(38, 55);
        let Some(amount) =
            (if stated.is_empty() { Some(Money::ZERO) } else { line.amount(38, 55) })
        else {
            self.reading
                .error(line.number, format!("has the amount {stated:?}, which must be öre"));
            return;
        };
        if std::mem::take(&mut pending.is_digest) {
            pending.incoming.references.clear();
        }
        let amount =
            Some(if is_credit { -amount } else { amount }).filter(|amount| *amount != Money::ZERO);
        pending.incoming.references.push(Reference { text: line.text(13, 37), amount });
    }

    fn detail(&mut self, code: &str, line: &Line<'_>) {
        let Some(pending) = self.section.as_mut().and_then(|section| section.payments.last_mut())
        else {
            self.reading.error(line.number, "belongs to a payment, but none precedes it");
            return;
        };
        let incoming = &mut pending.incoming;
        match code {
            "25" => {
                let text = line.text(3, 52);
                let message = incoming.message.get_or_insert_default();
                if !message.is_empty() {
                    message.push('\n');
                }
                message.push_str(&text);
            }
            "26" => {
                let name = format!("{} {}", line.text(3, 37), line.text(38, 72)).trim().to_owned();
                incoming.payer_name = Some(name).filter(|name| !name.is_empty());
            }
            // A number that begins with a century is a personal identity number, which the register
            // doesn't store.
            _ => {
                incoming.payer_org_number = line.text(3, 14).strip_prefix("00").and_then(org_number)
            }
        }
    }

    fn deposit(&mut self, line: &Line<'_>) {
        self.counts.deposits += 1;
        let Some(section) = self.section.take() else {
            self.reading
                .error(line.number, "is the sum of a deposit (15) that was not opened (05)");
            return;
        };
        let (day, serial, currency) = (line.text(38, 45), line.text(46, 50), line.text(69, 71));
        let booked_on = NaiveDate::parse_from_str(&day, "%Y%m%d").ok().filter(|_| day.len() == 8);
        if booked_on.is_none() {
            self.reading.error(
                line.number,
                format!("has the day {day:?}, which is no day of the calendar"),
            );
        }
        self.check_deposit(line, &section, &currency);
        if let Some(reason) = section.skip {
            self.reading.skipped.extend(section.payments.into_iter().map(
                |Pending { incoming, .. }| SkippedPayment {
                    line: incoming.line,
                    amount: incoming.amount.to_string(),
                    currency: section.currency.clone(),
                    account: section.account.clone(),
                    reason,
                },
            ));
            return;
        }
        // A deduction may apply to any payment of the same payer, so all of them are matched
        // together.
        let mut together: HashMap<String, u64> = section
            .payments
            .iter()
            .filter(|pending| pending.incoming.is_deduction)
            .map(|pending| (pending.sender.clone(), 0))
            .collect();
        let mut seen = HashMap::new();
        let deposit = format!("BG {} {day} {serial}", section.account);
        for Pending { mut incoming, sender, serial: own, .. } in section.payments {
            if let Some(first) = together.get_mut(&sender) {
                *first = if *first == 0 { incoming.line } else { *first };
                incoming.belongs_with = Some(*first);
            }
            let nth = seen.entry(own.clone()).or_insert(0);
            *nth += 1;
            // A deposit is complete and in the same order in every file: a payment without a serial
            // number is identified by its index.
            let own = own.trim_start_matches('0');
            let position =
                if *nth > 1 || own.is_empty() { format!("/{nth}") } else { String::new() };
            incoming.bank_reference = format!("{deposit} {own}{position}");
            incoming.entry_reference = Some(deposit.clone());
            incoming.booked_on = booked_on.unwrap_or_default();
            self.reading.payments.push(incoming);
        }
    }

    /// Checks the currency, the sum and the number of payments that a deposit states.
    fn check_deposit(&mut self, line: &Line<'_>, section: &Section, currency: &str) {
        if currency != section.currency {
            self.reading.error(
                line.number,
                format!(
                    "is in {currency:?}, but the deposit was opened (05) in {:?}",
                    section.currency
                ),
            );
        }
        let sum = section
            .payments
            .iter()
            .try_fold(0_i64, |sum, pending| sum.checked_add(pending.incoming.amount.0));
        let stated = line.number(51, 68);
        if !section.lacks_payments && (stated.is_none() || stated != sum) {
            let sum = sum.map_or_else(
                || "more than an amount can hold".to_owned(),
                |sum| Money(sum).to_string(),
            );
            self.reading.error(
                line.number,
                format!(
                    "states that the deposit is {:?} öre, but its payments come to {sum} kronor",
                    line.text(51, 68)
                ),
            );
        }
        let count = i64::try_from(section.payments.len()).unwrap_or(i64::MAX);
        if line.number(72, 79) != Some(count) {
            self.reading.error(
                line.number,
                format!(
                    "states that the deposit has {:?} payments, but it has {count}",
                    line.text(72, 79)
                ),
            );
        }
    }

    fn end(&mut self, line: &Line<'_>) {
        self.has_end = true;
        if self.section.take().is_some() {
            self.reading
                .error(line.number, "ends the file within a deposit, which has no sum (15)");
        }
        let number = |from, to| line.number(from, to).unwrap_or(-1);
        let stated = Counts {
            payments: number(3, 10),
            deductions: number(11, 18),
            references: number(19, 26),
            deposits: number(27, 34),
        };
        let found = self.counts;
        for (what, stated, found) in [
            ("payments (20)", stated.payments, found.payments),
            ("deductions (21)", stated.deductions, found.deductions),
            ("references (22, 23)", stated.references, found.references),
            ("deposits (15)", stated.deposits, found.deposits),
        ] {
            if stated < 0 {
                self.reading
                    .error(line.number, format!("does not say how many {what} the file has"));
            } else if stated != found {
                self.reading.error(
                    line.number,
                    format!("states that the file has {stated} {what}, but it has {found}"),
                );
            }
        }
    }
}

/// Returns an organisation number of ten digits with its hyphen; `None` if it is invalid.
pub(super) fn org_number(digits: &str) -> Option<String> {
    let (front, back) = digits.split_at_checked(6)?;
    format!("{front}-{back}").parse::<OrgNumber>().ok().map(|number| number.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Network;

    fn own() -> OwnAccounts {
        Network {
            bankgiro: Some("5050-1055".into()),
            plusgiro: Some("28 65 43-4".into()),
            ..Network::default()
        }
        .own_accounts()
    }

    const FILE: &str = "01BGMAX               0120261119173035010331P
050050501055          SEK
200000000000               2026001509000000000000101400214906301700600
26Åsa Öhr
15000000000000000000000000584100000102026112000080000000000000101400SEK00000001
050050501055          EUR
200000000000                      999000000000000001000214906301700610
15000000000000000000000000584100000102026112000081000000000000001000EUR00000001
7000000002000000000000000000000002";

    #[test]
    fn records_are_read_without_line_ends_and_with_old_ones() {
        let expected = read(FILE.as_bytes(), &own());
        assert_eq!(
            (expected.payments.len(), expected.skipped.len(), &expected.errors),
            (1, 1, &Vec::new())
        );
        let joined: String = FILE.lines().map(|line| format!("{line:<80}")).collect();
        let latin = |text: &str| {
            text.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect::<Vec<u8>>()
        };
        for bytes in [
            joined.clone().into_bytes(),
            latin(&joined),
            format!("{joined}\r\n").into_bytes(),
            joined.trim_end().as_bytes().to_vec(),
            FILE.replace('\n', "\r").into_bytes(),
            FILE.replace('\n', "\r\n").into_bytes(),
            format!("{}\u{1a}", FILE.replace('\n', "\r\n") + "\r\n").into_bytes(),
        ] {
            let reading = read(&bytes, &own());
            assert_eq!((reading.errors, reading.payments), (Vec::new(), expected.payments.clone()));
        }
        let cut = read(&joined.as_bytes()[..joined.len() - 85], &own());
        assert!(!cut.errors.is_empty());
    }

    #[test]
    fn a_deposit_on_an_own_plusgiro_is_accepted() {
        let text = FILE.replacen("050050501055          SEK", "0500000000000002865434SEK", 1);
        let reading = read(text.as_bytes(), &own());
        assert_eq!((reading.payments[0].account.as_str(), reading.errors), ("2865434", Vec::new()));
        // An own plusgiro with the same digits is not an own bankgiro.
        let text = FILE.replace("050050501055", "050002865434");
        let reading = read(text.as_bytes(), &own());
        assert!(!reading.has_own && reading.payments.is_empty() && reading.skipped.len() == 2);
    }

    #[test]
    fn letters_are_decoded_from_every_encoding() {
        for bytes in ["26Åsa Öhr".as_bytes(), b"26\xc5sa \xd6hr", b"26\x8fsa \x99hr"] {
            assert_eq!(decoded(bytes), "26Åsa Öhr");
        }
        assert_eq!(decoded(b"26\x9d  "), "26\u{fffd}");
    }
}
