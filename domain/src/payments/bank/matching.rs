//! Matching: which invoices a payment of the bank's file pays, by what its payer says.
//!
//! An OCR reference decides by itself, whatever the sum: its check digits guard against slips. In a
//! text it is believed only when exactly that sum was to be paid, and so is an invoice's number,
//! when the payer, if the bank says who it is, is the buyer. A credit note that the payer makes use
//! of is taken off what it pays of that note's own invoice. Anything in doubt waits for people.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    id::{BankPaymentId, InvoiceId},
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

use super::manual_payments::{ManualMatch, Part, Recorded};
use crate::invoices::posting::Booking;
use crate::{
    audit::Change,
    database::{among, among_words},
    error::Result,
};

/// A payment as the bank's file tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// What the bank knows it by, however many files tell of it.
    pub bank_reference: String,
    /// The account or giro that it came to.
    pub account: String,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// What came in; below nought for what the bank took back and for a deduction.
    pub amount: Money,
    /// The payer's references.
    pub references: Vec<Reference>,
    /// The payer's words; null: none.
    pub message: Option<String>,
    /// Who paid; null: the bank does not say.
    pub payer_name: Option<String>,
    /// Organisationsnummer of who paid, as `222000-1834`; null: the bank does not say, or it is a
    /// person.
    pub payer_org_number: Option<String>,
    /// Whether it undoes something that the bank did before.
    pub is_reversal: bool,
    /// Whether it is a credit note that the payer makes use of, taken off what else it pays in the
    /// same deposit.
    pub is_deduction: bool,
    /// The line of the first of those payments that this one must be looked at together with; null:
    /// it stands alone.
    pub belongs_with: Option<u64>,
    /// The bank's reference of the entry or deposit that it is one of the payments of; null: the
    /// bank gives none, or it is a total.
    pub entry_reference: Option<String>,
    /// The sum of that entry.
    pub entry_total: Money,
    /// `true` for an entry that the bank tells of without its payments.
    pub is_total: bool,
    /// The same money as other files report it.
    pub twin: Twin,
}

/// Relation of a payment to those that other files reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Twin {
    /// Nothing.
    #[default]
    None,
    /// It is the money of this bank payment.
    Same(BankPaymentId),
    /// It may be the money of another bank payment: people decide.
    Unclear,
    /// This bank payment told of it as a part of a total, for which its payments stand from now on.
    PartOf(BankPaymentId),
}

impl Incoming {
    /// Whether the two must be looked at together.
    #[must_use]
    pub fn belongs_together_with(&self, other: &Self) -> bool {
        self.belongs_with.is_some() && self.belongs_with == other.belongs_with
    }
}

/// A reference that a payer gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// What it says.
    pub text: String,
    /// What of the payment is for it; null: the payer does not say. Below nought for a credit note
    /// that the payer makes use of.
    pub amount: Option<Money>,
}

/// What a bank payment is matched with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub finding: BankFinding,
    /// What is booked on each invoice; nothing when people must look at it.
    pub parts: BTreeMap<InvoiceId, Money>,
    /// The numbers of the credit notes for which what is left of it pays no invoice.
    pub deducted: Vec<String>,
}

impl Verdict {
    fn waits(finding: BankFinding) -> Self {
        Self::pays(finding, BTreeMap::new())
    }

    fn pays(finding: BankFinding, parts: BTreeMap<InvoiceId, Money>) -> Self {
        Self { finding, parts, deducted: Vec::new() }
    }
}

/// The digits of an OCR reference without the blanks and hyphens that people put between them and
/// the zeros that it begins with; null for a text that is none.
#[must_use]
pub fn ocr_digits(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|char| !char.is_whitespace() && *char != '-').collect();
    let is_ocr =
        (2..=25).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = digits.trim_start_matches('0');
    (is_ocr && !digits.is_empty()).then(|| digits.to_owned())
}

/// What in a text may be an invoice's number: words of four signs and more with a digit among them.
pub fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let words = text
        .split(|char: char| !char.is_alphanumeric() && char != '-')
        .map(|word| word.trim_matches('-'));
    words.filter(|word| word.chars().count() >= 4 && word.bytes().any(|byte| byte.is_ascii_digit()))
}

