//! Matching of bank payments with invoices by the payer's references and message.
//!
//! An OCR reference is decisive, independent of the sum, since its check digits detect slips. In a
//! message it counts only if exactly that sum was to be paid. The same holds for an invoice number,
//! and the payer, if the bank reports it, must be the buyer. A credit note that the payer deducts
//! reduces what it pays of the credited invoice. In doubt, the payment waits for a user.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{id::InvoiceId, kind::BankFinding, money::Money};

use super::{
    candidates::{Candidates, CreditNote, deducted},
    incoming::{Duplication, Incoming, Reference},
    manual_payments::{ManualMatch, ManualPayments, Part},
    payer_references::{numbers, ocrs},
};
use crate::invoices::{
    adjustments::uncovered, aggregate::InvoiceAggregate, payment_rejections::rejections,
};

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

/// Outstanding sums of invoices while a group of payments is matched: after earlier bookings, and
/// after parts that are not booked yet.
struct OpenSums<'b> {
    invoices: &'b HashMap<InvoiceId, InvoiceAggregate>,
    recorded: &'b ManualPayments,
    ahead: HashMap<InvoiceId, Money>,
}

impl OpenSums<'_> {
    fn outstanding(&self, invoice: InvoiceId) -> Money {
        let open =
            self.invoices.get(&invoice).map_or(Money::ZERO, |own| uncovered(own, own.row.credited));
        open + self.ahead.get(&invoice).copied().unwrap_or_default()
    }

    /// Returns the manually recorded payment that matches a part of a payment.
    fn recorded(&self, incoming: &Incoming, invoice: InvoiceId, amount: Money) -> ManualMatch {
        let part =
            Part { bank_reference: &incoming.bank_reference, day: incoming.booked_on, amount };
        self.invoices
            .get(&invoice)
            .map_or(ManualMatch::Nothing, |aggregate| self.recorded.of(aggregate, part))
    }
}

