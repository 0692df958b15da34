//! Matching of bank payments with invoices by the payer's references and message.
//!
//! An OCR reference is decisive, independent of the sum, since its check digits detect slips. In a
//! message it counts only if exactly that sum was to be paid. The same holds for an invoice number,
//! and the payer, if the bank reports it, must be the buyer. A credit note that the payer deducts
//! reduces what it pays of the credited invoice. In doubt, the payment waits for a user.

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

use super::manual_payments::{ManualMatch, ManualPayments, Part};
use crate::invoices::posting::Booking;
use crate::{
    audit::Change,
    database::{among, among_words},
    error::Result,
};

/// A payment as reported by a bank file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Line of the file, counted from 1.
    pub line: u64,
    /// The bank's reference: the same in every file that reports the payment.
    pub bank_reference: String,
    /// The credited account or giro.
    pub account: String,
    /// Day in the bank.
    pub booked_on: NaiveDate,
    /// Incoming amount, öre; negative for a return by the bank and for a deduction.
    pub amount: Money,
    /// The payer's references.
    pub references: Vec<Reference>,
    /// The payer's message; null: none.
    pub message: Option<String>,
    /// Name of the payer; null: not reported by the bank.
    pub payer_name: Option<String>,
    /// Organisationsnummer of the payer, as `222000-1834`; null: not reported by the bank, or the
    /// payer is a person.
    pub payer_org_number: Option<String>,
    /// `true` if it reverses an earlier entry of the bank.
    pub is_reversal: bool,
    /// `true` if it is a credit note that the payer deducts from its other payments in the same
    /// deposit.
    pub is_deduction: bool,
    /// Line of the first payment of the group that must be matched together; null: it is matched
    /// alone.
    pub belongs_with: Option<u64>,
    /// The bank's reference of its entry or deposit; null: the bank reports none, or it is a total.
    pub entry_reference: Option<String>,
    /// Sum of that entry, öre.
    pub entry_total: Money,
    /// `true` for an entry that is reported without its payments.
    pub is_total: bool,
    /// The same money as other files report it.
    pub duplication: Duplication,
}

/// Relation of a payment to payments that other files reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duplication {
    /// Nothing.
    #[default]
    None,
    /// The same money as this bank payment.
    Same(BankPaymentId),
    /// Possibly the same money as another bank payment: a user decides.
    Unclear,
    /// Part of this bank payment, which reported it as a total; its payments stand for it from now
    /// on.
    PartOf(BankPaymentId),
}

impl Incoming {
    /// `true` if the two must be matched together.
    #[must_use]
    pub fn belongs_together_with(&self, other: &Self) -> bool {
        self.belongs_with.is_some() && self.belongs_with == other.belongs_with
    }
}

/// A reference stated by a payer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Text of the reference.
    pub text: String,
    /// Part of the payment for this reference; null: not stated. Negative for a credit note that
    /// the payer deducts.
    pub amount: Option<Money>,
}

/// Result of matching a bank payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MatchDecision {
    pub finding: BankFinding,
    /// Sum to book on each invoice; empty if the payment waits for a user.
    pub parts: BTreeMap<InvoiceId, Money>,
    /// Numbers of the deducted credit notes that account for the unmatched rest.
    pub deducted: Vec<String>,
}

impl MatchDecision {
    fn waits(finding: BankFinding) -> Self {
        Self::pays(finding, BTreeMap::new())
    }

    fn pays(finding: BankFinding, parts: BTreeMap<InvoiceId, Money>) -> Self {
        Self { finding, parts, deducted: Vec::new() }
    }
}

/// Returns the digits of an OCR reference without blanks, hyphens and leading zeros; `None` for a
/// text that is no OCR reference.
#[must_use]
pub fn ocr_digits(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|char| !char.is_whitespace() && *char != '-').collect();
    let is_ocr =
        (2..=25).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let digits = digits.trim_start_matches('0');
    (is_ocr && !digits.is_empty()).then(|| digits.to_owned())
}

