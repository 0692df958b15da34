//! Adjustments of invoices: refunds (återbetalningar) and small differences that are written off
//! (öresutjämning).
//!
//! A refund reduces the paid sum, a write-off the claimed sum. Each counts from a day of its own.

use std::collections::HashSet;

use ::entity::{
    adjustment::Model, dated_amount::DatedAmount, id::AdjustmentId, kind::AdjustmentKind,
    money::Money,
};
use chrono::NaiveDate;

use super::aggregate::InvoiceAggregate;
use super::counted_payments::counted;

/// Returns the sum of the adjustments of a kind, reversals included.
#[must_use]
pub fn sum(adjustments: &[Model], kind: AdjustmentKind) -> Money {
    adjustments
        .iter()
        .filter(|adjustment| adjustment.kind == kind)
        .map(|adjustment| adjustment.amount)
        .sum()
}

/// Returns the adjustments that count for the day of settlement: neither reversals nor reversed
/// ones.
pub fn in_force(adjustments: &[Model]) -> impl Iterator<Item = &Model> {
    let reversed: HashSet<AdjustmentId> =
        adjustments.iter().filter_map(|adjustment| adjustment.reverses_id).collect();
    adjustments.iter().filter(move |adjustment| {
        adjustment.reverses_id.is_none() && !reversed.contains(&adjustment.id)
    })
}

/// Returns the sum that an adjustment adds to the covered part of an invoice's total.
#[must_use]
pub fn covers(adjustment: &Model) -> Money {
    match adjustment.kind {
        AdjustmentKind::Refund => -adjustment.amount,
        AdjustmentKind::WriteOff => adjustment.amount,
    }
}

/// Returns the uncovered part of an invoice's total: positive if owed, negative if overpaid.
/// `credited` is the sum of its credit notes.
#[must_use]
pub fn uncovered(aggregate: &InvoiceAggregate, credited: Money) -> Money {
    let paid: Money = aggregate.payments.iter().map(|payment| payment.amount).sum();
    aggregate.row.total - credited - paid - aggregate.adjustments.iter().map(covers).sum()
}

/// Returns the uncovered part of an invoice's total on a day, by the own days of payments, credit
/// notes and adjustments: positive if owed, negative if overpaid. Entries that were reversed later
/// never counted.
#[must_use]
pub fn uncovered_on(
    aggregate: &InvoiceAggregate,
    credits: &[DatedAmount],
    day: NaiveDate,
) -> Money {
    let paid: Money = counted(&aggregate.payments)
        .filter(|payment| payment.received_on <= day)
        .map(|payment| payment.amount)
        .sum();
    let credited: Money = credits.iter().filter(|own| own.on <= day).map(|own| own.amount).sum();
    let others: Money =
        in_force(&aggregate.adjustments).filter(|own| own.dated_on <= day).map(covers).sum();
    aggregate.row.total - paid - credited - others
}

#[cfg(test)]
mod tests {
    use ::entity::{invoice, payment};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn paid(total: i64, payments: &[(&str, i64)]) -> InvoiceAggregate {
        let row = invoice::Model {
            total: Money(total),
            issued_on: Some(day("2026-10-01")),
            ..invoice::Model::default()
        };
        let payment = |(on, amount): &(&str, i64)| payment::Model {
            id: ::entity::id::PaymentId::new(),
            received_on: day(on),
            amount: Money(*amount),
            ..payment::Model::default()
        };
        InvoiceAggregate {
            row,
            payments: payments.iter().map(payment).collect(),
            ..InvoiceAggregate::default()
        }
    }

    fn adjustment(kind: AdjustmentKind, on: &str, amount: i64) -> Model {
        Model {
            id: AdjustmentId::new(),
            kind,
            dated_on: day(on),
            amount: Money(amount),
            ..Model::default()
        }
    }

    #[test]
    fn a_refund_ends_an_overpayment_and_changes_nothing_earlier() {
        let mut aggregate = paid(12_500, &[("2026-10-20", 20_000)]);
        assert_eq!(uncovered(&aggregate, Money::ZERO), Money(-7_500));
        aggregate.adjustments.push(adjustment(AdjustmentKind::Refund, "2026-11-30", 7_500));
        aggregate.settle(&[]);
        assert_eq!(
            (aggregate.row.paid, aggregate.row.settled_on, uncovered(&aggregate, Money::ZERO)),
            (Money(12_500), Some(day("2026-10-20")), Money::ZERO)
        );
        // A paid invoice that is credited.
        let mut credited = paid(12_500, &[("2026-10-20", 12_500)]);
        let credits = [DatedAmount::new(day("2026-11-01"), Money(12_500))];
        credited.adjustments.push(adjustment(AdjustmentKind::Refund, "2026-11-30", 12_500));
        credited.settle(&credits);
        let row = &credited.row;
        assert_eq!(
            (row.paid, row.credited, row.first_paid_on),
            (Money::ZERO, Money(12_500), Some(day("2026-10-20")))
        );
        assert_eq!(
            (row.settled_on, row.credited_on),
            (Some(day("2026-10-20")), Some(day("2026-11-01")))
        );
    }

    #[test]
    fn a_write_off_settles_a_rest_or_an_overpayment() {
        let mut less = paid(972_956, &[("2026-10-26", 972_900)]);
        less.adjustments.push(adjustment(AdjustmentKind::WriteOff, "2026-10-26", 56));
        less.settle(&[]);
        assert_eq!(
            (less.row.paid, less.row.written_off, less.row.settled_on),
            (Money(972_900), Money(56), Some(day("2026-10-26")))
        );
        let mut more = paid(972_956, &[("2026-10-26", 973_000)]);
        more.adjustments.push(adjustment(AdjustmentKind::WriteOff, "2026-10-26", -44));
        more.settle(&[]);
        assert_eq!(
            (more.row.settled_on, uncovered(&more, Money::ZERO)),
            (Some(day("2026-10-26")), Money::ZERO)
        );
        // After a reversal, it never counted.
        let written = less.adjustments[0].clone();
        less.adjustments.push(Model {
            reverses_id: Some(written.id),
            ..adjustment(AdjustmentKind::WriteOff, "2026-11-02", -56)
        });
        less.settle(&[]);
        assert_eq!((less.row.written_off, less.row.settled_on), (Money::ZERO, None));
    }

    #[test]
    fn the_uncovered_sum_counts_by_days() {
        let mut aggregate = paid(12_500, &[("2026-10-05", 10_000), ("2026-10-09", 10_000)]);
        aggregate.adjustments = vec![adjustment(AdjustmentKind::Refund, "2026-10-12", 7_500)];
        let credits = [DatedAmount::new(day("2026-10-07"), Money(500))];
        for (on, left) in [
            ("2026-10-04", 12_500),
            ("2026-10-05", 2_500),
            ("2026-10-07", 2_000),
            ("2026-10-09", -8_000),
            ("2026-10-12", -500),
        ] {
            assert_eq!(uncovered_on(&aggregate, &credits, day(on)), Money(left), "{on}");
        }
    }
}
