//! camt.053 and camt.054: a bank's statement, and its notification of entries on an account (ISO
//! 20022 BankToCustomerStatement and BankToCustomerDebitCreditNotification, versions 02 to 13).
//!
//! The two differ in the names of two elements: a statement (Stmt) is read as a notification
//! (Ntfctn). An entry (Ntry) is one booking and may have several transactions (TxDtls), each of
//! which is a payment. The XML is read as a stream, by the paths of its elements; other elements
//! are ignored. A document type declaration, and with it every custom entity, is rejected, and so
//! are elements that are nested deeper than the standard allows.

mod entry;

use ::entity::money::Money;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use self::entry::{Account, Entry, Transaction, payments_of};
use super::{
    bgmax::org_number,
    iso20022::{Amount, Structured, attribute, day, is_credit, kronor, layout_of, resolved},
    reading::{Layout, Reading, SkipReason, SkippedPayment, within_bounds},
};
use crate::{config::OwnAccounts, error::TEXT};

/// Maximum nesting of elements; the standard's own go to 17.
const DEEPEST: usize = 30;
/// Maximum length of the name of an element, in bytes; the standard's own go to 35. Paths are
/// compared for each element, so that long names would take quadratic time.
const LONGEST_NAME: usize = 100;
/// The path to which the paths below are relative.
const ROOT: &str = "Document/BkToCstmrDbtCdtNtfctn";

/// Reads a file: its payments on these accounts, in kronor.
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
    /// Names of the open elements, separated by slashes.
    path: String,
    /// Length of the path before each of them.
    lengths: Vec<usize>,
    /// Text of the innermost element.
    text: String,
    account: Account,
    entry: Entry,
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
            // Each layout has its own element names.
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

    /// Returns the path relative to the root; empty outside of it.
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
            // Version 02 has the word itself, later ones have a code.
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
                // The amount that is paid, or that a credit note subtracts.
                if let code @ ("RMTD" | "CDTN") = std::mem::take(&mut own.type_code).as_str() {
                    own.remitted = Some(std::mem::take(&mut own.typed));
                    own.credited = code == "CDTN";
                }
            }),
            // Later versions have one more level.
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
        // Without a number of the account, each of its payments is an error of its own.
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
                .skipped
                .iter_mut()
                .filter(|payment| payment.line >= account.line)
                .for_each(|payment| payment.reason = SkipReason::Account);
            self.reading.skipped.extend(theirs.into_iter().map(|payment| SkippedPayment {
                line: payment.line,
                amount: payment.amount.to_string(),
                currency: "SEK".to_owned(),
                account: payment.account,
                reason: SkipReason::Account,
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
                self.reading.error(line, format!("ends a notification that states that it has {stated:?} {what}, but it has {found}"));
            }
        }
        let Some(credit_sum) = credit_sum else { return };
        if let Some(stated) =
            stated_credit_sum.filter(|stated| kronor(stated) != within_bounds(credit_sum))
        {
            let found = Money(credit_sum);
            self.reading
                .error(line, format!("ends a notification that states that its credit entries come to {stated:?}, but they come to {found}"));
        }
    }

    fn finish_entry(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        self.account.entries += 1;
        let Some(is_credit) = entry.is_credit else {
            self.reading.error(entry.line, "has an entry that is neither CRDT nor DBIT");
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
            self.reading.skipped.push(SkippedPayment {
                line: entry.line,
                amount: format!("{sign}{text}"),
                currency,
                account,
                reason: SkipReason::Currency,
            });
            return;
        };
        match payments_of(&mut self.account, entry, amount, is_credit) {
            Ok(payments) => self.reading.payments.extend(payments),
            Err((line, reason)) => self.reading.error(line, reason),
        }
    }

    /// Adds an outgoing payment, which may be a refund. Errors in it are ignored.
    fn pay_out(&mut self, entry: Entry, amount: Option<Money>) {
        let amount = amount.filter(|_| entry.amount.currency == "SEK");
        match amount.map(|amount| payments_of(&mut self.account, entry, amount, false)) {
            Some(Ok(payments)) => self.reading.outgoing.extend(payments),
            Some(Err(_)) | None => self.reading.passed_over += 1,
        }
    }

    /// Parses the amount of an entry. Returns `Some(None)` for an amount in another currency that
    /// has more decimals than kronor, and `None`, with an error, for an invalid one.
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
