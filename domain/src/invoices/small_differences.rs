//! Write-offs of differences that are too small to claim or to pay back.

use ::entity::{
    adjustment::Model,
    dated_amount::DatedAmount,
    id::AdjustmentId,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
};
use chrono::NaiveDate;

use super::counted_payments::counted;
use super::{
    adjustments::{in_force, uncovered},
    aggregate::InvoiceAggregate,
};
use crate::error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors};

/// Maximum difference that can be written off manually, öre: less than a krona.
const MAX_WRITE_OFF: Money = Money(99);

/// Adds the reasons why a difference of an invoice can't be written off manually on a day: the
/// document is not an issued invoice, or the difference arose later.
pub(super) fn check_day(
    aggregate: &InvoiceAggregate,
    day: NaiveDate,
    errors: &mut ValidationErrors,
) {
    let is_issued = aggregate.row.kind == InvoiceKind::Invoice && aggregate.is_issued();
    errors.expect(
        is_issued,
        "invoice_id",
        FieldErrorCode::WrongStatus
            .problem("must be an issued invoice: no one owes a draft or a credit note"),
    );
    let last = aggregate
        .payments
        .iter()
        .map(|payment| payment.received_on)
        .chain(aggregate.row.issued_on)
        .max();
    if let Some(last) = last.filter(|last| day < *last) {
        errors.add(
            "written_off_on",
            FieldErrorCode::too_early(
                last,
                format!("must not be before {last}, when the difference arose"),
            ),
        );
    }
}

/// Returns `true` if a difference is below a krona.
pub(super) fn is_small(difference: Money) -> bool {
    difference.0.abs() <= MAX_WRITE_OFF.0
}

/// Returns the difference that is written off manually: all of it, owed or overpaid. `credited` is
/// the sum of the credit notes.
///
/// # Errors
/// CONFLICT `NOTHING_TO_WRITE_OFF`, or `BEYOND_LIMIT` for a difference of a krona or more.
pub(super) fn to_write_off(aggregate: &InvoiceAggregate, credited: Money) -> Result<Money> {
    let difference = uncovered(aggregate, credited);
    if difference == Money::ZERO {
        return Err(Error::conflict(
            ConflictReason::NothingToWriteOff,
            format!("{} is settled to the öre", aggregate.name()),
        ));
    }
    if !is_small(difference) {
        let words = format!(
            "{} has a difference of {difference}, and at most {MAX_WRITE_OFF} can be written off; credit it or refund it instead",
            aggregate.name()
        );
        return Err(Error::conflict(ConflictReason::BeyondLimit, words));
    }
    Ok(difference)
}

/// Returns the adjustments that an invoice lacks, from the days and sums of its issued credit
/// notes. A difference up to `limit` is written off as soon as a part is paid. A write-off that no
/// longer matches the difference is reversed. They count from the last day of what covers the
/// invoice.
#[must_use]
pub fn due(aggregate: &InvoiceAggregate, credits: &[DatedAmount], limit: Money) -> Vec<Model> {
    let credited = credits.iter().map(|own| own.amount).sum();
    let written: Vec<&Model> = in_force(&aggregate.adjustments)
        .filter(|adjustment| adjustment.kind == AdjustmentKind::WriteOff)
        .collect();
    let sum: Money = written.iter().map(|adjustment| adjustment.amount).sum();
    let difference = uncovered(aggregate, credited) + sum;
    let paid: Money = counted(&aggregate.payments).map(|payment| payment.amount).sum();
    // On an invoice of a few öre, the difference would be most of the total.
    let is_small =
        difference != Money::ZERO && difference.0.abs() <= limit.0 && difference.0.abs() < paid.0;
    let wanted = if is_small || difference == sum { difference } else { Money::ZERO };
    if wanted == sum {
        return Vec::new();
    }
    let (dated_on, booked_on) = last_days(aggregate, credits);
    let new = |amount: Money| Model {
        id: AdjustmentId::new(),
        invoice_id: aggregate.row.id,
        kind: AdjustmentKind::WriteOff,
        dated_on,
        amount,
        booked_on: Some(booked_on).filter(|booked_on| *booked_on != dated_on),
        ..Model::default()
    };
    let reversals = written.into_iter().map(|reversed| Model {
        reverses_id: Some(reversed.id),
        reason: Some("Skillnaden har ändrats".to_owned()),
        ..new(-reversed.amount)
    });
    let mut due: Vec<Model> =
        reversals.chain((wanted != Money::ZERO).then(|| new(wanted))).collect();
    number(aggregate, &mut due);
    due
}