/// What in a text may be an OCR reference: its lines, and the words that may be numbers.
pub fn ocrs(text: &str) -> impl Iterator<Item = String> {
    text.lines().chain(numbers(text)).filter_map(ocr_digits)
}

/// A credit note, as those who make use of it see it.
#[derive(Clone, Debug)]
struct CreditNote {
    number: String,
    /// The invoice that it credits.
    credits: InvoiceId,
    total: Money,
}

/// Invoices that a chunk's payments may mean.
#[derive(Default)]
pub(super) struct Known {
    by_ocr: HashMap<String, Vec<InvoiceId>>,
    by_number: HashMap<String, InvoiceId>,
    credit_notes: HashMap<String, CreditNote>,
    /// Organisation numbers of their buyers, as far as they have any.
    org_numbers: HashMap<InvoiceId, String>,
}

impl Known {
    /// Looks for what the payments say, in a handful of statements.
    pub async fn load(change: &Change, incoming: &[&Incoming]) -> Result<Self> {
        let texts = |incoming: &Incoming| -> Vec<String> {
            incoming
                .references
                .iter()
                .map(|reference| reference.text.clone())
                .chain(incoming.message.clone())
                .collect()
        };
        let texts: Vec<String> = incoming.iter().flat_map(|incoming| texts(incoming)).collect();
        let ocrs: BTreeSet<String> = texts.iter().flat_map(|text| ocrs(text)).collect();
        let words: BTreeSet<&str> = texts.iter().flat_map(|text| numbers(text)).collect();
        let (tx, mut known) = (change.tx(), Self::default());
        let backend = tx.get_database_backend();
        let issued = |kind: InvoiceKind| {
            Query::select()
                .from(invoice::Entity)
                .and_where(invoice::Column::Kind.eq(kind))
                .and_where(invoice::Column::IssuedOn.is_not_null())
                .take()
        };
        // The same expression as in the index.
        let digits = || {
            Expr::expr(
                Func::cust("LTRIM").arg(Expr::col(invoice::Column::Ocr)).arg(Expr::cust("'0'")),
            )
        };
        let by_ocr = issued(InvoiceKind::Invoice)
            .columns([invoice::Column::Id])
            .expr(digits())
            .and_where(among_words(backend, digits(), &ocrs))
            .take();
        for row in tx.query_all(&by_ocr).await? {
            known
                .by_ocr
                .entry(row.try_get_by_index(1)?)
                .or_default()
                .push(row.try_get_by_index(0)?);
        }
        let number = || Expr::col(invoice::Column::Number);
        let columns = [invoice::Column::Id, invoice::Column::Number];
        let by_number = issued(InvoiceKind::Invoice)
            .columns(columns)
            .and_where(among_words(backend, number(), &words))
            .take();
        for row in tx.query_all(&by_number).await? {
            known.by_number.insert(row.try_get_by_index(1)?, row.try_get_by_index(0)?);
        }
        let deducted: BTreeSet<&str> =
            incoming.iter().flat_map(|incoming| deducted(incoming)).map(|(note, _)| note).collect();
        if !deducted.is_empty() {
            let columns =
                [invoice::Column::Number, invoice::Column::CreditsId, invoice::Column::Total];
            let notes = issued(InvoiceKind::CreditNote)
                .columns(columns)
                .and_where(invoice::Column::CreditsId.is_not_null())
                .and_where(among_words(backend, number(), &deducted))
                .take();
            for row in tx.query_all(&notes).await? {
                let number: String = row.try_get_by_index(0)?;
                let note = CreditNote {
                    number: number.clone(),
                    credits: row.try_get_by_index(1)?,
                    total: row.try_get_by_index(2)?,
                };
                known.credit_notes.insert(number, note);
            }
        }
        if incoming.iter().any(|incoming| incoming.payer_org_number.is_some()) {
            known.load_org_numbers(change).await?;
        }
        Ok(known)
    }

