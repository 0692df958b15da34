//! Amounts that count from a day, such as payments.

use chrono::NaiveDate;

use crate::money::Money;

/// An amount that counts from a day, such as a payment or a credit note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatedAmount {
    /// First day on which it counts.
    pub on: NaiveDate,
    /// The amount, öre.
    pub amount: Money,
}

impl DatedAmount {
    /// Creates an amount that counts from `on`.
    #[must_use]
    pub const fn new(on: NaiveDate, amount: Money) -> Self {
        Self { on, amount }
    }
}
