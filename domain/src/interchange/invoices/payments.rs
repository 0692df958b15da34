//! The payments of an invoice: those of the file merged with the stored ones.

use std::collections::HashMap;

use ::entity::{id::PaymentId, invoice, kind::InvoiceKind, money::Money, payment};

use super::{
    super::{File, import::report::BadRow},
    credits::Credits,
    drafts::{Incoming, PaymentDraft},
    matches::{Matches, Part},
};
use crate::invoices::{aggregate::InvoiceAggregate, counted_payments::order};

/// The errors of a row: column and reason.
type Errors = Vec<(&'static str, String)>;

/// Merges the payments of the file into an invoice, and calculates its settlement. Returns the
/// payments that are to be matched with bank payments.
pub(super) fn take(
    incoming: &mut Incoming,
    after: &mut InvoiceAggregate,
    credits: &Credits,
    matches: &Matches,
) -> Vec<Part> {
    let mut merge = Merge::new(after, matches);
    let mut firsts: HashMap<&str, u64> = HashMap::new();
    // A reversal may precede the payment that it reverses.
    let (payments, reversals): (Vec<_>, Vec<_>) =
        incoming.payments.iter().partition(|(_, draft)| draft.reverses.is_none());
    for (line, draft) in payments.into_iter().chain(reversals) {
        let mut errors = Errors::new();
        if let Some(first) = firsts.get(draft.reference.as_str()) {
            errors.push((
                "reference",
                format!("is that of line {first} too, of the same invoice: the same payment"),
            ));
        } else {
            firsts.insert(&draft.reference, *line);
            merge.payment(*line, draft, &mut errors);
        }
        incoming.bad.extend(
            errors
                .into_iter()
                .map(|(column, reason)| BadRow::new(File::Payments, *line, column, reason)),
        );
    }
    let parts = merge.parts;
    if incoming.bad.is_empty() {
        let exceeding = matches.exceeding(&parts).into_iter();
        incoming.bad.extend(
            exceeding
                .map(|(line, reason)| BadRow::new(File::Payments, line, "bank_payment", reason)),
        );
    }
    let size = after
        .payments
        .iter()
        .try_fold(0_i64, |size, payment| size.checked_add(payment.amount.0.max(0)));
    if size.is_none_or(|size| size > Money::MAX.0) {
        incoming.error("", "is paid with more than 10000000000.00 kronor");
        return parts;
    }
    after.payments.sort_by(|one, other| order(one).cmp(&order(other)));
    after.settle(credits.of(after.row.id));
    parts
}

/// The merge of an invoice's payments.
struct Merge<'m> {
    invoice: &'m mut InvoiceAggregate,
    matches: &'m Matches,
    /// Indexes of the invoice's payments, by reference.
    positions: HashMap<String, usize>,
    /// Payments that are to be matched with bank payments.
    parts: Vec<Part>,
}

impl<'m> Merge<'m> {
    fn new(invoice: &'m mut InvoiceAggregate, matches: &'m Matches) -> Self {
        let positions = invoice
            .payments
            .iter()
            .enumerate()
            .map(|(position, payment)| (payment.reference.clone(), position))
            .collect();
        Self { invoice, matches, positions, parts: Vec::new() }
    }

    /// Merges a payment of the file, unless it contradicts the stored payments.
    fn payment(&mut self, line: u64, draft: &PaymentDraft, errors: &mut Errors) {
        check_days(draft, &self.invoice.row, errors);
        let reversed = draft.reverses.as_ref().map(|reference| {
            self.positions.get(reference).map(|position| &self.invoice.payments[*position])
        });
        check_reversed(draft, reversed, errors);
        let payment = payment::Model {
            id: PaymentId::default(),
            invoice_id: self.invoice.row.id,
            received_on: draft.received_on,
            amount: draft.amount,
            reference: draft.reference.clone(),
            reverses_id: reversed.flatten().map(|payment| payment.id),
            reason: draft.reason.clone(),
            booked_on: draft.booked_on.filter(|booked_on| *booked_on != draft.received_on),
        };
        if let Some(error) = self.conflict(&payment) {
            errors.push(error);
            return;
        }
        let position = self.put(payment);
        let payment = &self.invoice.payments[position];
        match self.matches.find(draft, payment, &self.parts) {
            Ok(Some(bank_payment)) => self.parts.push(Part {
                line,
                payment: payment.id,
                bank_payment,
                amount: payment.amount,
            }),
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }

    /// Returns the conflict of a payment with the stored ones, if there is one.
    fn conflict(&self, payment: &payment::Model) -> Option<(&'static str, String)> {
        let all = &self.invoice.payments;
        if let Some(position) = self.positions.get(&payment.reference) {
            let old = &all[*position];
            let differs = *old != payment::Model { id: old.id, ..payment.clone() };
            let is_fixed = self.matches.has(old.id)
                || old.reverses_id.is_some()
                || all.iter().any(|other| other.reverses_id == Some(old.id));
            if differs && is_fixed {
                return Some(("reference", "is that of a payment that came from the bank or was reversed, and never changes".to_owned()));
            }
        }
        let is_reversed = payment.reverses_id.is_some_and(|id| {
            all.iter()
                .any(|other| other.reverses_id == Some(id) && other.reference != payment.reference)
        });
        is_reversed.then(|| {
            ("reverses", "is the reference of a payment that is reversed already".to_owned())
        })
    }

    /// Replaces the payment with this reference, or adds one. Returns its index.
    fn put(&mut self, payment: payment::Model) -> usize {
        let all = &mut self.invoice.payments;
        if let Some(position) = self.positions.get(&payment.reference) {
            all[*position] = payment::Model { id: all[*position].id, ..payment };
            return *position;
        }
        let position = all.len();
        self.positions.insert(payment.reference.clone(), position);
        all.push(payment::Model { id: PaymentId::new(), ..payment });
        position
    }
}

/// Checks that the document can be paid on the payment's day.
fn check_days(draft: &PaymentDraft, document: &invoice::Model, errors: &mut Errors) {
    match (document.kind, document.issued_on) {
        (InvoiceKind::CreditNote, _) => {
            errors.push(("invoice", "is a credit note; payments are of invoices".to_owned()))
        }
        (_, None) => {
            errors.push(("invoice", "is a draft, and can't be paid before it is issued".to_owned()))
        }
        (_, Some(issued_on)) if draft.received_on < issued_on => errors.push((
            "received_on",
            format!("must not be before {issued_on}, when the invoice was issued"),
        )),
        _ => {}
    }
    if draft.booked_on.is_some_and(|booked_on| booked_on < draft.received_on) {
        errors.push((
            "booked_on",
            format!("must not be before {}, when it came in", draft.received_on),
        ));
    }
}

/// Checks a reversal against the payment that it reverses.
fn check_reversed(
    draft: &PaymentDraft,
    reversed: Option<Option<&payment::Model>>,
    errors: &mut Errors,
) {
    match reversed {
        Some(None) => {
            errors.push(("reverses", "is the reference of no payment of this invoice".to_owned()))
        }
        Some(Some(reversed)) if reversed.amount != -draft.amount => errors
            .push(("amount", format!("must be {}, all of what it reverses", -reversed.amount))),
        Some(Some(reversed)) if reversed.received_on > draft.received_on => errors.push((
            "received_on",
            format!("must not be before {}, when what it reverses came in", reversed.received_on),
        )),
        _ => {}
    }
}