/// Assigns numbers to new write-offs of an invoice.
pub(crate) fn number(aggregate: &InvoiceAggregate, new: &mut [Model]) {
    let known = aggregate
        .adjustments
        .iter()
        .filter(|adjustment| adjustment.kind == AdjustmentKind::WriteOff)
        .count();
    for (nth, adjustment) in (known + 1..).zip(new) {
        adjustment.reference = nth.to_string();
    }
}

/// Returns the last day of the payments and credit notes that cover an invoice, and the last of
/// their days in the books.
fn last_days(aggregate: &InvoiceAggregate, credits: &[DatedAmount]) -> (NaiveDate, NaiveDate) {
    let notes = credits.iter().map(|own| own.on).chain(aggregate.row.issued_on);
    let refunds = || {
        aggregate.adjustments.iter().filter(|adjustment| adjustment.kind == AdjustmentKind::Refund)
    };
    let own = aggregate
        .payments
        .iter()
        .map(|payment| payment.received_on)
        .chain(refunds().map(|refund| refund.dated_on));
    let books = aggregate.payments.iter().map(::entity::payment::Model::day_in_books);
    let books = books.chain(aggregate.adjustments.iter().map(Model::day_in_books));
    let dated_on = own.chain(notes.clone()).max().unwrap_or_default();
    (dated_on, books.chain(notes).max().unwrap_or_default().max(dated_on))
}

#[cfg(test)]
mod tests {
    use ::entity::{id::PaymentId, invoice, payment};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn pay(aggregate: &mut InvoiceAggregate, on: &str, amount: i64) {
        let payment = payment::Model {
            id: PaymentId::new(),
            received_on: day(on),
            amount: Money(amount),
            ..payment::Model::default()
        };
        aggregate.payments.push(payment);
    }

    fn invoice(total: i64) -> InvoiceAggregate {
        let row = invoice::Model {
            total: Money(total),
            issued_on: Some(day("2026-10-01")),
            ..invoice::Model::default()
        };
        InvoiceAggregate { row, ..InvoiceAggregate::default() }
    }

    const LIMIT: Money = Money(99);

    fn amounts(due: &[Model]) -> Vec<i64> {
        due.iter().map(|adjustment| adjustment.amount.0).collect()
    }

    #[test]
    fn a_difference_below_a_krona_is_written_off() {
        for (total, paid, expected) in [
            (972_956, 972_900, vec![56]),
            (972_956, 973_000, vec![-44]),
            (10_000, 9_901, vec![99]),
            (10_000, 9_900, vec![]),
            (10_000, 10_099, vec![-99]),
            (10_000, 10_100, vec![]),
            (10_000, 10_000, vec![]),
            (80, 30, vec![]),
        ] {
            let mut aggregate = invoice(total);
            pay(&mut aggregate, "2026-10-26", paid);
            let due = due(&aggregate, &[], LIMIT);
            assert_eq!(amounts(&due), expected, "{paid} of {total}");
            assert!(due.iter().all(|adjustment| adjustment.dated_on == day("2026-10-26")
                && adjustment.booked_on.is_none()));
        }
        assert_eq!(amounts(&due(&invoice(50), &[], LIMIT)), Vec::<i64>::new(), "nothing was paid");
        let mut aggregate = invoice(10_050);
        pay(&mut aggregate, "2026-10-26", 5_000);
        assert_eq!(
            amounts(&due(&aggregate, &[DatedAmount::new(day("2026-11-02"), Money(5_000))], LIMIT)),
            [50]
        );
        assert_eq!(
            amounts(&due(
                &aggregate,
                &[DatedAmount::new(day("2026-11-02"), Money(5_000))],
                Money::ZERO
            )),
            Vec::<i64>::new(),
            "switched off"
        );
    }

