//! Posting of payments to invoices within a change, with all consequences.
//!
//! A payment with an earlier day changes the days after it. So the settlement of an invoice, the
//! allocation to its lines and the monthly totals are recalculated as a whole, and the differences
//! are written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    adjustment,
    id::{InvoiceId, PaymentId},
    invoice,
    kind::InvoiceKind,
    money::Money,
    payment,
};
use chrono::NaiveDate;
use sea_orm::{ActiveValue::Set, EntityTrait};

use super::counted_payments::order;
use super::{
    adjustments::uncovered,
    aggregate::InvoiceAggregate,
    bulk_insert::insert,
    loading::{by_ids, credits_of},
    payment_allocation, write_off,
};
use crate::{audit::Change, books::Closing, error::Result};

/// Reason why a payment can't be booked on an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The document is a credit note.
    CreditNote,
    /// The invoice is not issued.
    Draft,
    /// The invoice was issued later, on this day.
    IssuedOn(NaiveDate),
    /// The sum of its payments would exceed the largest amount.
    TooMuch,
}

impl Rejection {
    /// Returns the reason why no payment at all can be booked on an invoice.
    pub fn of_document(row: &invoice::Model) -> Option<Self> {
        match (row.kind, row.issued_on) {
            (InvoiceKind::CreditNote, _) => Some(Self::CreditNote),
            (InvoiceKind::Invoice, None) => Some(Self::Draft),
            (InvoiceKind::Invoice, Some(_)) => None,
        }
    }
}

/// Invoices on which payments are being booked.
pub(crate) struct Booking {
    before: BTreeMap<InvoiceId, InvoiceAggregate>,
    after: HashMap<InvoiceId, InvoiceAggregate>,
    credits: HashMap<InvoiceId, Vec<(NaiveDate, Money)>>,
    closing: Closing,
    /// The largest difference that is written off automatically.
    write_off_limit: Money,
}

impl Booking {
    /// Loads these invoices for booking; invoices that do not exist are left out.
    pub async fn open(change: &Change, invoices: BTreeSet<InvoiceId>) -> Result<Self> {
        let after = by_ids(change.tx(), &invoices).await?;
        let before = after.iter().map(|(id, aggregate)| (*id, aggregate.clone())).collect();
        let closing = Closing::load(change.tx()).await?;
        Ok(Self {
            before,
            after,
            credits: credits_of(change.tx(), invoices).await?,
            closing,
            write_off_limit: Money::ZERO,
        })
    }

    /// Writes off differences up to a limit, as soon as a part of an invoice is paid.
    pub fn writing_off(self, limit: Money) -> Self {
        Self { write_off_limit: limit, ..self }
    }

    /// Returns the days and sums of the issued credit notes of an invoice.
    pub fn credits(&self, id: InvoiceId) -> &[(NaiveDate, Money)] {
        self.credits.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns an invoice with the bookings so far.
    pub fn invoice(&self, id: InvoiceId) -> Option<&InvoiceAggregate> {
        self.after.get(&id)
    }

    /// Returns a payment of an invoice.
    pub fn payment(&self, id: InvoiceId, payment: PaymentId) -> Option<&payment::Model> {
        self.after.get(&id)?.payments.iter().find(|own| own.id == payment)
    }

    /// Returns the sum still to be paid of an invoice, with the bookings so far.
    pub fn outstanding(&self, id: InvoiceId) -> Money {
        let Some(aggregate) = self.after.get(&id) else { return Money::ZERO };
        uncovered(aggregate, aggregate.row.credited)
    }

    /// Returns the reasons against a payment of this day and sum.
    pub fn rejections(
        &self,
        id: InvoiceId,
        received_on: NaiveDate,
        amount: Money,
    ) -> Vec<Rejection> {
        let Some(aggregate) = self.after.get(&id) else { return Vec::new() };
        let mut found = Vec::from_iter(Rejection::of_document(&aggregate.row));
        if found.is_empty()
            && let Some(issued_on) = aggregate.row.issued_on.filter(|day| received_on < *day)
        {
            found.push(Rejection::IssuedOn(issued_on));
        }
        // All payments, reversed or not, so that no intermediate sum can be too large either.
        let came_in = aggregate
            .payments
            .iter()
            .filter(|payment| payment.amount > Money::ZERO)
            .try_fold(amount.0, |sum, payment| sum.checked_add(payment.amount.0));
        if came_in.is_none_or(|sum| sum > Money::MAX.0) {
            found.push(Rejection::TooMuch);
        }
        found
    }

    /// Books a payment on one of the invoices. A payment of a closed day is dated on the first open
    /// day in the books, and is otherwise unchanged.
    pub fn add(&mut self, mut payment: payment::Model) {
        payment.booked_on = self.closing.booked_on(payment.day_in_books()).or(payment.booked_on);
        if let Some(aggregate) = self.after.get_mut(&payment.invoice_id) {
            aggregate.payments.push(payment);
        }
    }

    /// Adds a refund or a write-off of one of the invoices. A closed day is treated as in
    /// [`Self::add`].
    pub fn adjust(&mut self, mut adjustment: adjustment::Model) {
        adjustment.booked_on =
            self.closing.booked_on(adjustment.day_in_books()).or(adjustment.booked_on);
        if let Some(aggregate) = self.after.get_mut(&adjustment.invoice_id) {
            aggregate.adjustments.push(adjustment);
        }
    }

    /// Writes the changes, with an audit entry for each invoice.
    pub async fn close(mut self, change: &mut Change) -> Result<()> {
        let (mut added, mut adjusted, mut booked) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (id, before) in &self.before {
            let Some(mut after) = self.after.remove(id) else { continue };
            let size = |aggregate: &InvoiceAggregate| {
                aggregate.payments.len() + aggregate.adjustments.len()
            };
            if size(&after) == size(before) {
                continue;
            }
            let credits = self.credits.get(id).map(Vec::as_slice).unwrap_or_default();
            for mut due in write_off::due(&after, credits, self.write_off_limit) {
                due.booked_on = self.closing.booked_on(due.day_in_books()).or(due.booked_on);
                after.adjustments.push(due);
            }
            after.payments.sort_by(|one, other| order(one).cmp(&order(other)));
            after.settle(credits);
            let is_new =
                |payment: &&payment::Model| before.payments.iter().all(|old| old.id != payment.id);
            added.extend(after.payments.iter().filter(is_new).cloned());
            adjusted.extend(after.adjustments.iter().skip(before.adjustments.len()).cloned());
            booked.insert(*id);
            change.record(Some(before), Some(&after))?;
            settle(change, &after.row).await?;
        }
        insert(change, added).await?;
        for adjustment in &adjusted {
            change.record(None, Some(adjustment))?;
        }
        insert(change, adjusted).await?;
        payment_allocation::renew(change, &booked).await?.write(change).await
    }
}

/// Writes the settlement of an invoice; other columns of an issued invoice never change.
async fn settle(change: &Change, row: &invoice::Model) -> Result<()> {
    let settled = invoice::ActiveModel {
        id: sea_orm::ActiveValue::Unchanged(row.id),
        paid: Set(row.paid),
        credited: Set(row.credited),
        written_off: Set(row.written_off),
        first_paid_on: Set(row.first_paid_on),
        settled_on: Set(row.settled_on),
        credited_on: Set(row.credited_on),
        ..Default::default()
    };
    invoice::Entity::update(settled).validate()?.exec(change.tx()).await?;
    Ok(())
}