    async fn load_org_numbers(&mut self, change: &Change) -> Result<()> {
        let tx = change.tx();
        let own = || {
            among(
                tx.get_database_backend(),
                Expr::col((invoice::Entity, invoice::Column::Id)),
                self.by_number.values().copied(),
            )
        };
        let of_member = Query::select()
            .column((invoice::Entity, invoice::Column::Id))
            .column((member::Entity, member::Column::OrgNumber))
            .from(invoice::Entity)
            .inner_join(
                member::Entity,
                Expr::col((member::Entity, member::Column::Id))
                    .equals((invoice::Entity, invoice::Column::MemberId)),
            )
            .and_where(own())
            .take();
        let joined = Expr::col((organisation::Entity, organisation::Column::Id))
            .equals((invoice::Entity, invoice::Column::OrganisationId));
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
        let credited = self.credit_notes.values().map(|note| &note.credits);
        self.by_ocr
            .values()
            .flatten()
            .chain(self.by_number.values())
            .chain(credited)
            .copied()
            .collect()
    }

    /// The credit notes that a payment makes use of and what it takes off for each; null when one
    /// of them is none, or not worth as much.
    fn deductions(&self, incoming: &Incoming) -> Option<Vec<(&CreditNote, Money)>> {
        let found = deducted(incoming).map(|(number, sum)| {
            Some((self.credit_notes.get(number).filter(|note| sum <= note.total)?, sum))
        });
        found.collect()
    }

    /// The invoices that a reference may mean as an OCR reference.
    fn of_ocr(&self, text: &str) -> &[InvoiceId] {
        ocr_digits(text)
            .and_then(|digits| self.by_ocr.get(&digits))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

/// What a payment takes off for credit notes, by what it calls each of them: all of a deduction,
/// and of another payment the references below nought.
fn deducted(incoming: &Incoming) -> impl Iterator<Item = (&str, Money)> {
    let sum = |reference: &Reference| {
        if incoming.is_deduction { Some(incoming.amount) } else { reference.amount }
    };
    let uses =
        incoming.references.iter().map(move |reference| (reference.text.as_str(), sum(reference)));
    uses.filter_map(|(text, sum)| Some((text, -sum.filter(|sum| *sum < Money::ZERO)?)))
}

/// How invoices stand while payments that go together are looked at: with what was booked before,
/// and with what is not booked yet.
struct Standing<'b> {
    booking: &'b Booking,
    recorded: &'b Recorded,
    ahead: HashMap<InvoiceId, Money>,
}

impl Standing<'_> {
    fn outstanding(&self, invoice: InvoiceId) -> Money {
        self.booking.outstanding(invoice) + self.ahead.get(&invoice).copied().unwrap_or_default()
    }

    /// What somebody recorded by hand of a part of a payment.
    fn recorded(&self, incoming: &Incoming, invoice: InvoiceId, amount: Money) -> ManualMatch {
        let part =
            Part { bank_reference: &incoming.bank_reference, day: incoming.booked_on, amount };
        self.booking
            .invoice(invoice)
            .map_or(ManualMatch::Nothing, |aggregate| self.recorded.of(aggregate, part))
    }
}

/// What each of some payments that go together is matched with, as the invoices stand with what has
/// been booked before them. All of them wait when what the payer deducts can't be taken off what it
/// pays of the credited invoices.
pub(super) fn decide(
    together: &[&Incoming],
    known: &Known,
    booking: &Booking,
    recorded: &Recorded,
) -> Vec<Verdict> {
    let all_wait = || together.iter().map(|_| Verdict::waits(BankFinding::Deduction)).collect();
    let deductions = || together.iter().filter(|incoming| incoming.is_deduction);
    let Some(used) =
        deductions().map(|incoming| known.deductions(incoming)).collect::<Option<Vec<_>>>()
    else {
        return all_wait();
    };
    // Each names its credit note, and no other.
    if used.iter().any(|notes| notes.len() != 1) {
        return all_wait();
    }
    let mut standing = Standing { booking, recorded, ahead: HashMap::new() };
    for (note, sum) in used.iter().flatten() {
        *standing.ahead.entry(note.credits).or_default() += *sum;
    }
    let mut verdicts: Vec<Verdict> = together
        .iter()
        .map(|incoming| {
            let verdict = if incoming.is_deduction {
                Verdict::waits(BankFinding::CreditNote)
            } else {
                decide_one(incoming, known, &standing)
            };
            for (invoice, sum) in &verdict.parts {
                let ahead = standing.ahead.entry(*invoice).or_default();
                *ahead = *ahead - *sum;
            }
            verdict
        })
        .collect();
    for (note, sum) in used.iter().flatten() {
        let payer = verdicts
            .iter_mut()
            .find(|verdict| verdict.parts.get(&note.credits).is_some_and(|part| part >= sum));
        let Some(payer) = payer else { return all_wait() };
        take_off(payer, note, *sum);
    }
    let is_unclear = |incoming: &Incoming, parts: &BTreeMap<InvoiceId, Money>| {
        parts.iter().any(|(invoice, sum)| {
            matches!(standing.recorded(incoming, *invoice, *sum), ManualMatch::Unclear(_))
        })
    };
    for (incoming, verdict) in together.iter().zip(&mut verdicts) {
        if incoming.is_deduction {
            verdict.deducted = deducted(incoming).map(|(number, _)| number.to_owned()).collect();
        } else if incoming.twin == Twin::Unclear || is_unclear(incoming, &verdict.parts) {
            if !verdict.deducted.is_empty() {
                return all_wait();
            }
            *verdict = Verdict::waits(BankFinding::Ambiguous);
        }
    }
    verdicts
}

