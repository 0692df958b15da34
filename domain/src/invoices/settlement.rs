//! Settlement of an issued invoice: its paid, credited and written-off sums, and their days.

use ::entity::{
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use chrono::NaiveDate;

use super::{
    adjustments::{covers, in_force, sum},
    aggregate::InvoiceAggregate,
    amounts::{self, Settlement, covered_on},
    counted_payments::counted,
};

impl InvoiceAggregate {
    /// Calculates the settlement of an issued invoice from its payments and these credit notes, by
    /// day and sum.
    pub fn settle(&mut self, credits: &[(NaiveDate, Money)]) {
        if let (InvoiceKind::Invoice, Some(issued_on)) = (self.row.kind, self.row.issued_on) {
            let payments: Vec<_> = counted(&self.payments)
                .map(|payment| (payment.received_on, payment.amount))
                .collect();
            let mut settlement = amounts::settlement(self.row.total, issued_on, &payments, credits);
            adjust(&mut settlement, self, credits);
            settlement.write(&mut self.row);
        }
    }
}

/// Adds the effect of the adjustments to the settlement of an issued invoice.
fn adjust(
    settlement: &mut Settlement,
    aggregate: &InvoiceAggregate,
    credits: &[(NaiveDate, Money)],
) {
    if aggregate.adjustments.is_empty() {
        return;
    }
    settlement.paid = settlement.paid - sum(&aggregate.adjustments, AdjustmentKind::Refund);
    settlement.written_off = sum(&aggregate.adjustments, AdjustmentKind::WriteOff);
    if aggregate.row.total > Money::ZERO {
        let payments =
            counted(&aggregate.payments).map(|payment| (payment.received_on, payment.amount));
        let others = in_force(&aggregate.adjustments)
            .map(|adjustment| (adjustment.dated_on, covers(adjustment)));
        settlement.settled_on = covered_on(
            aggregate.row.total,
            payments.chain(credits.iter().copied()).chain(others).collect(),
        );
    }
}
