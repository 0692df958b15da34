//! Payments: those that the file brings beside those that are there, and what each pays of which line.

use std::collections::HashMap;

use ::entity::{id::PaymentId, invoice_line, kind::InvoiceKind, payment, payment_line};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::Expr};

use super::{
    super::{
        File,
        import::BadRow,
        writing::{Batch, insert},
    },
    credits::Credits,
    drafts::Incoming,
    matches::{Matches, Part},
};
use crate::{
    database::among,
    error::Result,
    invoices::{amounts::Share, payments::order, whole::Whole},
};

/// Takes the payments that the file brings, and works out the settlement of the invoice.
///
/// Answers which of them are to be matched with payments of the bank.
pub(super) fn take(incoming: &mut Incoming, after: &mut Whole, credits: &Credits, matches: &Matches) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut firsts: HashMap<&str, u64> = HashMap::new();
    let mut places: HashMap<String, usize> =
        after.payments.iter().enumerate().map(|(place, payment)| (payment.reference.clone(), place)).collect();
    // What a reversal reverses may stand after it.
    let (payments, reversals): (Vec<_>, Vec<_>) = incoming.payments.iter().partition(|(_, draft)| draft.reverses.is_none());
    for (line, draft) in payments.into_iter().chain(reversals) {
        let mut fault = |column: &str, reason: String| incoming.bad.push(BadRow::new(File::Payments, *line, column, reason));
        if let Some(first) = firsts.get(draft.reference.as_str()) {
            fault("reference", format!("is that of line {first} too, of the same invoice: the same payment"));
            continue;
        }
        firsts.insert(&draft.reference, *line);
        match (after.row.kind, after.row.issued_on) {
            (InvoiceKind::CreditNote, _) => fault("invoice", "is a credit note; payments are of invoices".to_owned()),
            (_, None) => fault("invoice", "is a draft, and can't be paid before it is issued".to_owned()),
            (_, Some(issued_on)) if draft.received_on < issued_on => {
                fault("received_on", format!("must not be before {issued_on}, when the invoice was issued"));
            }
            _ => {}
        }
        let reversed = draft.reverses.as_ref().map(|reference| places.get(reference).map(|place| &after.payments[*place]));
        match reversed {
            Some(None) => fault("reverses", "is the reference of no payment of this invoice".to_owned()),
            Some(Some(reversed)) if reversed.amount != -draft.amount => {
                fault("amount", format!("must be {}, all of what it reverses", -reversed.amount));
            }
            Some(Some(reversed)) if reversed.received_on > draft.received_on => {
                fault("received_on", format!("must not be before {}, when what it reverses came in", reversed.received_on));
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
        };
        if let Some(place) = places.get(&draft.reference) {
            let old = &after.payments[*place];
            let differs = *old != payment::Model { id: old.id, ..payment.clone() };
            let is_fixed =
                matches.has(old.id) || old.reverses_id.is_some() || after.payments.iter().any(|other| other.reverses_id == Some(old.id));
            if differs && is_fixed {
                fault("reference", "is that of a payment that came from the bank or was reversed, and never changes".to_owned());
                continue;
            }
        }
        if payment
            .reverses_id
            .is_some_and(|id| after.payments.iter().any(|other| other.reverses_id == Some(id) && other.reference != payment.reference))
        {
            fault("reverses", "is the reference of a payment that is reversed already".to_owned());
            continue;
        }
        let place = match places.get(&draft.reference) {
            Some(place) => {
                after.payments[*place] = payment::Model { id: after.payments[*place].id, ..payment };
                *place
            }
            None => {
                places.insert(draft.reference.clone(), after.payments.len());
                after.payments.push(payment::Model { id: PaymentId::new(), ..payment });
                after.payments.len() - 1
            }
        };
        let payment = &after.payments[place];
        match matches.find(draft, payment, &parts) {
            Ok(Some(bank_payment)) => parts.push(Part { line: *line, payment: payment.id, bank_payment, amount: payment.amount }),
            Ok(None) => {}
            Err((column, reason)) => fault(column, reason),
        }
    }
    if incoming.bad.is_empty() {
        let beyond = matches.beyond(&parts).into_iter();
        incoming.bad.extend(beyond.map(|(line, reason)| BadRow::new(File::Payments, line, "bank_payment", reason)));
    }
    let size = after.payments.iter().try_fold(0_i64, |size, payment| size.checked_add(payment.amount.0.max(0)));
    if size.is_none_or(|size| size > ::entity::money::Money::MAX.0) {
        incoming.fault("", "is paid with more than 90071992547409.91 kronor");
        return parts;
    }
    after.payments.sort_by(|one, other| order(one).cmp(&order(other)));
    after.settle(credits.of(after.row.id));
    parts
}

/// Payments to be written, with what they pay of each line.
#[derive(Default)]
pub(super) struct Payments {
    rows: Batch<payment::Model>,
    shares: Vec<payment_line::Model>,
}

impl Payments {
    /// Adds those of an invoice's payments that are new or differ, in themselves or in what they pay of which line, and
    /// answers the days on which revenue changes thereby.
    pub fn add(&mut self, before: &Whole, after: &Whole) -> Vec<NaiveDate> {
        let old: HashMap<PaymentId, _> =
            before.payments.iter().zip(before.parts()).map(|(payment, parts)| (payment.id, (payment, parts))).collect();
        let mut days = Vec::new();
        for (payment, parts) in after.payments.iter().zip(after.parts()) {
            let rows = match old.get(&payment.id) {
                Some((old, old_parts)) if *old == payment && *old_parts == parts => continue,
                Some((old, _)) => {
                    days.push(old.received_on);
                    &mut self.rows.changed
                }
                None => &mut self.rows.added,
            };
            days.push(payment.received_on);
            rows.push(payment.clone());
            let row = |(part, line): (Share, &invoice_line::Model)| payment_line::Model {
                payment_id: payment.id,
                line_id: line.id,
                net: part.net,
                vat: part.vat,
            };
            self.shares.extend(parts.into_iter().zip(&after.lines).map(row));
        }
        days
    }

    /// Writes them.
    pub async fn write(self, tx: &DatabaseTransaction) -> Result<()> {
        if !self.rows.changed.is_empty() {
            let changed = self.rows.changed.iter().map(|payment| payment.id);
            let theirs = among(tx.get_database_backend(), Expr::col(payment_line::Column::PaymentId), changed);
            payment_line::Entity::delete_many().filter(theirs).exec(tx).await?;
        }
        self.rows.write(tx).await?;
        insert(tx, self.shares).await
    }
}