fn take_off(verdict: &mut Verdict, note: &CreditNote, sum: Money) {
    if let Some(part) = verdict.parts.get_mut(&note.credits) {
        *part = *part - sum;
    }
    verdict.parts.retain(|_, part| *part != Money::ZERO);
    verdict.deducted.push(note.number.clone());
}

fn decide_one(incoming: &Incoming, known: &Known, standing: &Standing<'_>) -> Verdict {
    if incoming.amount < Money::ZERO || incoming.is_reversal {
        return Verdict::waits(BankFinding::NotIncoming);
    }
    let verdict = by_references(incoming, known, standing)
        .unwrap_or_else(|| by_text(incoming, known, standing));
    let hinders = |(id, amount): (&InvoiceId, &Money)| {
        !standing.booking.rejections(*id, incoming.booked_on, *amount).is_empty()
    };
    if verdict.parts.iter().any(hinders) {
        Verdict::waits(BankFinding::BeforeIssue)
    } else {
        verdict
    }
}

/// By its OCR references; null when it has none that is an invoice's.
fn by_references(incoming: &Incoming, known: &Known, standing: &Standing<'_>) -> Option<Verdict> {
    let claims: Vec<&Reference> = incoming
        .references
        .iter()
        .filter(|reference| reference.amount.is_none_or(|amount| amount > Money::ZERO))
        .collect();
    let found: Vec<&[InvoiceId]> =
        claims.iter().map(|reference| known.of_ocr(&reference.text)).collect();
    if found.iter().all(|invoices| invoices.is_empty()) {
        return None;
    }
    if found.iter().any(|invoices| invoices.is_empty()) {
        return Some(Verdict::waits(BankFinding::UnknownReference));
    }
    let Some(invoices) = found
        .iter()
        .map(|invoices| if let [one] = invoices { Some(*one) } else { None })
        .collect::<Option<Vec<_>>>()
    else {
        return Some(Verdict::waits(BankFinding::Ambiguous));
    };
    let Some(used) = known.deductions(incoming) else {
        return Some(Verdict::waits(BankFinding::Deduction));
    };
    if let ([one], []) = (&invoices[..], &used[..]) {
        return Some(Verdict::pays(BankFinding::Ocr, BTreeMap::from([(*one, incoming.amount)])));
    }
    let gross = incoming.amount + used.iter().map(|(_, sum)| *sum).sum();
    let claims: Vec<_> =
        invoices.into_iter().zip(claims.iter().map(|reference| reference.amount)).collect();
    let Some(mut parts) = split(gross, &claims, &used, standing) else {
        return Some(Verdict::waits(BankFinding::AmountDiffers));
    };
    for (note, sum) in &used {
        match parts.get_mut(&note.credits).filter(|part| **part > *sum) {
            Some(part) => *part = *part - *sum,
            None => return Some(Verdict::waits(BankFinding::Deduction)),
        }
    }
    Some(Verdict::pays(BankFinding::References, parts))
}

