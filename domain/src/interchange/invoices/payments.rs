//! Payments: those that the file brings beside those that are there.

use std::collections::HashMap;

use ::entity::{id::PaymentId, kind::InvoiceKind, payment};

use super::{
    super::{File, import::BadRow},
    credits::Credits,
    drafts::Incoming,
    matches::{Matches, Part},
};
use crate::{invoices::aggregate::InvoiceAggregate, payments::record::order};

/// Takes the payments that the file brings, and works out the settlement of the invoice.
///
/// Answers which of them are to be matched with payments of the bank.
pub(super) fn take(
    incoming: &mut Incoming,
    after: &mut InvoiceAggregate,
    credits: &Credits,
    matches: &Matches,
) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut firsts: HashMap<&str, u64> = HashMap::new();
    let mut positions: HashMap<String, usize> = after
        .payments
        .iter()
        .enumerate()
        .map(|(position, payment)| (payment.reference.clone(), position))
        .collect();
    // What a reversal reverses may stand after it.
    let (payments, reversals): (Vec<_>, Vec<_>) =
        incoming.payments.iter().partition(|(_, draft)| draft.reverses.is_none());
    for (line, draft) in payments.into_iter().chain(reversals) {
        let mut error = |column: &str, reason: String| {
            incoming.bad.push(BadRow::new(File::Payments, *line, column, reason))
        };
        if let Some(first) = firsts.get(draft.reference.as_str()) {
            error(
                "reference",
                format!("is that of line {first} too, of the same invoice: the same payment"),
            );
            continue;
        }
        firsts.insert(&draft.reference, *line);
        match (after.row.kind, after.row.issued_on) {
            (InvoiceKind::CreditNote, _) => {
                error("invoice", "is a credit note; payments are of invoices".to_owned())
            }
            (_, None) => {
                error("invoice", "is a draft, and can't be paid before it is issued".to_owned())
            }
            (_, Some(issued_on)) if draft.received_on < issued_on => {
                error(
                    "received_on",
                    format!("must not be before {issued_on}, when the invoice was issued"),
                );
            }
            _ => {}
        }
        if draft.booked_on.is_some_and(|booked_on| booked_on < draft.received_on) {
            error(
                "booked_on",
                format!("must not be before {}, when it came in", draft.received_on),
            );
        }
        let reversed = draft
            .reverses
            .as_ref()
            .map(|reference| positions.get(reference).map(|position| &after.payments[*position]));
        match reversed {
            Some(None) => {
                error("reverses", "is the reference of no payment of this invoice".to_owned())
            }
            Some(Some(reversed)) if reversed.amount != -draft.amount => {
                error("amount", format!("must be {}, all of what it reverses", -reversed.amount));
            }
            Some(Some(reversed)) if reversed.received_on > draft.received_on => {
                error(
                    "received_on",
                    format!(
                        "must not be before {}, when what it reverses came in",
                        reversed.received_on
                    ),
                );
            }
            _ => {}
        }
        let payment = payment::Model {
            id: PaymentId::default(),
            invoice_id: after.row.id,
            received_on: draft.received_on,
            amount: draft.amount,
            reference: draft.reference.clone(),
            reverses_id: reversed.flatten().map(|payment| payment.id),
            reason: draft.reason.clone(),
            booked_on: draft.booked_on.filter(|booked_on| *booked_on != draft.received_on),
        };
        if let Some(position) = positions.get(&draft.reference) {
            let old = &after.payments[*position];
            let differs = *old != payment::Model { id: old.id, ..payment.clone() };
            let is_fixed = matches.has(old.id)
                || old.reverses_id.is_some()
                || after.payments.iter().any(|other| other.reverses_id == Some(old.id));
            if differs && is_fixed {
                error("reference", "is that of a payment that came from the bank or was reversed, and never changes".to_owned());
                continue;
            }
        }
        if payment.reverses_id.is_some_and(|id| {
            after
                .payments
                .iter()
                .any(|other| other.reverses_id == Some(id) && other.reference != payment.reference)
        }) {
            error("reverses", "is the reference of a payment that is reversed already".to_owned());
            continue;
        }
        let position = match positions.get(&draft.reference) {
            Some(position) => {
                after.payments[*position] =
                    payment::Model { id: after.payments[*position].id, ..payment };
                *position
            }
            None => {
                positions.insert(draft.reference.clone(), after.payments.len());
                after.payments.push(payment::Model { id: PaymentId::new(), ..payment });
                after.payments.len() - 1
            }
        };
        let payment = &after.payments[position];
        match matches.find(draft, payment, &parts) {
            Ok(Some(bank_payment)) => parts.push(Part {
                line: *line,
                payment: payment.id,
                bank_payment,
                amount: payment.amount,
            }),
            Ok(None) => {}
            Err((column, reason)) => error(column, reason),
        }
    }
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
    if size.is_none_or(|size| size > ::entity::money::Money::MAX.0) {
        incoming.error("", "is paid with more than 10000000000.00 kronor");
        return parts;
    }
    after.payments.sort_by(|one, other| order(one).cmp(&order(other)));
    after.settle(credits.of(after.row.id));
    parts
}
