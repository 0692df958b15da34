//! camt.053 and camt.054: the bank's statement and its notification of what it booked on an account
//! (ISO 20022 BankToCustomerStatement and BankToCustomerDebitCreditNotification, versions 02 to
//! 13).
//!
//! The two differ in the names of two elements: a statement (Stmt) is read as a notification
//! (Ntfctn). An entry (Ntry) stands for one booking and may hold several transactions (TxDtls),
//! each of which is a payment. The XML is read as it comes, by the paths of its elements: what is
//! not asked for is passed over. A document type, and with it every entity of one's own, is
//! refused, and so is what lies deeper than the standard goes.

use std::collections::HashMap;

use ::entity::money::Money;
use chrono::NaiveDate;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    Layout, Left, Reading, WhyLeft,
    bgmax::org_number,
    iso20022::{
        Amount, References, Structured, attribute, day, is_credit, kronor, layout_of, resolved,
        said,
    },
    within_bounds,
};
use crate::{
    config::OwnAccounts,
    error::{LINE, TEXT},
    payments::bank::matching::{Incoming, Reference},
};

/// The deepest that elements lie within each other; the standard's own go to 17.
const DEEPEST: usize = 30;
/// The longest name of an element, in bytes; the standard's own go to 35. The path to an element is
/// looked at at its end, so that long names would take time that grows with the square of the file.
const LONGEST_NAME: usize = 100;
/// Signs that are kept of a reference for which of several it is.
const POSITION: usize = 10;
/// The root of what is read, below which paths begin.
const ROOT: &str = "Document/BkToCstmrDbtCdtNtfctn";

/// Reads a file: what it has of these accounts, in kronor.
pub(super) fn read(bytes: &[u8], own: &OwnAccounts) -> (Layout, Reading) {
    let mut layout = Layout::Camt054;
    let reading = read_as(bytes, own, &mut layout);
    (layout, reading)
}

fn read_as(bytes: &[u8], own: &OwnAccounts, layout: &mut Layout) -> Reading {
    let mut reading = Reading::default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = line_at(&bytes[..error.valid_up_to()]);
            reading.error(line, "is not UTF-8");
            return reading;
        }
    };
    let mut document = Document {
        reading,
        own,
        layout,
        path: String::new(),
        lengths: Vec::new(),
        text: String::new(),
        account: Account::default(),
        entry: Entry::default(),
    };
    let mut reader = Reader::from_str(text);
    let (mut counted, mut line) = (0, 1);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len());
        line += count_lines(&bytes[counted..at]);
        counted = at;
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => {
                if let Err(reason) = document.event(line, &event) {
                    document.reading.error(line, reason);
                    return document.reading;
                }
            }
            Err(error) => {
                document.reading.error(line, format!("is no XML: {error}"));
                return document.reading;
            }
        }
    }
    if document.lengths.is_empty() && document.account.is_found {
        return document.reading;
    }
    document
        .reading
        .error(line, "is the end, but no camt.053 or camt.054 was found in it, or not all of one");
    document.reading
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn line_at(bytes: &[u8]) -> u64 {
    1 + count_lines(bytes)
}

/// A document that is being read.
struct Document<'d> {
    reading: Reading,
    own: &'d OwnAccounts,
    layout: &'d mut Layout,
    /// The names of the open elements, with slashes between.
    path: String,
    /// How long the path was before each of them.
    lengths: Vec<usize>,
    /// The text of the innermost one.
    text: String,
    account: Account,
    entry: Entry,
}

/// A notification's account, and what the notification says of itself.
#[derive(Debug, Default)]
struct Account {
    is_found: bool,
    line: u64,
    id: String,
    /// The scheme of its number, as `BGNR`; null for an IBAN.
    scheme: Option<String>,
    /// Number of payments that were read before it, incoming and outgoing.
    before: (usize, usize),
    /// What the bank calls the notification.
    notification: Option<String>,
    /// How often each reference came in it.
    seen: HashMap<String, u64>,
    entries: u64,
    credits: u64,
    /// Null when there is an amount that is not in öre.
    credit_sum: Option<i64>,
    stated_entries: Option<String>,
    stated_credits: Option<String>,
    stated_credit_sum: Option<String>,
}