    #[test]
    fn a_manual_write_off_takes_a_difference_below_a_krona() {
        for (total, paid, credited, expected) in [
            (10_000, 9_901, 0, Some(99)),
            (10_000, 9_900, 0, None),
            (10_000, 10_099, 0, Some(-99)),
            (10_000, 10_100, 0, None),
            (10_000, 10_000, 0, None),
            (10_000, 5_000, 4_999, Some(1)),
            (80, 0, 0, Some(80)),
        ] {
            let mut aggregate = invoice(total);
            pay(&mut aggregate, "2026-10-26", paid);
            let found = to_write_off(&aggregate, Money(credited)).ok().map(|found| found.0);
            assert_eq!(found, expected, "{paid} and {credited} of {total}");
        }
    }

    #[test]
    fn a_manual_write_off_counts_from_when_the_difference_arose() {
        let mut aggregate = invoice(10_000);
        pay(&mut aggregate, "2026-10-26", 9_950);
        let errors = |aggregate: &InvoiceAggregate, on: &str| {
            let mut errors = ValidationErrors::default();
            check_day(aggregate, day(on), &mut errors);
            errors.into_inner().into_iter().map(|error| error.path).collect::<Vec<_>>()
        };
        assert_eq!(errors(&aggregate, "2026-10-26"), [""; 0]);
        assert_eq!(errors(&aggregate, "2026-10-25"), ["written_off_on"]);
        aggregate.row.issued_on = None;
        assert_eq!(errors(&aggregate, "2026-10-26"), ["invoice_id"]);
        aggregate.row.kind = InvoiceKind::CreditNote;
        aggregate.row.issued_on = Some(day("2026-10-27"));
        assert_eq!(errors(&aggregate, "2026-10-26"), ["invoice_id", "written_off_on"]);
    }

    #[test]
    fn an_outdated_write_off_is_reversed() {
        let mut aggregate = invoice(972_956);
        pay(&mut aggregate, "2026-10-26", 972_900);
        aggregate.adjustments = due(&aggregate, &[], LIMIT);
        assert_eq!(amounts(&due(&aggregate, &[], LIMIT)), Vec::<i64>::new(), "once is enough");
        assert_eq!(
            amounts(&due(&aggregate, &[], Money::ZERO)),
            Vec::<i64>::new(),
            "a lower limit changes nothing that was done"
        );
        // The missing öre are paid later.
        let mut later = aggregate.clone();
        pay(&mut later, "2026-11-05", 56);
        let found = due(&later, &[], LIMIT);
        assert_eq!(
            (amounts(&found), found[0].dated_on, found[0].reference.as_str()),
            (vec![-56], day("2026-11-05"), "2")
        );
        later.adjustments.extend(found);
        assert_eq!(uncovered(&later, Money::ZERO), Money::ZERO);
        assert_eq!(amounts(&due(&later, &[], LIMIT)), Vec::<i64>::new());
        // The payment is reversed.
        let payment = aggregate.payments[0].clone();
        aggregate.payments.push(payment::Model {
            id: PaymentId::new(),
            received_on: day("2026-11-10"),
            amount: -payment.amount,
            reverses_id: Some(payment.id),
            ..payment::Model::default()
        });
        assert_eq!(amounts(&due(&aggregate, &[], LIMIT)), [-56]);
    }
}