/// Decides the matches of a group of payments, by the invoices after earlier bookings. The entire
/// group waits if the payer's deductions exceed what it pays of the credited invoices.
pub(super) fn decide(
    together: &[&Incoming],
    candidates: &Candidates,
    invoices: &HashMap<InvoiceId, InvoiceAggregate>,
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
    let mut open_sums = OpenSums { invoices, recorded, ahead: HashMap::new() };
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
        let invoice = open_sums.invoices.get(id);
        invoice.is_some_and(|own| !rejections(own, incoming.booked_on, *amount).is_empty())
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
    use ::entity::invoice;
    use chrono::NaiveDate;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Two issued invoices of 100.00 and 50.00, and a credit note of 20.00 of the first one.
    struct Register {
        one: InvoiceId,
        two: InvoiceId,
        candidates: Candidates,
        invoices: HashMap<InvoiceId, InvoiceAggregate>,
    }

    impl Register {
        fn new() -> Self {
            let (one, two) = (InvoiceId::new(), InvoiceId::new());
            let mut candidates = Candidates::default();
            let mut invoices = HashMap::new();
            for (id, number, ore) in [(one, "20260001", 10_000), (two, "20260002", 5_000)] {
                candidates.by_ocr.insert(format!("{number}9"), vec![id]);
                candidates.by_number.insert(number.to_owned(), id);
                candidates.org_numbers.insert(id, "222000-1834".to_owned());
                let row = invoice::Model {
                    id,
                    total: Money(ore),
                    issued_on: Some(day("2026-11-01")),
                    ..invoice::Model::default()
                };
                invoices.insert(id, InvoiceAggregate { row, ..InvoiceAggregate::default() });
            }
            let note = CreditNote { number: "20260003".into(), credits: one, total: Money(2_000) };
            candidates.credit_notes.insert(note.number.clone(), note);
            Self { one, two, candidates, invoices }
        }

        /// Returns the finding of a single payment, and the sums that it pays of the two invoices.
        fn decide(&self, incoming: &Incoming) -> (BankFinding, [i64; 2]) {
            self.decide_all(&[incoming]).remove(0)
        }

        fn decide_all(&self, together: &[&Incoming]) -> Vec<(BankFinding, [i64; 2])> {
            let recorded = ManualPayments::default();
            let found = decide(together, &self.candidates, &self.invoices, &recorded);
            let sum = |decision: &MatchDecision, id: InvoiceId| {
                decision.parts.get(&id).copied().unwrap_or_default().0
            };
            let of = |own: MatchDecision| (own.finding, [sum(&own, self.one), sum(&own, self.two)]);
            found.into_iter().map(of).collect()
        }
    }

    fn paid(ore: i64, references: &[(&str, Option<i64>)], message: &str) -> Incoming {
        let reference = |(text, ore): &(&str, Option<i64>)| Reference {
            text: (*text).to_owned(),
            amount: ore.map(Money),
        };
        Incoming {
            amount: Money(ore),
            booked_on: day("2026-11-18"),
            references: references.iter().map(reference).collect(),
            message: Some(message.to_owned()).filter(|text| !text.is_empty()),
            ..Incoming::default()
        }
    }

    #[test]
    fn an_ocr_reference_decides_and_a_message_needs_the_exact_sum() {
        let register = Register::new();
        let ocr = [("202600019", None)];
        for (incoming, expected) in [
            (paid(10_000, &ocr, ""), (BankFinding::Ocr, [10_000, 0])),
            (paid(1, &ocr, ""), (BankFinding::Ocr, [1, 0])),
            (paid(10_000, &[], "202600019"), (BankFinding::Ocr, [10_000, 0])),
            (paid(9_999, &[], "202600019"), (BankFinding::AmountDiffers, [0, 0])),
            (paid(10_000, &[], "Faktura 20260001"), (BankFinding::Number, [10_000, 0])),
            (paid(9_999, &[], "Faktura 20260001"), (BankFinding::AmountDiffers, [0, 0])),
            (paid(15_000, &[], "20260001 20260002"), (BankFinding::Ambiguous, [0, 0])),
            (paid(10_000, &[], "Faktura 20269999"), (BankFinding::UnknownReference, [0, 0])),
            (paid(10_000, &[("777777", None)], ""), (BankFinding::UnknownReference, [0, 0])),
            (paid(10_000, &[], "Tack"), (BankFinding::NoReference, [0, 0])),
            (paid(-10_000, &ocr, ""), (BankFinding::NotIncoming, [0, 0])),
        ] {
            assert_eq!(register.decide(&incoming), expected, "{incoming:?}");
        }
        let early = Incoming { booked_on: day("2026-10-31"), ..paid(10_000, &ocr, "") };
        assert_eq!(register.decide(&early), (BankFinding::BeforeIssue, [0, 0]));
        let unclear = Incoming { duplication: Duplication::Unclear, ..paid(10_000, &ocr, "") };
        assert_eq!(register.decide(&unclear), (BankFinding::Ambiguous, [0, 0]));
    }

    #[test]
    fn a_payer_who_is_not_the_buyer_waits_unless_the_ocr_reference_is_stated() {
        let register = Register::new();
        let by = |number: &str, message: &str| {
            let payer_org_number = Some(number.to_owned());
            register.decide(&Incoming { payer_org_number, ..paid(10_000, &[], message) }).0
        };
        assert_eq!(by("222000-1834", "20260001"), BankFinding::Number);
        assert_eq!(by("222000-2568", "20260001"), BankFinding::Ambiguous);
        assert_eq!(by("222000-2568", "202600019"), BankFinding::Ocr);
    }

    #[test]
    fn several_references_are_paid_by_their_parts() {
        let register = Register::new();
        let (one, two) = ("202600019", "202600029");
        for (ore, parts, expected) in [
            (15_000, [None, None], (BankFinding::References, [10_000, 5_000])),
            (14_999, [None, None], (BankFinding::AmountDiffers, [0, 0])),
            (14_000, [Some(9_000), Some(5_000)], (BankFinding::References, [9_000, 5_000])),
            (14_001, [Some(9_000), Some(5_000)], (BankFinding::AmountDiffers, [0, 0])),
            (12_000, [Some(9_000), None], (BankFinding::References, [9_000, 3_000])),
            (9_000, [Some(9_000), None], (BankFinding::AmountDiffers, [0, 0])),
        ] {
            let incoming = paid(ore, &[(one, parts[0]), (two, parts[1])], "");
            assert_eq!(register.decide(&incoming), expected, "{ore} {parts:?}");
        }
    }

    #[test]
    fn a_deducted_credit_note_reduces_what_is_paid_of_its_invoice() {
        let register = Register::new();
        let gross = Incoming { belongs_with: Some(1), ..paid(10_000, &[("202600019", None)], "") };
        let deduction = |number: &str, ore: i64| Incoming {
            is_deduction: true,
            belongs_with: Some(1),
            ..paid(-ore, &[(number, None)], "")
        };
        let waits = [(BankFinding::Deduction, [0, 0]), (BankFinding::Deduction, [0, 0])];
        let found = register.decide_all(&[&gross, &deduction("20260003", 2_000)]);
        assert_eq!(found, [(BankFinding::Ocr, [8_000, 0]), (BankFinding::CreditNote, [0, 0])]);
        // More than the credit note is worth, an unknown one, and one of an invoice not paid here.
        assert_eq!(register.decide_all(&[&gross, &deduction("20260003", 2_001)]), waits);
        assert_eq!(register.decide_all(&[&gross, &deduction("20260009", 1_000)]), waits);
        let other = Incoming { belongs_with: Some(1), ..paid(5_000, &[("202600029", None)], "") };
        assert_eq!(register.decide_all(&[&other, &deduction("20260003", 2_000)]), waits);
    }
}
