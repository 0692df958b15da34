//! An entry of a statement or notification, and its payments.

use std::collections::HashMap;

use ::entity::money::Money;
use chrono::NaiveDate;

use super::super::iso20022::{Amount, References, Structured, kronor, said};
use crate::{
    error::LINE,
    payments::bank::incoming::{Incoming, Reference},
};

/// Number of characters that are reserved in a reference for its ordinal among equal ones.
const POSITION: usize = 10;

/// The account of a notification, and the totals that the notification states.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub is_found: bool,
    pub line: u64,
    pub id: String,
    /// The scheme of its number, as `BGNR`; `None` for an IBAN.
    pub scheme: Option<String>,
    /// Number of payments that were read before it, incoming and outgoing.
    pub before: (usize, usize),
    /// The bank's id of the notification.
    pub notification: Option<String>,
    /// Number of occurrences of each reference.
    pub seen: HashMap<String, u64>,
    pub entries: u64,
    pub credits: u64,
    /// `None` if an amount is not in whole öre.
    pub credit_sum: Option<i64>,
    pub stated_entries: Option<String>,
    pub stated_credits: Option<String>,
    pub stated_credit_sum: Option<String>,
}

/// An entry.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub line: u64,
    pub amount: Amount,
    pub is_credit: Option<bool>,
    pub is_reversal: bool,
    pub status: String,
    pub booked_on: Option<NaiveDate>,
    pub value_on: Option<NaiveDate>,
    pub references: References,
    /// The number of transactions that each of its parts (NtryDtls) states.
    pub stated_counts: Vec<String>,
    pub transactions: Vec<Transaction>,
}

/// A transaction of an entry.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub line: u64,
    pub amount: Option<Amount>,
    /// Its own direction; `None` for that of its entry.
    pub is_credit: Option<bool>,
    pub references: References,
    pub structured: Vec<Structured>,
    pub message: Vec<String>,
    pub payer_name: Option<String>,
    pub payer_org_number: Option<String>,
}

impl Entry {
    /// `true` if it has incoming and outgoing transactions; its own direction is then that of their
    /// sum.
    pub fn is_mixed(&self) -> bool {
        let has = |direction| self.transactions.iter().any(|own| own.is_credit == Some(direction));
        has(true) && has(false)
    }
}

/// Returns the payments of an entry: its transactions, or the entry itself if it lists none. Fails
/// with the line and the reason if they can't be read.
pub(super) fn payments_of(
    account: &mut Account,
    entry: Entry,
    total: Money,
    is_credit: bool,
) -> Result<Vec<Incoming>, (u64, String)> {
    let at = entry.line;
    let Some(booked_on) = entry.booked_on.or(entry.value_on) else {
        return Err((at, "has an entry without a day (BookgDt)".into()));
    };
    check_count(&entry)?;
    let mut transactions = entry.transactions;
    let is_total = transactions.is_empty();
    if transactions.is_empty() {
        transactions.push(Transaction { line: at, ..Transaction::default() });
    }
    let is_alone = transactions.len() == 1;
    // Some banks state the direction of the reversed transaction.
    let has_first_direction =
        entry.is_reversal && transactions.iter().all(|own| own.is_credit == Some(!is_credit));
    let signed = |amount: Money, is_credit: bool| if is_credit { amount } else { -amount };
    let entry_reference = entry
        .references
        .of_bank()
        .filter(|_| !is_total)
        .map(|of_entry| account.reference(booked_on, [of_entry]));
    let (mut payments, mut sum) = (Vec::with_capacity(transactions.len()), 0_i64);
    for own in transactions {
        let amount = amount_of(&own, total, is_alone)?;
        let amount =
            signed(amount, own.is_credit.filter(|_| !has_first_direction).unwrap_or(is_credit));
        sum = sum.saturating_add(amount.0);
        let Some(bank_reference) =
            account.bank_reference(booked_on, &entry.references, &own.references)
        else {
            return Err((
                own.line,
                "has a payment without a reference of the bank (AcctSvcrRef), which identifies it"
                    .into(),
            ));
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

/// Checks the number of transactions that an entry states.
fn check_count(entry: &Entry) -> Result<(), (u64, String)> {
    let count = entry.transactions.len();
    let stated = entry
        .stated_counts
        .iter()
        .try_fold(0_usize, |sum, stated| sum.checked_add(stated.parse().ok()?));
    if count > 0 && !entry.stated_counts.is_empty() && stated != Some(count) {
        let stated = entry.stated_counts.join("\" and \"");
        return Err((
            entry.line,
            format!(
                "has an entry that states that it has \"{stated}\" transactions, but it has {count}"
            ),
        ));
    }
    Ok(())
}

/// Returns the amount of a transaction, in kronor. `total` is the amount of its entry.
fn amount_of(own: &Transaction, total: Money, is_alone: bool) -> Result<Money, (u64, String)> {
    let amount = match &own.amount {
        Some(amount) if amount.currency == "SEK" => kronor(&amount.text),
        // An amount in another currency is what a payer abroad paid; the entry has it in kronor.
        _ if is_alone => Some(total),
        _ => None,
    };
    amount.filter(|amount| *amount > Money::ZERO).ok_or_else(|| {
        (own.line, "has a transaction without an amount in kronor above zero".to_owned())
    })
}

impl Account {
    /// Returns the reference that identifies a transaction of an entry in any file; `None` if
    /// nothing distinguishes it from others. A reference that is not the bank's own is unique only
    /// together with the notification's id.
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

    /// Returns the reference of a booking of a day, made of the bank's references.
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

/// Returns the payer's references with their amounts.
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