/// Returns the words of a text that may be invoice numbers: at least four characters with a digit
/// among them.
pub fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let words = text
        .split(|char: char| !char.is_alphanumeric() && char != '-')
        .map(|word| word.trim_matches('-'));
    words.filter(|word| word.chars().count() >= 4 && word.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Returns the parts of a text that may be OCR references: its lines, and the words that may be
/// numbers.
pub fn ocrs(text: &str) -> impl Iterator<Item = String> {
    text.lines().chain(numbers(text)).filter_map(ocr_digits)
}

/// A credit note with the facts that deductions need.
#[derive(Clone, Debug)]
struct CreditNote {
    number: String,
    /// The credited invoice.
    credits: InvoiceId,
    total: Money,
}

/// Invoices that the payments of a chunk may refer to.
#[derive(Default)]
pub(super) struct Candidates {
    by_ocr: HashMap<String, Vec<InvoiceId>>,
    by_number: HashMap<String, InvoiceId>,
    credit_notes: HashMap<String, CreditNote>,
    /// Organisation numbers of the buyers, if they have one.
    org_numbers: HashMap<InvoiceId, String>,
}

impl Candidates {
    /// Loads the invoices and credit notes that the payments refer to, with a constant number of
    /// statements.
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
        let (tx, mut candidates) = (change.tx(), Self::default());
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
            candidates
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
            candidates.by_number.insert(row.try_get_by_index(1)?, row.try_get_by_index(0)?);
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
                candidates.credit_notes.insert(number, note);
            }
        }
        if incoming.iter().any(|incoming| incoming.payer_org_number.is_some()) {
            candidates.load_org_numbers(change).await?;
        }
        Ok(candidates)
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

    /// Returns every invoice among them.
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

    /// Returns the credit notes that a payment deducts, with the deducted sums; `None` if one of
    /// them does not exist or is worth less.
    fn deductions(&self, incoming: &Incoming) -> Option<Vec<(&CreditNote, Money)>> {
        let found = deducted(incoming).map(|(number, sum)| {
            Some((self.credit_notes.get(number).filter(|note| sum <= note.total)?, sum))
        });
        found.collect()
    }

    /// Returns the invoices that a text may mean as an OCR reference.
    fn of_ocr(&self, text: &str) -> &[InvoiceId] {
        ocr_digits(text)
            .and_then(|digits| self.by_ocr.get(&digits))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

/// Returns the deductions of a payment, with the text that names each credit note: the whole amount
/// of a deduction row, and the negative references of another payment.
fn deducted(incoming: &Incoming) -> impl Iterator<Item = (&str, Money)> {
    let sum = |reference: &Reference| {
        if incoming.is_deduction { Some(incoming.amount) } else { reference.amount }
    };
    let uses =
        incoming.references.iter().map(move |reference| (reference.text.as_str(), sum(reference)));
    uses.filter_map(|(text, sum)| Some((text, -sum.filter(|sum| *sum < Money::ZERO)?)))
}

/// Outstanding sums of invoices while a group of payments is matched: after earlier bookings, and
/// after parts that are not booked yet.
struct OpenSums<'b> {
    booking: &'b Booking,
    recorded: &'b ManualPayments,
    ahead: HashMap<InvoiceId, Money>,
}

impl OpenSums<'_> {
    fn outstanding(&self, invoice: InvoiceId) -> Money {
        self.booking.outstanding(invoice) + self.ahead.get(&invoice).copied().unwrap_or_default()
    }

    /// Returns the manually recorded payment that matches a part of a payment.
    fn recorded(&self, incoming: &Incoming, invoice: InvoiceId, amount: Money) -> ManualMatch {
        let part =
            Part { bank_reference: &incoming.bank_reference, day: incoming.booked_on, amount };
        self.booking
            .invoice(invoice)
            .map_or(ManualMatch::Nothing, |aggregate| self.recorded.of(aggregate, part))
    }
}

