//! Invoices and credit notes that reported payments may refer to.

use std::collections::{BTreeSet, HashMap};

use ::entity::{id::InvoiceId, money::Money};

use super::{
    incoming::{Incoming, Reference},
    payer_references::ocr_digits,
};

/// A credit note with the facts that deductions need.
#[derive(Clone, Debug)]
pub(super) struct CreditNote {
    /// Its number.
    pub number: String,
    /// The credited invoice.
    pub credits: InvoiceId,
    /// Its total, öre.
    pub total: Money,
}

/// Invoices that the payments of a chunk may refer to.
#[derive(Default)]
pub(super) struct Candidates {
    /// By the digits of the OCR reference.
    pub by_ocr: HashMap<String, Vec<InvoiceId>>,
    /// By number.
    pub by_number: HashMap<String, InvoiceId>,
    /// Credit notes by number.
    pub credit_notes: HashMap<String, CreditNote>,
    /// Organisation numbers of the buyers, if they have one.
    pub org_numbers: HashMap<InvoiceId, String>,
}

impl Candidates {
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
    pub fn deductions(&self, incoming: &Incoming) -> Option<Vec<(&CreditNote, Money)>> {
        let found = deducted(incoming).map(|(number, sum)| {
            Some((self.credit_notes.get(number).filter(|note| sum <= note.total)?, sum))
        });
        found.collect()
    }

    /// Returns the invoices that a text may mean as an OCR reference.
    pub fn of_ocr(&self, text: &str) -> &[InvoiceId] {
        ocr_digits(text)
            .and_then(|digits| self.by_ocr.get(&digits))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }
}

/// Returns the deductions of a payment, with the text that names each credit note: the whole amount
/// of a deduction row, and the negative references of another payment.
pub(super) fn deducted(incoming: &Incoming) -> impl Iterator<Item = (&str, Money)> {
    let sum = |reference: &Reference| {
        if incoming.is_deduction { Some(incoming.amount) } else { reference.amount }
    };
    let uses =
        incoming.references.iter().map(move |reference| (reference.text.as_str(), sum(reference)));
    uses.filter_map(|(text, sum)| Some((text, -sum.filter(|sum| *sum < Money::ZERO)?)))
}