/// What of a payment is for each of several invoices: what the payer says, and what is left for the
/// only one of which nothing is said, or for all of those when it is just what is to be paid of
/// them. Credit notes that are made use of are not taken off yet.
fn split(
    gross: Money,
    claims: &[(InvoiceId, Option<Money>)],
    used: &[(&CreditNote, Money)],
    standing: &Standing<'_>,
) -> Option<BTreeMap<InvoiceId, Money>> {
    let (mut parts, mut open, mut rest) =
        (BTreeMap::<InvoiceId, Money>::new(), BTreeSet::new(), gross);
    for (invoice, amount) in claims {
        match amount {
            Some(amount) => {
                *parts.entry(*invoice).or_default() += *amount;
                rest = rest - *amount;
            }
            None => drop(open.insert(*invoice)),
        }
    }
    let credited = |invoice| {
        used.iter().filter(|(note, _)| note.credits == invoice).map(|(_, sum)| *sum).sum::<Money>()
    };
    let wanted: Vec<_> = open
        .iter()
        .map(|invoice| (*invoice, standing.outstanding(*invoice) + credited(*invoice)))
        .collect();
    match &wanted[..] {
        [] if rest == Money::ZERO => {}
        [(only, _)] if rest > Money::ZERO => *parts.entry(*only).or_default() += rest,
        [_, _, ..]
            if wanted.iter().all(|(_, sum)| *sum > Money::ZERO)
                && wanted.iter().map(|(_, sum)| *sum).sum::<Money>() == rest =>
        {
            wanted.iter().for_each(|(invoice, sum)| *parts.entry(*invoice).or_default() += *sum);
        }
        _ => return None,
    }
    Some(parts)
}

/// By an OCR reference or an invoice's number in its text.
fn by_text(incoming: &Incoming, known: &Known, standing: &Standing<'_>) -> Verdict {
    let texts = || {
        incoming
            .references
            .iter()
            .map(|reference| reference.text.as_str())
            .chain(incoming.message.as_deref())
    };
    if texts().all(|text| !text.chars().any(|char| char.is_ascii_digit())) {
        return Verdict::waits(BankFinding::NoReference);
    }
    let by_ocr: BTreeSet<InvoiceId> = texts()
        .flat_map(ocrs)
        .filter_map(|digits| known.by_ocr.get(&digits))
        .flatten()
        .copied()
        .collect();
    let by_number: BTreeSet<InvoiceId> =
        texts().flat_map(numbers).filter_map(|word| known.by_number.get(word).copied()).collect();
    let mut named = by_ocr.union(&by_number).copied();
    let (Some(one), None) = (named.next(), named.next()) else {
        return Verdict::waits(if by_ocr.is_empty() && by_number.is_empty() {
            BankFinding::UnknownReference
        } else {
            BankFinding::Ambiguous
        });
    };
    let finding = if by_ocr.is_empty() { BankFinding::Number } else { BankFinding::Ocr };
    let is_other = incoming
        .payer_org_number
        .as_ref()
        .is_some_and(|payer| known.org_numbers.get(&one).is_some_and(|buyer| buyer != payer));
    if is_other && finding == BankFinding::Number {
        return Verdict::waits(BankFinding::Ambiguous);
    }
    let is_recorded = || standing.recorded(incoming, one, incoming.amount) != ManualMatch::Nothing;
    if standing.outstanding(one) != incoming.amount && !is_recorded() {
        return Verdict::waits(BankFinding::AmountDiffers);
    }
    Verdict::pays(finding, BTreeMap::from([(one, incoming.amount)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ocr_reference_is_known_however_it_is_written() {
        for text in ["2022000109", "2022 0001 09", "00002022000109", "2022-000109", " 2022000109 "]
        {
            assert_eq!(ocr_digits(text).as_deref(), Some("2022000109"), "{text}");
        }
        for text in ["", "0", "00", "7", "12a", "Faktura 123", &"1".repeat(26), "١٢٣"] {
            assert_eq!(ocr_digits(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_words_with_digits_that_are_long_enough() {
        let found: Vec<_> =
            numbers("Faktura 2026-0042, kvartal 2 (avser K1041/1043); tack- 12-").collect();
        assert_eq!(found, ["2026-0042", "K1041", "1043"]);
    }
}
