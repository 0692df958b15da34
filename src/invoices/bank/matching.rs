//! Matching: which invoices a payment of the bank's file pays, by what its payer says.
//!
//! An OCR reference decides by itself, whatever the sum: its check digits guard against slips. An invoice's number in a text is
//! believed only when exactly that sum was to be paid, and the payer, when the bank says who it is, is the buyer. Anything in doubt waits for people.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    id::InvoiceId,
    invoice,
    kind::{BankFinding, InvoiceKind},
    member,
    money::Money,
    organisation,
};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query},
};

use super::super::booking::Booking;
use crate::{
    audit::Change,
    database::{among, among_words},
    error::Result,
};

/// A payment as the bank's file tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Where it stands in the file, as an editor counts.
    pub line: u64,
    /// What the bank knows it by, however many files tell of it.
    pub bank_reference: String,
    /// The account or giro that it came to.
    pub account: String,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// What came in; below nought for what the bank took back.
    pub amount: Money,
    /// The payer's references.
    pub references: Vec<Reference>,
    /// The payer's words; null: none.
    pub message: Option<String>,
    /// Who paid; null: the bank does not say.
    pub payer_name: Option<String>,
    /// Organisationsnummer of who paid, as `222000-1834`; null: the bank does not say, or it is a person.
    pub payer_org_number: Option<String>,
    /// Whether it undoes something that the bank did before.
    pub is_reversal: bool,
}

/// A reference that a payer gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// What it says.
    pub text: String,
    /// What of the payment is for it; null: the payer does not say. Below nought for a credit note that the payer makes use of.
    pub amount: Option<Money>,
}

/// What a bank payment is matched with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub finding: BankFinding,
    /// What is booked on each invoice; nothing when people must look at it.
    pub parts: BTreeMap<InvoiceId, Money>,
}

impl Verdict {
    fn waits(finding: BankFinding) -> Self {
        Self { finding, parts: BTreeMap::new() }
    }
}

/// The digits of an OCR reference without the blanks and hyphens that people put between them and the zeros that it begins with; null
/// for a text that is none.
#[must_use]
pub fn ocr_digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|char| !char.is_whitespace() && *char != '-').collect();
    let is_ocr = (2..=25).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = digits.trim_start_matches('0');
    (is_ocr && !digits.is_empty()).then(|| digits.to_owned())
}

