//! Bank payments in the books: a receipt is on the bank's account from its day there, and on an
//! observation account until it is matched.
//!
//! So the bank's account in the books equals the bank's statement every day, independent of later
//! matches and reversals. A payment or refund that is booked on the bank's own day comes straight
//! from the bank's account. Any other, and every reversal, moves the observation account.

use ::entity::{adjustment, bank_payment::Model, kind::VoucherSource, money::Money, payment};
use chrono::NaiveDate;

use crate::books::exported::{Exported, Key};

/// A payment or refund that was made of a bank payment, or the reversal of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The source of its vouchers.
    pub key: Key,
    /// Day in the books.
    pub day: NaiveDate,
    /// `true` if it reverses another.
    pub is_reversal: bool,
    /// Amount that it adds to the bank's account or subtracts from the observation account, öre;
    /// negative for a refund.
    pub amount: Money,
}

impl Part {
    /// Returns a payment as a part.
    #[must_use]
    pub fn of_payment(payment: &payment::Model) -> Self {
        Self {
            key: (VoucherSource::Payment, payment.id.into()),
            day: payment.day_in_books(),
            is_reversal: payment.reverses_id.is_some(),
            amount: payment.amount,
        }
    }

    /// Returns a refund as a part.
    #[must_use]
    pub fn of_refund(refund: &adjustment::Model) -> Self {
        Self {
            key: (VoucherSource::Adjustment, refund.id.into()),
            day: refund.day_in_books(),
            is_reversal: refund.reverses_id.is_some(),
            amount: -refund.amount,
        }
    }

    /// `true` if it is booked straight from the bank's account: on the day of the bank payment, and
    /// no reversal. A payment that was recorded manually on the bank's own day stays so if its row
    /// comes after that day was closed. A part of a bank payment that was exported on the
    /// observation account, or booked elsewhere, is taken from there. A payment that was booked
    /// elsewhere counts as booked on the bank's account there.
    #[must_use]
    pub fn is_direct(&self, row: &Model, exported: &Exported) -> bool {
        let of_row = (VoucherSource::BankPayment, row.id.into());
        let (is_elsewhere, is_row_elsewhere) =
            (exported.is_elsewhere(self.key), exported.is_elsewhere(of_row));
        if self.is_reversal {
            return false;
        }
        if is_elsewhere && !is_row_elsewhere {
            return true;
        }
        let is_observed = is_row_elsewhere || exported.is_exported(of_row);
        let is_own_day = self.day == row.day_in_books()
            || (row.posted_on.is_some() && self.day == row.booked_on);
        is_own_day && (is_elsewhere || !is_observed || exported.bank(self.key) != Money::ZERO)
    }
}

/// Returns the day of a bank payment's own voucher: its day in the books, or for a duplicate the
/// day on which it was marked. That day was open then, and a later closing does not move it.
#[must_use]
pub fn voucher_day(row: &Model) -> NaiveDate {
    row.set_aside_on.filter(|_| row.duplicate_of_id.is_some()).unwrap_or_else(|| row.day_in_books())
}

/// A bank payment with its parts.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Columns of the bank payment that are needed.
    pub row: Model,
    /// Its parts, in no order.
    pub parts: Vec<Part>,
}

impl Observed {
    /// Returns the sum on the observation account from its day on, öre: all but its direct parts.
    /// Negative for outgoing money. Zero for a duplicate.
    #[must_use]
    pub fn left(&self, exported: &Exported) -> Money {
        let amount = if self.row.duplicate_of_id.is_some() { Money::ZERO } else { self.row.amount };
        amount
            - self
                .parts
                .iter()
                .filter(|part| part.is_direct(&self.row, exported))
                .map(|part| part.amount)
                .sum()
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::{AdjustmentId, BankPaymentId, PaymentId};

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn row(ore: i64) -> Model {
        Model {
            id: BankPaymentId::new(),
            booked_on: day("2026-02-10"),
            amount: Money(ore),
            ..Model::default()
        }
    }

    fn payment(on: &str, ore: i64) -> payment::Model {
        payment::Model {
            id: PaymentId::new(),
            received_on: day(on),
            amount: Money(ore),
            ..payment::Model::default()
        }
    }

    #[test]
    fn only_bookings_on_the_banks_day_come_straight_from_the_bank() {
        let (row, nothing) = (row(800), Exported::default());
        let is_direct =
            |payment: &payment::Model| Part::of_payment(payment).is_direct(&row, &nothing);
        let own = payment("2026-02-10", 800);
        assert!(is_direct(&own) && !is_direct(&payment("2026-02-09", 800)));
        assert!(!is_direct(&payment::Model { booked_on: Some(day("2026-03-02")), ..own.clone() }));
        assert!(!is_direct(&payment::Model { reverses_id: Some(PaymentId::new()), ..own.clone() }));
        // A row that came after its day was closed.
        let late = Model { posted_on: Some(day("2026-03-01")), ..row.clone() };
        let late_payment = payment::Model { booked_on: Some(day("2026-03-01")), ..own.clone() };
        assert!(Part::of_payment(&late_payment).is_direct(&late, &nothing));
        assert!(
            Part::of_payment(&own).is_direct(&late, &nothing),
            "recorded manually before the day was closed"
        );
        assert!(!Part::of_payment(&payment("2026-02-09", 800)).is_direct(&late, &nothing));
    }

    #[test]
    fn the_rest_is_all_but_the_direct_parts() {
        let nothing = Exported::default();
        let paid = payment("2026-02-10", 500);
        let reversal = payment::Model {
            amount: Money(-500),
            reverses_id: Some(paid.id),
            ..payment("2026-02-12", 0)
        };
        let parts = vec![Part::of_payment(&paid), Part::of_payment(&reversal)];
        let aggregate = Observed { row: row(800), parts };
        assert_eq!(aggregate.left(&nothing), Money(300));
        // Nothing of a duplicate counts, not even a match that was reversed.
        let duplicate = Observed {
            row: Model { duplicate_of_id: Some(BankPaymentId::new()), ..aggregate.row.clone() },
            ..aggregate
        };
        assert_eq!(duplicate.left(&nothing), Money(-500));
        // A refund is negative, and its reversal is on the observation account.
        let refund = adjustment::Model {
            id: AdjustmentId::new(),
            dated_on: day("2026-02-10"),
            amount: Money(75),
            ..adjustment::Model::default()
        };
        let reversal = adjustment::Model {
            id: AdjustmentId::new(),
            amount: Money(-75),
            reverses_id: Some(refund.id),
            ..refund.clone()
        };
        let paid_back = Observed {
            row: row(-75),
            parts: vec![Part::of_refund(&refund), Part::of_refund(&reversal)],
        };
        assert_eq!(paid_back.left(&nothing), Money::ZERO);
    }
}