/// An entry.
#[derive(Debug, Default)]
struct Entry {
    line: u64,
    amount: Amount,
    is_credit: Option<bool>,
    is_reversal: bool,
    status: String,
    booked_on: Option<NaiveDate>,
    value_on: Option<NaiveDate>,
    references: References,
    /// How many transactions each part of it (NtryDtls) says that it has.
    stated_counts: Vec<String>,
    transactions: Vec<Transaction>,
}

/// A transaction of an entry.
#[derive(Debug, Default)]
struct Transaction {
    line: u64,
    amount: Option<Amount>,
    /// Its own direction; null: that of its entry.
    is_credit: Option<bool>,
    references: References,
    structured: Vec<Structured>,
    message: Vec<String>,
    payer_name: Option<String>,
    payer_org_number: Option<String>,
}

type Refused = Result<(), String>;

impl Document<'_> {
    fn event(&mut self, line: u64, event: &Event<'_>) -> Refused {
        match event {
            Event::Start(start) => self.start(line, start),
            Event::Empty(start) => {
                self.start(line, start)?;
                self.end(line);
                Ok(())
            }
            Event::End(_) => {
                self.end(line);
                Ok(())
            }
            Event::Text(text) => self.add(&text.xml10_content()),
            Event::CData(text) => self.add(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = resolved(reference)?;
                self.add(&text)
            }
            Event::DocType(_) => Err(
                "has a document type (DOCTYPE), which no bank sends and the register does not read"
                    .into(),
            ),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn add(&mut self, text: &str) -> Refused {
        if text.chars().any(|char| char.is_control() && !char.is_whitespace()) {
            return Err("has control characters".into());
        }
        self.text.push_str(text);
        if self.text.len() > TEXT {
            Err(format!("has more than {TEXT} bytes of text in one element"))
        } else {
            Ok(())
        }
    }

    fn start(&mut self, line: u64, start: &BytesStart<'_>) -> Refused {
        if self.lengths.len() >= DEEPEST {
            return Err(format!("lies more than {DEEPEST} elements deep"));
        }
        let name = start.local_name();
        let name: &str = name.as_ref();
        if name.len() > LONGEST_NAME {
            return Err(format!("has an element with a name of more than {LONGEST_NAME} bytes"));
        }
        let called = match (*self.layout, self.lengths.len(), name) {
            (Layout::Camt053, 1, "BkToCstmrStmt") => "BkToCstmrDbtCdtNtfctn",
            (Layout::Camt053, 2, "Stmt") => "Ntfctn",
            // Each has its own name and not the other's.
            (Layout::Camt053, 1, "BkToCstmrDbtCdtNtfctn") | (Layout::Camt053, 2, "Ntfctn") => "",
            (_, _, name) => name,
        };
        self.lengths.push(self.path.len());
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(called);
        self.text.clear();
        if self.lengths.len() == 1 {
            *self.layout = layout_of(name, start)?;
            return Ok(());
        }
        if self.lengths.len() == 2 && self.path != ROOT {
            let wanted = if *self.layout == Layout::Camt053 {
                "camt.053 has BkToCstmrStmt"
            } else {
                "camt.054 has BkToCstmrDbtCdtNtfctn"
            };
            return Err(format!("is {name}, where {wanted}"));
        }
        let amount = || Amount { text: String::new(), currency: attribute(start, "Ccy") };
        match self.below() {
            "Ntfctn" => {
                let before = (self.reading.payments.len(), self.reading.outgoing.len());
                self.account = Account {
                    is_found: true,
                    line,
                    before,
                    credit_sum: Some(0),
                    ..Account::default()
                };
            }
            "Ntfctn/Ntry" => self.entry = Entry { line, ..Entry::default() },
            "Ntfctn/Ntry/Amt" => self.entry.amount = amount(),
            "Ntfctn/Ntry/NtryDtls/TxDtls" => {
                self.entry.transactions.push(Transaction { line, ..Transaction::default() })
            }
            "Ntfctn/Ntry/NtryDtls/TxDtls/Amt" => self.last(|own| own.amount = Some(amount())),
            "Ntfctn/Ntry/NtryDtls/TxDtls/AmtDtls/TxAmt/Amt" => {
                self.last(|own| own.amount = own.amount.take().or_else(|| Some(amount())))
            }
            "Ntfctn/Ntry/NtryDtls/TxDtls/RmtInf/Strd" => {
                self.last(|own| own.structured.push(Structured::default()))
            }
            "Ntfctn/Ntry/NtryDtls/TxDtls/RmtInf/Strd/RfrdDocAmt/RmtdAmt" => {
                self.last_structured(|own| own.remitted = Some(amount()))
            }
            "Ntfctn/Ntry/NtryDtls/TxDtls/RmtInf/Strd/RfrdDocAmt/CdtNoteAmt" => self
                .last_structured(|own| {
                    own.remitted = Some(amount());
                    own.credited = true;
                }),
            "Ntfctn/Ntry/NtryDtls/TxDtls/RmtInf/Strd/RfrdDocAmt/RmtAmtAndTp/Amt" => {
                self.last_structured(|own| own.typed = amount())
            }
            _ => {}
        }
        Ok(())
    }

    /// The path below the root; empty outside of it.
    fn below(&self) -> &str {
        self.path.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default()
    }

    fn last(&mut self, change: impl FnOnce(&mut Transaction)) {
        if let Some(own) = self.entry.transactions.last_mut() {
            change(own);
        }
    }

    fn last_structured(&mut self, change: impl FnOnce(&mut Structured)) {
        self.last(|own| {
            if let Some(own) = own.structured.last_mut() {
                change(own)
            }
        });
    }

    fn end(&mut self, line: u64) {
        let text = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.text.clear();
        let path = self.below().to_owned();
        match path.strip_prefix("Ntfctn/") {
            Some("Ntry") => self.finish_entry(),
            Some(path) => match path.strip_prefix("Ntry/") {
                Some(path) => match path.strip_prefix("NtryDtls/TxDtls/") {
                    Some(path) => self.of_transaction(path, text),
                    None => self.of_entry(line, path, text),
                },
                None => self.of_account(path, text),
            },
            None if path == "Ntfctn" => self.finish_account(line),
            None => {}
        }
        if let Some(length) = self.lengths.pop() {
            self.path.truncate(length);
        }
    }

    fn of_account(&mut self, path: &str, text: String) {
        let account = &mut self.account;
        match path {
            "Id" => account.notification = Some(text),
            "Acct/Id/IBAN" => (account.id, account.scheme) = (text, None),
            "Acct/Id/Othr/Id" => account.id = text,
            "Acct/Id/Othr/SchmeNm/Prtry" | "Acct/Id/Othr/SchmeNm/Cd" => account.scheme = Some(text),
            "TxsSummry/TtlNtries/NbOfNtries" => account.stated_entries = Some(text),
            "TxsSummry/TtlCdtNtries/NbOfNtries" => account.stated_credits = Some(text),
            "TxsSummry/TtlCdtNtries/Sum" => account.stated_credit_sum = Some(text),
            _ => {}
        }
    }

    fn of_entry(&mut self, line: u64, path: &str, text: String) {
        let entry = &mut self.entry;
        match path {
            "Amt" => entry.amount.text = text,
            "CdtDbtInd" => entry.is_credit = is_credit(&text),
            "RvslInd" => entry.is_reversal = matches!(text.as_str(), "true" | "1"),
            // Version 02 has the word itself, later ones a code.
            "Sts" if entry.status.is_empty() => entry.status = text,
            "Sts/Cd" | "Sts/Prtry" => entry.status = text,
            "BookgDt/Dt" | "BookgDt/DtTm" => match day(&text) {
                Some(day) => entry.booked_on = Some(day),
                None => self
                    .reading
                    .error(line, format!("has the day {text:?}, which is no day of the calendar")),
            },
            "ValDt/Dt" | "ValDt/DtTm" => entry.value_on = day(&text),
            "AcctSvcrRef" => entry.references.of_bank = Some(text),
            "NtryRef" => entry.references.others[0] = Some(text),
            "NtryDtls/Btch/NbOfTxs" => entry.stated_counts.push(text),
            _ => {}
        }
    }

    fn of_transaction(&mut self, path: &str, text: String) {
        match path {
            "CdtDbtInd" => self.last(|own| own.is_credit = is_credit(&text)),
            "Refs/AcctSvcrRef" => self.last(|own| own.references.of_bank = Some(text)),
            "Refs/TxId" => self.last(|own| own.references.others[0] = Some(text)),
            "Refs/InstrId" => self.last(|own| own.references.others[1] = Some(text)),
            "Refs/EndToEndId" => self.last(|own| own.references.others[2] = Some(text)),
            "Amt" | "AmtDtls/TxAmt/Amt" => self.last(|own| {
                if let Some(amount) = own.amount.as_mut().filter(|amount| amount.text.is_empty()) {
                    amount.text = text;
                }
            }),
            "RmtInf/Ustrd" => self.last(|own| own.message.push(text)),
            "RmtInf/Strd/CdtrRefInf/Ref" => self.last_structured(|own| own.reference = Some(text)),
            "RmtInf/Strd/RfrdDocInf/Nb" => self.last_structured(|own| own.document = Some(text)),
            "RmtInf/Strd/AddtlRmtInf" => self.last(|own| own.message.push(text)),
            "RmtInf/Strd/RfrdDocAmt/RmtdAmt" | "RmtInf/Strd/RfrdDocAmt/CdtNoteAmt" => self
                .last_structured(|own| {
                    if let Some(amount) = &mut own.remitted {
                        amount.text = text;
                    }
                }),
            "RmtInf/Strd/RfrdDocAmt/RmtAmtAndTp/Tp/Cd" => {
                self.last_structured(|own| own.type_code = text)
            }
            "RmtInf/Strd/RfrdDocAmt/RmtAmtAndTp/Amt" => {
                self.last_structured(|own| own.typed.text = text)
            }
            "RmtInf/Strd/RfrdDocAmt/RmtAmtAndTp" => self.last_structured(|own| {
                // What is paid, and what of it a credit note takes off.
                if let code @ ("RMTD" | "CDTN") = std::mem::take(&mut own.type_code).as_str() {
                    own.remitted = Some(std::mem::take(&mut own.typed));
                    own.credited = code == "CDTN";
                }
            }),
            // Later versions have a level more.
            "RltdPties/Dbtr/Nm" | "RltdPties/Dbtr/Pty/Nm" => {
                self.last(|own| own.payer_name = Some(text))
            }
            "RltdPties/Dbtr/Id/OrgId/Othr/Id" | "RltdPties/Dbtr/Pty/Id/OrgId/Othr/Id" => {
                self.last(|own| {
                    let digits: String = text.chars().filter(|char| *char != '-').collect();
                    own.payer_org_number = org_number(
                        digits
                            .strip_prefix("00")
                            .filter(|rest| rest.len() == 10)
                            .unwrap_or(&digits),
                    );
                })
            }
            _ => {}
        }
    }

    fn finish_account(&mut self, line: u64) {
        let account = std::mem::take(&mut self.account);
        self.account.is_found = true;
        // Without a name each of its payments is an error of its own.
        let is_own = account.id.is_empty() || self.own.has(&account.id, account.scheme.as_deref());
        self.reading.of_account(
            account.line,
            &account.id,
            &format!("the account {}", account.id),
            is_own,
        );
        if !is_own {
            let (before, before_out) = account.before;
            self.reading.passed_over += self.reading.outgoing.split_off(before_out).len();
            let theirs = self.reading.payments.split_off(before);
            self.reading
                .left
                .iter_mut()
                .filter(|left| left.line >= account.line)
                .for_each(|left| left.why = WhyLeft::Account);
            self.reading.left.extend(theirs.into_iter().map(|payment| Left {
                line: payment.line,
                amount: payment.amount.to_string(),
                currency: "SEK".to_owned(),
                account: payment.account,
                why: WhyLeft::Account,
            }));
        }
        let Account {
            entries,
            credits,
            credit_sum,
            stated_entries,
            stated_credits,
            stated_credit_sum,
            ..
        } = account;
        for (what, stated, found) in
            [("entries", stated_entries, entries), ("credit entries", stated_credits, credits)]
        {
            if let Some(stated) = stated.filter(|stated| stated.parse() != Ok(found)) {
                self.reading.error(line, format!("ends a notification that says that it has {stated:?} {what}, but it has {found}"));
            }
        }
        let Some(credit_sum) = credit_sum else { return };
        if let Some(stated) =
            stated_credit_sum.filter(|stated| kronor(stated) != within_bounds(credit_sum))
        {
            let found = Money(credit_sum);
            self.reading
                .error(line, format!("ends a notification that says that its credit entries come to {stated:?}, but they come to {found}"));
        }
    }

    fn finish_entry(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        self.account.entries += 1;
        let Some(is_credit) = entry.is_credit else {
            self.reading.error(entry.line, "has an entry that says neither CRDT nor DBIT");
            return;
        };
        let is_payment_in = is_credit || entry.is_reversal || entry.is_mixed();
        let Some(amount) = self.amount_of(entry.line, &entry.amount, is_payment_in) else { return };
        if is_credit {
            self.account.credits += 1;
            self.account.credit_sum = self
                .account
                .credit_sum
                .zip(amount)
                .map(|(sum, amount)| sum.saturating_add(amount.0));
        }
        let is_booked = entry.status.is_empty() || entry.status == "BOOK";
        if !is_booked {
            self.reading.passed_over += 1;
            return;
        }
        if !is_payment_in {
            self.pay_out(entry, amount);
            return;
        }
        let Some(amount) = amount.filter(|_| entry.amount.currency == "SEK") else {
            let sign = if is_credit { "" } else { "-" };
            let Amount { text, currency } = entry.amount;
            let account = self.account.id.clone();
            self.reading.left.push(Left {
                line: entry.line,
                amount: format!("{sign}{text}"),
                currency,
                account,
                why: WhyLeft::Currency,
            });
            return;
        };
        match payments_of(&mut self.account, entry, amount, is_credit) {
            Ok(payments) => self.reading.payments.extend(payments),
            Err((line, reason)) => self.reading.error(line, reason),
        }
    }

    /// Takes a payment out of an account, which may be a refund. Of what can't be read of it nobody
    /// asks.
    fn pay_out(&mut self, entry: Entry, amount: Option<Money>) {
        let amount = amount.filter(|_| entry.amount.currency == "SEK");
        match amount.map(|amount| payments_of(&mut self.account, entry, amount, false)) {
            Some(Ok(payments)) => self.reading.outgoing.extend(payments),
            Some(Err(_)) | None => self.reading.passed_over += 1,
        }
    }

    /// The amount of an entry as kronor would be read, null when it has more decimals than these in
    /// another currency; null in whole, with an error, when it can't be read.
    fn amount_of(
        &mut self,
        line: u64,
        amount: &Amount,
        is_payment_in: bool,
    ) -> Option<Option<Money>> {
        let is_foreign = amount.currency.len() == 3 && amount.currency != "SEK";
        let found = kronor(&amount.text).filter(|amount| *amount > Money::ZERO);
        if found.is_some() && (is_foreign || !is_payment_in || amount.currency == "SEK") {
            return Some(found);
        }
        let is_decimal = amount.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && amount.text.matches('.').count() < 2;
        if is_foreign && is_decimal && amount.text.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
        {
            return Some(None);
        }
        let reason = if found.is_some() {
            format!("has an entry in {:?}, which is no currency", amount.currency)
        } else {
            format!("has an entry of {:?}, which must be an amount above zero", amount.text)
        };
        self.reading.error(line, reason);
        None
    }
}

impl Entry {
    /// Whether some of its transactions came in and others went out, so that its own direction is
    /// that of what is left.
    fn is_mixed(&self) -> bool {
        let has = |direction| self.transactions.iter().any(|own| own.is_credit == Some(direction));
        has(true) && has(false)
    }
}

/// The payments of an entry: its transactions, or itself when the bank tells of none.
fn payments_of(
    account: &mut Account,
    entry: Entry,
    total: Money,
    is_credit: bool,
) -> Result<Vec<Incoming>, (u64, String)> {
    let at = entry.line;
    let Some(booked_on) = entry.booked_on.or(entry.value_on) else {
        return Err((at, "has an entry without a day (BookgDt)".into()));
    };
    let count = entry.transactions.len();
    let stated = entry
        .stated_counts
        .iter()
        .try_fold(0_usize, |sum, stated| sum.checked_add(stated.parse().ok()?));
    if count > 0 && !entry.stated_counts.is_empty() && stated != Some(count) {
        let stated = entry.stated_counts.join("\" and \"");
        return Err((
            at,
            format!(
                "has an entry that says that it has \"{stated}\" transactions, but it has {count}"
            ),
        ));
    }
    let mut transactions = entry.transactions;
    let is_total = transactions.is_empty();
    if transactions.is_empty() {
        transactions.push(Transaction { line: at, ..Transaction::default() });
    }
    let is_alone = transactions.len() == 1;
    // Some banks say of what is undone in which direction it went at first.
    let tells_of_first =
        entry.is_reversal && transactions.iter().all(|own| own.is_credit == Some(!is_credit));
    let signed = |amount: Money, is_credit: bool| if is_credit { amount } else { -amount };
    let entry_reference = entry
        .references
        .of_bank()
        .filter(|_| !is_total)
        .map(|of_entry| account.reference(booked_on, [of_entry]));
    let (mut payments, mut sum) = (Vec::with_capacity(transactions.len()), 0_i64);
    for own in transactions {
        let amount = match &own.amount {
            // What a payer abroad paid in its own money is the entry's amount here.
            Some(amount) if amount.currency == "SEK" => kronor(&amount.text),
            _ if is_alone => Some(total),
            _ => None,
        };
        let Some(amount) = amount.filter(|amount| *amount > Money::ZERO) else {
            return Err((
                own.line,
                "has a transaction without an amount in kronor above zero".into(),
            ));
        };
        let amount = signed(amount, own.is_credit.filter(|_| !tells_of_first).unwrap_or(is_credit));
        sum = sum.saturating_add(amount.0);
        let Some(bank_reference) =
            account.bank_reference(booked_on, &entry.references, &own.references)
        else {
            return Err((own.line, "has a payment without a reference of the bank (AcctSvcrRef), by which it could be known again".into()));
        };
        let line = own.line;
        payments.push(Incoming {
            line,
            bank_reference,
            account: account.id.clone(),
            booked_on,
            amount,
            references: references_of(own.structured).map_err(|reason| (line, reason))?,
            message: Some(own.message.join("\n")).filter(|text| !text.is_empty()),
            payer_name: own.payer_name.filter(|name| !name.is_empty()),
            payer_org_number: own.payer_org_number,
            is_reversal: entry.is_reversal,
            entry_reference: entry_reference.clone(),
            entry_total: signed(total, is_credit),
            is_total,
            ..Incoming::default()
        });
    }
    let total = signed(total, is_credit);
    if sum != total.0 {
        return Err((
            at,
            format!("has an entry of {total}, but its transactions come to {}", Money(sum)),
        ));
    }
    Ok(payments)
}

impl Account {
    /// What a transaction of an entry is known by, in whatever file; null when nothing tells it
    /// from others. What is not the bank's own reference may be anybody's in another notification,
    /// and says something only together with the name of this one.
    fn bank_reference(
        &mut self,
        booked_on: NaiveDate,
        entry: &References,
        own: &References,
    ) -> Option<String> {
        let found = match (entry.of_bank(), own.of_bank()) {
            (Some(of_entry), of_own) => [Some(of_entry), of_own.or(own.other()), None],
            (None, Some(of_own)) => [Some(of_own), None, None],
            (None, None) => {
                entry.other().or(own.other())?;
                [Some(said([&self.notification])?), entry.other(), own.other()]
            }
        };
        let reference = self.reference(booked_on, found.into_iter().flatten());
        let nth = self.seen.entry(reference.clone()).or_default();
        *nth += 1;
        Some(if *nth > 1 { format!("{reference}/{nth}") } else { reference })
    }

    /// A reference of what was booked on a day, of the bank's words for it.
    fn reference<'w>(
        &self,
        booked_on: NaiveDate,
        found: impl IntoIterator<Item = &'w str>,
    ) -> String {
        let mut words =
            vec!["CAMT".to_owned(), self.id.clone(), booked_on.format("%Y%m%d").to_string()];
        for word in found {
            if words.last().is_none_or(|last| last != word) {
                words.push(word.to_owned());
            }
        }
        let reference: String = words.join(" ").chars().take(LINE - POSITION).collect();
        reference.trim_end().to_owned()
    }
}

fn references_of(structured: Vec<Structured>) -> Result<Vec<Reference>, String> {
    let mut references = Vec::new();
    for own in structured {
        let Some(text) = own.reference.or(own.document).filter(|text| !text.is_empty()) else {
            continue;
        };
        let amount = match own.remitted {
            Some(stated) => Some(kronor(&stated.text).ok_or_else(|| {
                format!("has {:?} for the reference {text:?}, which is no amount", stated.text)
            })?),
            None => None,
        };
        let amount = amount
            .map(|amount| if own.credited { -amount } else { amount })
            .filter(|amount| *amount != Money::ZERO);
        references.push(Reference { text, amount });
    }
    Ok(references)
}
