//! Sums and references that a refund may have.

use ::entity::{adjustment::Model, dated_amount::DatedAmount, money::Money};
use chrono::NaiveDate;

use crate::{
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    invoices::{
        adjustments::{uncovered, uncovered_on},
        aggregate::InvoiceAggregate,
    },
    payments::references,
};

/// Checks that this amount was overpaid by a day, and still is.
///
/// # Errors
/// CONFLICT `NOT_OVERPAID`, INVALID.
pub(super) fn check(
    aggregate: &InvoiceAggregate,
    credits: &[DatedAmount],
    DatedAmount { on: day, amount }: DatedAmount,
) -> Result<()> {
    let credited = credits.iter().map(|own| own.amount).sum();
    let overpaid = -uncovered(aggregate, credited);
    if overpaid <= Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NotOverpaid,
            format!("{} is not overpaid; only an overpayment can be refunded", aggregate.name()),
        ));
    }
    let by_then = -uncovered_on(aggregate, credits, day);
    let mut errors = ValidationErrors::default();
    if amount > overpaid {
        errors.add(
            "amount",
            FieldErrorCode::OutOfRange
                .problem(format!("must be at most {overpaid}, the overpaid sum"))
                .with("max", overpaid),
        );
    } else if amount > by_then {
        let by_then = by_then.max(Money::ZERO);
        let problem = FieldErrorCode::TooEarly.problem(format!(
            "must not be before {amount} was overpaid: the overpaid sum on {day} was {by_then}"
        ));
        let first = first_day(aggregate, credits, DatedAmount::new(day, amount));
        errors.add(
            "paid_on",
            match first {
                Some(first) => problem.with("min", first),
                None => problem,
            },
        );
    }
    errors.finish()
}

/// Returns the first day after `day` on which at least `amount` was overpaid.
fn first_day(
    aggregate: &InvoiceAggregate,
    credits: &[DatedAmount],
    DatedAmount { on: day, amount }: DatedAmount,
) -> Option<NaiveDate> {
    let payments = aggregate.payments.iter().map(|own| own.received_on);
    let adjustments = aggregate.adjustments.iter().map(|own| own.dated_on);
    let credited = credits.iter().map(|own| own.on);
    let days = payments.chain(adjustments).chain(credited);
    days.filter(|own| *own > day && -uncovered_on(aggregate, credits, *own) >= amount).min()
}

/// Returns the reference of a row on an invoice, with a counter if reversed refunds have the same
/// reference.
pub(super) fn free_reference(aggregate: &InvoiceAggregate, bank_reference: &str) -> String {
    let is_reversed =
        |own: &Model| aggregate.adjustments.iter().any(|other| other.reverses_id == Some(own.id));
    references::free(bank_reference, |reference| {
        aggregate.adjustments.iter().any(|own| own.reference == reference && is_reversed(own))
    })
}