/// What in a text may be an invoice's number: words of four signs and more with a digit among them.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|char: char| !char.is_alphanumeric() && char != '-').map(|word| word.trim_matches('-'));
    words.filter(|word| word.chars().count() >= 4 && word.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Invoices that a chunk's payments may mean.
#[derive(Default)]
pub(super) struct Known {
    by_ocr: HashMap<String, Vec<InvoiceId>>,
    by_number: HashMap<String, InvoiceId>,
    /// Organisation numbers of their buyers, as far as they have any.
    org_numbers: HashMap<InvoiceId, String>,
}

impl Known {
    /// Looks for what the payments say, in a handful of statements.
    pub async fn look_for(change: &Change, incoming: &[&Incoming]) -> Result<Self> {
        let texts = |incoming: &Incoming| -> Vec<String> {
            incoming.references.iter().map(|reference| reference.text.clone()).chain(incoming.message.clone()).collect()
        };
        let texts: Vec<String> = incoming.iter().flat_map(|incoming| texts(incoming)).collect();
        let ocrs: BTreeSet<String> = texts.iter().filter_map(|text| ocr_digits(text)).collect();
        let words: BTreeSet<&str> = texts.iter().flat_map(|text| numbers(text)).collect();
        let (tx, mut known) = (change.tx(), Self::default());
        let backend = tx.get_database_backend();
        let issued = || {
            Query::select()
                .from(invoice::Entity)
                .and_where(invoice::Column::Kind.eq(InvoiceKind::Invoice))
                .and_where(invoice::Column::IssuedOn.is_not_null())
                .take()
        };
        // The same expression as in the index.
        let digits = || Expr::expr(Func::cust("LTRIM").arg(Expr::col(invoice::Column::Ocr)).arg(Expr::cust("'0'")));
        let by_ocr = issued().columns([invoice::Column::Id]).expr(digits()).and_where(among_words(backend, digits(), &ocrs)).take();
        for row in tx.query_all(&by_ocr).await? {
            known.by_ocr.entry(row.try_get_by_index(1)?).or_default().push(row.try_get_by_index(0)?);
        }
        let number = Expr::col(invoice::Column::Number);
        let by_number =
            issued().columns([invoice::Column::Id, invoice::Column::Number]).and_where(among_words(backend, number, &words)).take();
        for row in tx.query_all(&by_number).await? {
            known.by_number.insert(row.try_get_by_index(1)?, row.try_get_by_index(0)?);
        }
        if incoming.iter().any(|incoming| incoming.payer_org_number.is_some()) {
            known.load_org_numbers(change).await?;
        }
        Ok(known)
    }

    async fn load_org_numbers(&mut self, change: &Change) -> Result<()> {
        let tx = change.tx();
        let own = || among(tx.get_database_backend(), Expr::col((invoice::Entity, invoice::Column::Id)), self.by_number.values().copied());
        let of_member = Query::select()
            .column((invoice::Entity, invoice::Column::Id))
            .column((member::Entity, member::Column::OrgNumber))
            .from(invoice::Entity)
            .inner_join(
                member::Entity,
                Expr::col((member::Entity, member::Column::Id)).equals((invoice::Entity, invoice::Column::MemberId)),
            )
            .and_where(own())
            .take();
        let joined = Expr::col((organisation::Entity, organisation::Column::Id)).equals((invoice::Entity, invoice::Column::OrganisationId));
        let of_other = Query::select()
            .column((invoice::Entity, invoice::Column::Id))
            .column((organisation::Entity, organisation::Column::OrgNumber))
            .from(invoice::Entity)
            .inner_join(organisation::Entity, joined)
            .and_where(own())
            .take();
        for select in [of_member, of_other] {
            for row in tx.query_all(&select).await? {
                if let Some(number) = row.try_get_by_index::<Option<String>>(1)? {
                    self.org_numbers.insert(row.try_get_by_index(0)?, number);
                }
            }
        }
        Ok(())
    }

    /// Every invoice among them.
    pub fn invoices(&self) -> BTreeSet<InvoiceId> {
        self.by_ocr.values().flatten().chain(self.by_number.values()).copied().collect()
    }

    /// The invoices that a reference may mean as an OCR reference.
    fn of_ocr(&self, text: &str) -> &[InvoiceId] {
        ocr_digits(text).and_then(|digits| self.by_ocr.get(&digits)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a payment is matched with, as the invoices stand with what has been booked before it.
pub(super) fn decide(incoming: &Incoming, known: &Known, booking: &Booking) -> Verdict {
    if incoming.amount < Money::ZERO || incoming.is_reversal {
        return Verdict::waits(BankFinding::NotIncoming);
    }
    let verdict = by_references(incoming, known, booking).unwrap_or_else(|| by_numbers(incoming, known, booking));
    let hinders = |(id, amount): (&InvoiceId, &Money)| !booking.obstacles(*id, incoming.booked_on, *amount).is_empty();
    if verdict.parts.iter().any(hinders) { Verdict::waits(BankFinding::BeforeIssue) } else { verdict }
}

/// By its OCR references; null when it has none that is an invoice's.
fn by_references(incoming: &Incoming, known: &Known, booking: &Booking) -> Option<Verdict> {
    let found: Vec<&[InvoiceId]> = incoming.references.iter().map(|reference| known.of_ocr(&reference.text)).collect();
    if found.iter().all(|invoices| invoices.is_empty()) {
        return None;
    }
    if found.iter().any(|invoices| invoices.is_empty()) {
        return Some(Verdict::waits(BankFinding::UnknownReference));
    }
    let Some(invoices) = found.iter().map(|invoices| if let [one] = invoices { Some(*one) } else { None }).collect::<Option<Vec<_>>>()
    else {
        return Some(Verdict::waits(BankFinding::Ambiguous));
    };
    if let [one] = invoices[..] {
        return Some(Verdict { finding: BankFinding::Ocr, parts: BTreeMap::from([(one, incoming.amount)]) });
    }
    Some(match split(incoming, &invoices, booking) {
        Some(parts) => Verdict { finding: BankFinding::References, parts },
        None => Verdict::waits(BankFinding::AmountDiffers),
    })
}

/// What of a payment is for each of several invoices: what the payer says, and what is left for the only one of which nothing is said,
/// or for all of those when it is just what is to be paid of them.
fn split(incoming: &Incoming, invoices: &[InvoiceId], booking: &Booking) -> Option<BTreeMap<InvoiceId, Money>> {
    let (mut parts, mut open, mut rest) = (BTreeMap::<InvoiceId, Money>::new(), BTreeSet::new(), incoming.amount);
    for (reference, invoice) in incoming.references.iter().zip(invoices) {
        match reference.amount {
            Some(amount) if amount > Money::ZERO => {
                *parts.entry(*invoice).or_default() += amount;
                rest = rest - amount;
            }
            // A credit note that the payer makes use of is for people.
            Some(amount) if amount < Money::ZERO => return None,
            _ => drop(open.insert(*invoice)),
        }
    }
    let wanted: Vec<_> = open.iter().map(|invoice| (*invoice, booking.outstanding(*invoice))).collect();
    match &wanted[..] {
        [] if rest == Money::ZERO => {}
        [(only, _)] if rest > Money::ZERO => *parts.entry(*only).or_default() += rest,
        [_, _, ..] if wanted.iter().all(|(_, sum)| *sum > Money::ZERO) && wanted.iter().map(|(_, sum)| *sum).sum::<Money>() == rest => {
            wanted.iter().for_each(|(invoice, sum)| *parts.entry(*invoice).or_default() += *sum);
        }
        _ => return None,
    }
    Some(parts)
}

/// By an invoice's number in its text.
fn by_numbers(incoming: &Incoming, known: &Known, booking: &Booking) -> Verdict {
    let texts = || incoming.references.iter().map(|reference| reference.text.as_str()).chain(incoming.message.as_deref());
    if texts().all(|text| !text.chars().any(|char| char.is_ascii_digit())) {
        return Verdict::waits(BankFinding::NoReference);
    }
    let named: BTreeSet<InvoiceId> = texts().flat_map(numbers).filter_map(|word| known.by_number.get(word).copied()).collect();
    let mut named = named.into_iter();
    let (Some(one), None) = (named.next(), named.next()) else {
        let is_unknown = texts().flat_map(numbers).all(|word| !known.by_number.contains_key(word));
        return Verdict::waits(if is_unknown { BankFinding::UnknownReference } else { BankFinding::Ambiguous });
    };
    let is_other = incoming.payer_org_number.as_ref().is_some_and(|payer| known.org_numbers.get(&one).is_some_and(|buyer| buyer != payer));
    if is_other {
        return Verdict::waits(BankFinding::Ambiguous);
    }
    if booking.outstanding(one) != incoming.amount {
        return Verdict::waits(BankFinding::AmountDiffers);
    }
    Verdict { finding: BankFinding::Number, parts: BTreeMap::from([(one, incoming.amount)]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ocr_reference_is_known_however_it_is_written() {
        for text in ["2022000109", "2022 0001 09", "00002022000109", "2022-000109", " 2022000109 "] {
            assert_eq!(ocr_digits(text).as_deref(), Some("2022000109"), "{text}");
        }
        for text in ["", "0", "00", "7", "12a", "Faktura 123", &"1".repeat(26), "١٢٣"] {
            assert_eq!(ocr_digits(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_words_with_digits_that_are_long_enough() {
        let found: Vec<_> = numbers("Faktura 2026-0042, kvartal 2 (avser K1041/1043); tack- 12-").collect();
        assert_eq!(found, ["2026-0042", "K1041", "1043"]);
    }
}
