//! Payments that are recorded again: by the same reference, or as the bank already reported them.

use ::entity::{money::Money, payment::Model};
use chrono::NaiveDate;

use super::bank::manual_payments::{MAX_DAYS_APART, ManualPayments, is_shown_as};
use crate::{
    error::{ConflictReason, Error, Result},
    invoices::counted_payments::counted,
};

/// A payment as it is recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'r> {
    /// Day in the bank.
    pub received_on: NaiveDate,
    /// Incoming amount, öre.
    pub amount: Money,
    /// The bank's own reference.
    pub reference: &'r str,
}

/// Returns the payment of an invoice that is recorded again: the one with the same reference, or
/// the one of that day and sum that a bank file reported, if the reference is the one that a
/// statement shows.
pub(super) fn recorded<'p>(payments: &'p [Model], new: Facts<'_>) -> Option<&'p Model> {
    let is_of_bank = |payment: &&Model| {
        (payment.received_on, payment.amount) == (new.received_on, new.amount)
            && is_shown_as(&payment.reference, new.reference)
    };
    payments
        .iter()
        .find(|payment| payment.reference == new.reference)
        .or_else(|| payments.iter().find(is_of_bank))
}

/// Rejects a recorded payment with another day or sum, and one that was reversed; `name` is that of
/// the invoice.
///
/// # Errors
/// CONFLICT `PAYMENT_DIFFERS` or `PAYMENT_REVERSED`.
pub(super) fn require_same(
    name: &str,
    payments: &[Model],
    same: &Model,
    new: Facts<'_>,
) -> Result<()> {
    let reference = new.reference;
    if (same.received_on, same.amount) != (new.received_on, new.amount) {
        let words = format!(
            "{name} has a payment {reference:?} of {} on {} already, and the same reference is the same payment",
            same.amount, same.received_on
        );
        return Err(Error::conflict(ConflictReason::PaymentDiffers, words));
    }
    if payments.iter().any(|payment| payment.reverses_id == Some(same.id)) {
        let words = format!(
            "the payment {reference:?} of {name} was reversed; if it was paid again, record it with a reference of its own"
        );
        return Err(Error::conflict(ConflictReason::PaymentReversed, words));
    }
    Ok(())
}

/// Rejects a payment that may be one that a bank file reported: the same amount, a few days apart.
///
/// # Errors
/// CONFLICT `POSSIBLE_DUPLICATE`.
pub(super) fn require_another(
    name: &str,
    payments: &[Model],
    recorded: &ManualPayments,
    new: Facts<'_>,
) -> Result<()> {
    let is_near = |own: &&Model| {
        own.amount == new.amount
            && (own.received_on - new.received_on).num_days().abs() <= MAX_DAYS_APART
            && recorded.is_of_bank(own.id)
    };
    let Some(own) = counted(payments).find(is_near) else { return Ok(()) };
    let words = format!(
        "{name} has a payment of {} on {} that the bank reported as {:?}, which may be the same; say so if it is a different payment",
        own.amount, own.received_on, own.reference
    );
    Err(Error::conflict(ConflictReason::PossibleDuplicate, words))
}

#[cfg(test)]
mod tests {
    use ::entity::id::PaymentId;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn payment(on: &str, ore: i64, reference: &str) -> Model {
        Model {
            id: PaymentId::new(),
            received_on: day(on),
            amount: Money(ore),
            reference: reference.into(),
            ..Model::default()
        }
    }

    fn new<'r>(on: &str, ore: i64, reference: &'r str) -> Facts<'r> {
        Facts { received_on: day(on), amount: Money(ore), reference }
    }

    const BANK: &str = "BG 50501055 20261118 00074 490630174260";

    #[test]
    fn a_payment_is_recognized_by_its_reference_or_as_the_statement_shows_it() {
        let payments = [payment("2026-11-10", 500, "A 1"), payment("2026-11-18", 800, BANK)];
        let of = |facts| recorded(&payments, facts).map(|own| own.id);
        let ids = payments.each_ref().map(|own| Some(own.id));
        assert_eq!(of(new("2026-11-10", 500, "A 1")), ids[0]);
        assert_eq!(of(new("2026-11-11", 501, "A 1")), ids[0], "the reference decides");
        assert_eq!(of(new("2026-11-18", 800, "490630174260")), ids[1]);
        assert_eq!(of(new("2026-11-19", 800, "490630174260")), None);
        assert_eq!(of(new("2026-11-18", 800, "A 2")), None);
    }

    #[test]
    fn the_same_reference_is_the_same_payment_unless_it_was_reversed() {
        let own = payment("2026-11-10", 500, "A 1");
        let payments = [own.clone()];
        let check = |payments: &[Model], facts| require_same("invoice 1", payments, &own, facts);
        assert!(check(&payments, new("2026-11-10", 500, "A 1")).is_ok());
        for facts in [new("2026-11-11", 500, "A 1"), new("2026-11-10", 501, "A 1")] {
            let found = check(&payments, facts);
            assert!(matches!(
                found,
                Err(Error::Conflict { reason: ConflictReason::PaymentDiffers, .. })
            ));
        }
        let reversal =
            Model { reverses_id: Some(own.id), ..payment("2026-11-12", -500, "A 1 (återförd)") };
        let found = check(&[own.clone(), reversal], new("2026-11-10", 500, "A 1"));
        let reversed = ConflictReason::PaymentReversed;
        assert!(matches!(found, Err(Error::Conflict { reason, .. }) if reason == reversed));
    }

    #[test]
    fn a_payment_close_to_one_of_the_bank_is_questioned() {
        let own = payment("2026-11-18", 800, BANK);
        let of_bank = ManualPayments::new([own.id].into());
        let check = |payments: &[Model], recorded: &ManualPayments, on: &str, ore: i64| {
            require_another("invoice 1", payments, recorded, new(on, ore, "A 1")).is_ok()
        };
        let payments = [own.clone()];
        for (on, ore, is_ok) in [
            ("2026-11-11", 800, false),
            ("2026-11-25", 800, false),
            ("2026-11-10", 800, true),
            ("2026-11-26", 800, true),
            ("2026-11-18", 801, true),
        ] {
            assert_eq!(check(&payments, &of_bank, on, ore), is_ok, "{on} {ore}");
        }
        assert!(check(&payments, &ManualPayments::default(), "2026-11-18", 800), "not the bank's");
        let reversal = Model { reverses_id: Some(own.id), ..payment("2026-11-20", -800, "x") };
        assert!(check(&[own.clone(), reversal], &of_bank, "2026-11-18", 800), "it was reversed");
    }
}