/// Decides the matches of a group of payments, by the invoices after earlier bookings. The entire
/// group waits if the payer's deductions exceed what it pays of the credited invoices.
pub(super) fn decide(
    together: &[&Incoming],
    candidates: &Candidates,
    booking: &Booking,
    recorded: &ManualPayments,
) -> Vec<MatchDecision> {
    let all_wait =
        || together.iter().map(|_| MatchDecision::waits(BankFinding::Deduction)).collect();
    let deductions = || together.iter().filter(|incoming| incoming.is_deduction);
    let Some(used) =
        deductions().map(|incoming| candidates.deductions(incoming)).collect::<Option<Vec<_>>>()
    else {
        return all_wait();
    };
    // Each names exactly one credit note.
    if used.iter().any(|notes| notes.len() != 1) {
        return all_wait();
    }
    let mut open_sums = OpenSums { booking, recorded, ahead: HashMap::new() };
    for (note, sum) in used.iter().flatten() {
        *open_sums.ahead.entry(note.credits).or_default() += *sum;
    }
    let mut decisions: Vec<MatchDecision> = together
        .iter()
        .map(|incoming| {
            let decision = if incoming.is_deduction {
                MatchDecision::waits(BankFinding::CreditNote)
            } else {
                decide_one(incoming, candidates, &open_sums)
            };
            for (invoice, sum) in &decision.parts {
                let ahead = open_sums.ahead.entry(*invoice).or_default();
                *ahead = *ahead - *sum;
            }
            decision
        })
        .collect();
    for (note, sum) in used.iter().flatten() {
        let payer = decisions
            .iter_mut()
            .find(|decision| decision.parts.get(&note.credits).is_some_and(|part| part >= sum));
        let Some(payer) = payer else { return all_wait() };
        take_off(payer, note, *sum);
    }
    let is_unclear = |incoming: &Incoming, parts: &BTreeMap<InvoiceId, Money>| {
        parts.iter().any(|(invoice, sum)| {
            matches!(open_sums.recorded(incoming, *invoice, *sum), ManualMatch::Unclear(_))
        })
    };
    for (incoming, decision) in together.iter().zip(&mut decisions) {
        if incoming.is_deduction {
            decision.deducted = deducted(incoming).map(|(number, _)| number.to_owned()).collect();
        } else if incoming.duplication == Duplication::Unclear
            || is_unclear(incoming, &decision.parts)
        {
            if !decision.deducted.is_empty() {
                return all_wait();
            }
            *decision = MatchDecision::waits(BankFinding::Ambiguous);
        }
    }
    decisions
}

fn take_off(decision: &mut MatchDecision, note: &CreditNote, sum: Money) {
    if let Some(part) = decision.parts.get_mut(&note.credits) {
        *part = *part - sum;
    }
    decision.parts.retain(|_, part| *part != Money::ZERO);
    decision.deducted.push(note.number.clone());
}

fn decide_one(
    incoming: &Incoming,
    candidates: &Candidates,
    open_sums: &OpenSums<'_>,
) -> MatchDecision {
    if incoming.amount < Money::ZERO || incoming.is_reversal {
        return MatchDecision::waits(BankFinding::NotIncoming);
    }
    let decision = by_references(incoming, candidates, open_sums)
        .unwrap_or_else(|| by_text(incoming, candidates, open_sums));
    let hinders = |(id, amount): (&InvoiceId, &Money)| {
        !open_sums.booking.rejections(*id, incoming.booked_on, *amount).is_empty()
    };
    if decision.parts.iter().any(hinders) {
        MatchDecision::waits(BankFinding::BeforeIssue)
    } else {
        decision
    }
}

