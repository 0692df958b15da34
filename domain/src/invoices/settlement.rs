//! Settlement of an issued invoice: its paid, credited and written-off sums, and their days.

use ::entity::{
    dated_amount::DatedAmount,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};

use super::{
    adjustments::{covers, in_force, sum},
    aggregate::InvoiceAggregate,
    amounts::{self, Settlement, covered_on},
    counted_payments::{counted, order},
    small_differences,
};
use crate::books::Closing;

impl InvoiceAggregate {
    /// Completes an invoice with new payments or adjustments: writes off a small difference up to
    /// `limit`, orders the payments and calculates the settlement. A write-off of a closed day is
    /// dated on the first open day in the books.
    pub(super) fn complete(&mut self, credits: &[DatedAmount], limit: Money, closing: Closing) {
        for mut due in small_differences::due(self, credits, limit) {
            due.booked_on = closing.booked_on(due.day_in_books()).or(due.booked_on);
            self.adjustments.push(due);
        }
        self.payments.sort_by(|one, other| order(one).cmp(&order(other)));
        self.settle(credits);
    }

    /// Calculates the settlement of an issued invoice from its payments and these credit notes, by
    /// day and sum.
    pub fn settle(&mut self, credits: &[DatedAmount]) {
        if let (InvoiceKind::Invoice, Some(issued_on)) = (self.row.kind, self.row.issued_on) {
            let payments: Vec<_> = counted(&self.payments)
                .map(|payment| DatedAmount::new(payment.received_on, payment.amount))
                .collect();
            let mut settlement = amounts::settlement(self.row.total, issued_on, &payments, credits);
            adjust(&mut settlement, self, credits);
            settlement.write(&mut self.row);
        }
    }
}

/// Adds the effect of the adjustments to the settlement of an issued invoice.
fn adjust(settlement: &mut Settlement, aggregate: &InvoiceAggregate, credits: &[DatedAmount]) {
    if aggregate.adjustments.is_empty() {
        return;
    }
    settlement.paid = settlement.paid - sum(&aggregate.adjustments, AdjustmentKind::Refund);
    settlement.written_off = sum(&aggregate.adjustments, AdjustmentKind::WriteOff);
    if aggregate.row.total > Money::ZERO {
        let payments = counted(&aggregate.payments)
            .map(|payment| DatedAmount::new(payment.received_on, payment.amount));
        let others = in_force(&aggregate.adjustments)
            .map(|adjustment| DatedAmount::new(adjustment.dated_on, covers(adjustment)));
        settlement.settled_on = covered_on(
            aggregate.row.total,
            payments.chain(credits.iter().copied()).chain(others).collect(),
        );
    }
}

#[cfg(test)]
mod tests {
    use ::entity::{id::PaymentId, invoice, payment};
    use chrono::NaiveDate;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn invoice(payments: &[(&str, i64)]) -> InvoiceAggregate {
        let payment = |(on, ore): &(&str, i64)| payment::Model {
            id: PaymentId::new(),
            received_on: day(on),
            amount: Money(*ore),
            ..payment::Model::default()
        };
        let row = invoice::Model {
            total: Money(10_000),
            issued_on: Some(day("2026-10-01")),
            ..invoice::Model::default()
        };
        let payments = payments.iter().map(payment).collect();
        InvoiceAggregate { row, payments, ..InvoiceAggregate::default() }
    }

    #[test]
    fn a_payment_settles_an_invoice_with_its_credit_notes() {
        for (payments, credits, settled_on) in [
            (&[("2026-10-20", 10_000)][..], &[][..], Some("2026-10-20")),
            (&[("2026-10-20", 9_999)], &[], None),
            (&[("2026-10-20", 6_000)], &[("2026-11-01", 4_000)], Some("2026-11-01")),
            (&[("2026-10-25", 6_000), ("2026-10-20", 4_000)], &[], Some("2026-10-25")),
            (&[], &[("2026-11-01", 10_000)], Some("2026-11-01")),
        ] {
            let mut own = invoice(payments);
            let credits: Vec<_> = credits
                .iter()
                .map(|(on, ore): &(&str, i64)| DatedAmount::new(day(on), Money(*ore)))
                .collect();
            own.settle(&credits);
            assert_eq!(own.row.settled_on, settled_on.map(day), "{payments:?} {credits:?}");
        }
        // Credit notes and drafts are never settled.
        let mut draft = invoice(&[("2026-10-20", 10_000)]);
        draft.row.issued_on = None;
        draft.settle(&[]);
        assert_eq!((draft.row.paid, draft.row.settled_on), (Money::ZERO, None));
    }

    #[test]
    fn a_small_difference_is_written_off_on_an_open_day() {
        let mut own = invoice(&[("2026-10-25", 5_000), ("2026-10-20", 4_950)]);
        let closing = Closing { through: Some(day("2026-10-31")) };
        own.complete(&[], Money(99), closing);
        let days: Vec<_> = own.payments.iter().map(|payment| payment.received_on).collect();
        assert_eq!(days, [day("2026-10-20"), day("2026-10-25")]);
        assert_eq!(
            (own.row.paid, own.row.written_off, own.row.settled_on),
            (Money(9_950), Money(50), Some(day("2026-10-25")))
        );
        assert_eq!(own.adjustments[0].booked_on, Some(day("2026-11-01")));
        // Once is enough.
        own.complete(&[], Money(99), closing);
        assert_eq!(own.adjustments.len(), 1);
    }
}
