//! Booking: payments put on invoices within a change, with all that follows from them.
//!
//! A payment with an earlier day changes what counted since, so that an invoice is looked at as a
//! whole: its settlement, what lies on its lines and the totals by month are worked out anew and
//! what differs is written.

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
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel,
};

use super::{
    adjustments::uncovered,
    aggregate::{InvoiceAggregate, by_ids, credits_of},
    payment_allocation, write_off,
};
use crate::payments::record::order;
use crate::{audit::Change, books::Closing, error::Result};

/// Rows that are written by one statement: with their columns they stay below what a statement may
/// bind.
const ROWS: usize = 250;

/// Why a payment can't be booked on an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// It is a credit note.
    CreditNote,
    /// It is not issued.
    Draft,
    /// It was issued later, on this day.
    IssuedOn(NaiveDate),
    /// Its payments would come to more than an amount can hold.
    TooMuch,
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
    /// Takes these invoices in hand; those that aren't there are left out.
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

    /// Writes off differences up to a limit, once something is paid of an invoice.
    pub fn writing_off(self, limit: Money) -> Self {
        Self { write_off_limit: limit, ..self }
    }

    /// Days and sums of the issued credit notes of an invoice.
    pub fn credits(&self, id: InvoiceId) -> &[(NaiveDate, Money)] {
        self.credits.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    /// An invoice as it is with what has been booked so far.
    pub fn invoice(&self, id: InvoiceId) -> Option<&InvoiceAggregate> {
        self.after.get(&id)
    }

    /// Returns a payment of an invoice.
    pub fn payment(&self, id: InvoiceId, payment: PaymentId) -> Option<&payment::Model> {
        self.after.get(&id)?.payments.iter().find(|own| own.id == payment)
    }

    /// What is still to be paid of an invoice with what has been booked so far.
    pub fn outstanding(&self, id: InvoiceId) -> Money {
        let Some(aggregate) = self.after.get(&id) else { return Money::ZERO };
        uncovered(aggregate, aggregate.row.credited)
    }

    /// What hinders a payment of that day and sum.
    pub fn rejections(
        &self,
        id: InvoiceId,
        received_on: NaiveDate,
        amount: Money,
    ) -> Vec<Rejection> {
        let Some(aggregate) = self.after.get(&id) else { return Vec::new() };
        let mut found = Vec::new();
        match (aggregate.row.kind, aggregate.row.issued_on) {
            (InvoiceKind::CreditNote, _) => found.push(Rejection::CreditNote),
            (InvoiceKind::Invoice, None) => found.push(Rejection::Draft),
            (InvoiceKind::Invoice, Some(issued_on)) if received_on < issued_on => {
                found.push(Rejection::IssuedOn(issued_on))
            }
            (InvoiceKind::Invoice, Some(_)) => {}
        }
        // All that ever came in, reversed or not, so that no sum on the way can be too large
        // either.
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

    /// Books a payment on one of the invoices. One of a closed day gets the first open day in the
    /// books and stays what it is otherwise.
    pub fn add(&mut self, mut payment: payment::Model) {
        payment.booked_on = self.closing.booked_on(payment.day_in_books()).or(payment.booked_on);
        if let Some(aggregate) = self.after.get_mut(&payment.invoice_id) {
            aggregate.payments.push(payment);
        }
    }

    /// Adds a refund or a write-off of one of the invoices; one of a closed day as [`Self::add`]
    /// does a payment.
    pub fn adjust(&mut self, mut adjustment: adjustment::Model) {
        adjustment.booked_on =
            self.closing.booked_on(adjustment.day_in_books()).or(adjustment.booked_on);
        if let Some(aggregate) = self.after.get_mut(&adjustment.invoice_id) {
            aggregate.adjustments.push(adjustment);
        }
    }

    /// Writes what has changed, with an entry in the trail for each invoice.
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

/// Writes what payments make of an invoice; nothing else of what was issued is touched.
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

/// Inserts many rows within a change.
pub(super) async fn insert<M, A>(change: &Change, rows: Vec<M>) -> Result<()>
where
    M: IntoActiveModel<A> + Clone + Send + Sync,
    A: ActiveModelTrait + ActiveModelBehavior + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    for rows in rows.chunks(ROWS) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        A::Entity::insert_many(rows).exec_without_returning(change.tx()).await?;
    }
    Ok(())
}