/// Matches by OCR references; `None` if no reference belongs to an invoice.
fn by_references(
    incoming: &Incoming,
    candidates: &Candidates,
    open_sums: &OpenSums<'_>,
) -> Option<MatchDecision> {
    let claims: Vec<&Reference> = incoming
        .references
        .iter()
        .filter(|reference| reference.amount.is_none_or(|amount| amount > Money::ZERO))
        .collect();
    let found: Vec<&[InvoiceId]> =
        claims.iter().map(|reference| candidates.of_ocr(&reference.text)).collect();
    if found.iter().all(|invoices| invoices.is_empty()) {
        return None;
    }
    if found.iter().any(|invoices| invoices.is_empty()) {
        return Some(MatchDecision::waits(BankFinding::UnknownReference));
    }
    let Some(invoices) = found
        .iter()
        .map(|invoices| if let [one] = invoices { Some(*one) } else { None })
        .collect::<Option<Vec<_>>>()
    else {
        return Some(MatchDecision::waits(BankFinding::Ambiguous));
    };
    let Some(used) = candidates.deductions(incoming) else {
        return Some(MatchDecision::waits(BankFinding::Deduction));
    };
    if let ([one], []) = (&invoices[..], &used[..]) {
        return Some(MatchDecision::pays(
            BankFinding::Ocr,
            BTreeMap::from([(*one, incoming.amount)]),
        ));
    }
    let gross = incoming.amount + used.iter().map(|(_, sum)| *sum).sum();
    let claims: Vec<_> =
        invoices.into_iter().zip(claims.iter().map(|reference| reference.amount)).collect();
    let Some(mut parts) = split(gross, &claims, &used, open_sums) else {
        return Some(MatchDecision::waits(BankFinding::AmountDiffers));
    };
    for (note, sum) in &used {
        match parts.get_mut(&note.credits).filter(|part| **part > *sum) {
            Some(part) => *part = *part - *sum,
            None => return Some(MatchDecision::waits(BankFinding::Deduction)),
        }
    }
    Some(MatchDecision::pays(BankFinding::References, parts))
}

/// Divides a payment among several invoices: by the stated parts, and the rest to the only invoice
/// without a stated part, or to all of them if the rest is exactly their outstanding sum.
/// Deductions are not subtracted yet.
fn split(
    gross: Money,
    claims: &[(InvoiceId, Option<Money>)],
    used: &[(&CreditNote, Money)],
    open_sums: &OpenSums<'_>,
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
        .map(|invoice| (*invoice, open_sums.outstanding(*invoice) + credited(*invoice)))
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

/// Matches by an OCR reference or an invoice number in the message.
fn by_text(
    incoming: &Incoming,
    candidates: &Candidates,
    open_sums: &OpenSums<'_>,
) -> MatchDecision {
    let texts = || {
        incoming
            .references
            .iter()
            .map(|reference| reference.text.as_str())
            .chain(incoming.message.as_deref())
    };
    if texts().all(|text| !text.chars().any(|char| char.is_ascii_digit())) {
        return MatchDecision::waits(BankFinding::NoReference);
    }
    let by_ocr: BTreeSet<InvoiceId> = texts()
        .flat_map(ocrs)
        .filter_map(|digits| candidates.by_ocr.get(&digits))
        .flatten()
        .copied()
        .collect();
    let by_number: BTreeSet<InvoiceId> = texts()
        .flat_map(numbers)
        .filter_map(|word| candidates.by_number.get(word).copied())
        .collect();
    let mut named = by_ocr.union(&by_number).copied();
    let (Some(one), None) = (named.next(), named.next()) else {
        return MatchDecision::waits(if by_ocr.is_empty() && by_number.is_empty() {
            BankFinding::UnknownReference
        } else {
            BankFinding::Ambiguous
        });
    };
    let finding = if by_ocr.is_empty() { BankFinding::Number } else { BankFinding::Ocr };
    let is_other = incoming
        .payer_org_number
        .as_ref()
        .is_some_and(|payer| candidates.org_numbers.get(&one).is_some_and(|buyer| buyer != payer));
    if is_other && finding == BankFinding::Number {
        return MatchDecision::waits(BankFinding::Ambiguous);
    }
    let is_recorded = || open_sums.recorded(incoming, one, incoming.amount) != ManualMatch::Nothing;
    if open_sums.outstanding(one) != incoming.amount && !is_recorded() {
        return MatchDecision::waits(BankFinding::AmountDiffers);
    }
    MatchDecision::pays(finding, BTreeMap::from([(one, incoming.amount)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ocr_reference_is_recognized_in_any_notation() {
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
