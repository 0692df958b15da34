//! Differences between the paid sum and the total of an invoice: overpaid, paid twice, far too
//! much, or less than a krona.

use ::entity::{
    invoice::Model,
    kind::{AdjustmentKind, InvoiceKind},
    money::Money,
    payment,
};

use super::counted_payments::counted;
use super::{
    adjustments::{sum, uncovered},
    aggregate::InvoiceAggregate,
};

/// Lower limit, in öre: a smaller difference counts as a matter of öre only.
pub(super) const KRONA: Money = Money(100);

/// `true` if payments have left less than a krona unpaid. Such a rest is written off and never
/// claimed.
#[must_use]
pub fn is_small_rest(unpaid: Money, is_paid: bool) -> bool {
    is_paid && unpaid > Money::ZERO && unpaid < KRONA
}

/// A difference between the paid sum and the total of an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Difference {
    /// Less than a krona is missing or overpaid.
    OreOnly,
    /// The overpaid sum is exactly one of two payments of the same amount.
    PaidTwice,
    /// At least twice the total was paid.
    PaidDoubleOrMore,
    /// Overpaid in any other manner.
    Overpaid,
}

impl Difference {
    /// Returns the identifier of the difference, for JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }

    /// Returns the English label of the difference.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::OreOnly => "öre only",
            Self::PaidTwice => "paid twice",
            Self::PaidDoubleOrMore => "paid double or more",
            Self::Overpaid => "overpaid",
        }
    }

    /// Returns the Swedish label, for workbooks.
    #[must_use]
    pub fn in_swedish(self) -> &'static str {
        match self {
            Self::OreOnly => "Endast ören",
            Self::PaidTwice => "Betald två gånger",
            Self::PaidDoubleOrMore => "Betald dubbelt eller mer",
            Self::Overpaid => "Överbetald",
        }
    }
}

/// Returns the difference of an invoice; `None` if there is none, or if a krona or more is still to
/// be paid.
#[must_use]
pub fn difference(aggregate: &InvoiceAggregate) -> Option<Difference> {
    let paid = aggregate.payments.iter().map(|payment| payment.amount).sum::<Money>()
        - sum(&aggregate.adjustments, AdjustmentKind::Refund);
    of(&aggregate.row, uncovered(aggregate, aggregate.row.credited), paid, &aggregate.payments)
}

/// Returns the difference of a stored invoice with these payments.
#[must_use]
pub fn of_row(row: &Model, payments: &[payment::Model]) -> Option<Difference> {
    of(row, row.total - row.paid - row.credited - row.written_off, row.paid, payments)
}

fn of(row: &Model, left: Money, paid: Money, payments: &[payment::Model]) -> Option<Difference> {
    let is_paid = counted(payments).next().is_some();
    if row.kind != InvoiceKind::Invoice
        || row.issued_on.is_none()
        || !is_paid
        || left == Money::ZERO
        || left.0 >= KRONA.0
    {
        return None;
    }
    let overpaid = -left;
    Some(if overpaid.0 < KRONA.0 {
        Difference::OreOnly
    } else if counted(payments).filter(|payment| payment.amount == overpaid).count() > 1 {
        Difference::PaidTwice
    } else if paid.0 >= 2 * row.total.0 {
        Difference::PaidDoubleOrMore
    } else {
        Difference::Overpaid
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_one_name() {
        for (total, payments, expected) in [
            (12_500, &[12_500][..], None),
            (12_500, &[12_444], Some(Difference::OreOnly)),
            (12_500, &[12_599], Some(Difference::OreOnly)),
            (12_500, &[12_600], Some(Difference::Overpaid)),
            (12_500, &[12_500, 12_500], Some(Difference::PaidTwice)),
            (12_500, &[6_000, 6_500, 6_000, 500], Some(Difference::Overpaid)),
            (12_500, &[6_250, 6_250, 6_250], Some(Difference::PaidTwice)),
            (12_500, &[125_000], Some(Difference::PaidDoubleOrMore)),
            (12_500, &[12_400], None),
            (50, &[], None),
        ] {
            let payment = |amount: &i64| payment::Model {
                id: ::entity::id::PaymentId::new(),
                amount: Money(*amount),
                ..payment::Model::default()
            };
            let payments: Vec<_> = payments.iter().map(payment).collect();
            let row = Model {
                total: Money(total),
                paid: payments.iter().map(|payment| payment.amount).sum(),
                issued_on: "2026-10-01".parse().ok(),
                ..Model::default()
            };
            assert_eq!(of_row(&row, &payments), expected, "{payments:?} of {total}");
        }
    }

    #[test]
    fn less_than_a_krona_left_by_payments_is_a_small_rest() {
        let cases = [
            (99, true, true),
            (1, true, true),
            (100, true, false),
            (0, true, false),
            (-50, true, false),
            (50, false, false),
        ];
        for (unpaid, is_paid, is_small) in cases {
            assert_eq!(is_small_rest(Money(unpaid), is_paid), is_small, "{unpaid} {is_paid}");
        }
    }
}