/// Rejects a recorded refund with another day or sum, and one that was reversed.
///
/// # Errors
/// CONFLICT `REFUND_DIFFERS` or `REFUND_REVERSED`.
pub(super) fn require_same(
    aggregate: &InvoiceAggregate,
    same: &Model,
    DatedAmount { on: day, amount }: DatedAmount,
) -> Result<()> {
    if (same.dated_on, same.amount) != (day, amount) {
        let words = format!(
            "{} has a refund {:?} of {} on {} already, and the same reference is the same refund",
            aggregate.name(),
            same.reference,
            same.amount,
            same.dated_on
        );
        return Err(Error::conflict(ConflictReason::RefundDiffers, words));
    }
    if aggregate.adjustments.iter().any(|other| other.reverses_id == Some(same.id)) {
        let words = format!(
            "the refund {:?} of {} was reversed; record it with a reference of its own",
            same.reference,
            aggregate.name()
        );
        return Err(Error::conflict(ConflictReason::RefundReversed, words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FieldValue;
    use ::entity::{
        id::{AdjustmentId, PaymentId},
        invoice, payment,
    };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn paid(total: i64, payments: &[(&str, i64)]) -> InvoiceAggregate {
        let payment = |(on, ore): &(&str, i64)| payment::Model {
            id: PaymentId::new(),
            received_on: day(on),
            amount: Money(*ore),
            ..payment::Model::default()
        };
        InvoiceAggregate {
            row: invoice::Model { total: Money(total), ..invoice::Model::default() },
            payments: payments.iter().map(payment).collect(),
            ..InvoiceAggregate::default()
        }
    }

    #[test]
    fn at_most_the_overpaid_sum_is_refunded_and_not_before_it_was_overpaid() {
        let aggregate = paid(10_000, &[("2026-11-05", 10_000), ("2026-11-10", 2_500)]);
        let of = |on: &str, ore: i64| check(&aggregate, &[], DatedAmount::new(day(on), Money(ore)));
        assert!(of("2026-11-10", 2_500).is_ok() && of("2026-11-12", 1).is_ok());
        let path = |found: Result<()>| match found {
            Err(Error::Invalid(found)) => found[0].path.clone(),
            other => format!("{other:?}"),
        };
        assert_eq!(path(of("2026-11-10", 2_501)), "amount");
        assert_eq!(path(of("2026-11-09", 2_500)), "paid_on");
        let Err(Error::Invalid(early)) = of("2026-11-04", 2_500) else { panic!("not refused") };
        let first = FieldValue::Text("2026-11-10".to_owned());
        assert_eq!(early[0].values, [("min", first)]);
        // A credit note makes an overpayment of a paid invoice from its own day on.
        let paid = paid(10_000, &[("2026-11-05", 10_000)]);
        let credits = [DatedAmount::new(day("2026-11-20"), Money(4_000))];
        assert!(check(&paid, &credits, DatedAmount::new(day("2026-11-20"), Money(4_000))).is_ok());
        assert!(check(&paid, &credits, DatedAmount::new(day("2026-11-19"), Money(4_000))).is_err());
    }

    #[test]
    fn nothing_is_refunded_of_an_invoice_that_is_not_overpaid() {
        for payments in [&[][..], &[("2026-11-05", 9_999)], &[("2026-11-05", 10_000)]] {
            let found =
                check(&paid(10_000, payments), &[], DatedAmount::new(day("2026-11-10"), Money(1)));
            assert!(matches!(&found, Err(Error::Conflict { .. })), "{payments:?}: {found:?}");
        }
    }

    #[test]
    fn a_released_row_has_its_reference_with_a_counter() {
        let refund = |reference: &str| Model {
            id: AdjustmentId::new(),
            reference: reference.into(),
            ..Model::default()
        };
        let mut aggregate = InvoiceAggregate::default();
        for (reference, next) in [("CAMT 1", "CAMT 1 nr 2"), ("CAMT 1 nr 2", "CAMT 1 nr 3")] {
            assert_eq!(free_reference(&aggregate, "CAMT 1"), reference);
            let own = refund(reference);
            aggregate.adjustments.push(own.clone());
            assert_eq!(
                free_reference(&aggregate, "CAMT 1"),
                reference,
                "until it is reversed, it is the same refund"
            );
            aggregate.adjustments.push(Model { reverses_id: Some(own.id), ..refund("x") });
            assert_eq!(free_reference(&aggregate, "CAMT 1"), next);
        }
    }

    #[test]
    fn the_same_reference_is_the_same_refund_unless_it_was_reversed() {
        let own = Model {
            id: AdjustmentId::new(),
            dated_on: day("2026-11-10"),
            amount: Money(500),
            reference: "A 1".into(),
            ..Model::default()
        };
        let mut aggregate = paid(10_000, &[("2026-11-05", 10_500)]);
        aggregate.adjustments = vec![own.clone()];
        assert!(
            require_same(&aggregate, &own, DatedAmount::new(day("2026-11-10"), Money(500))).is_ok()
        );
        for (on, ore) in [("2026-11-11", 500), ("2026-11-10", 501)] {
            assert!(
                require_same(&aggregate, &own, DatedAmount::new(day(on), Money(ore))).is_err(),
                "{on} {ore}"
            );
        }
        let reversal = Model {
            id: AdjustmentId::new(),
            reverses_id: Some(own.id),
            amount: Money(-500),
            ..own.clone()
        };
        aggregate.adjustments.push(reversal);
        assert!(
            require_same(&aggregate, &own, DatedAmount::new(day("2026-11-10"), Money(500)))
                .is_err()
        );
    }
}
