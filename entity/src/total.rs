//! Sums of money over any number of rows, in 128 bits.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub},
};

use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable};

use crate::money::Money;

/// A sum of amounts in öre. Sums of 2^63 amounts of any size fit, so that no report overflows.
///
/// In the database it is a text: the sum itself, or its high and low parts as `high:low`, where
/// high counts steps of 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Total(pub i128);

impl Total {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// Parses the text from a database.
    fn read(text: &str) -> Option<Self> {
        let Some((high, low)) = text.split_once(':') else { return text.parse().ok().map(Self) };
        let (high, low): (i128, i128) = (high.parse().ok()?, low.parse().ok()?);
        high.checked_mul(1 << 32)?.checked_add(low).map(Self)
    }
}

impl TryGetable for Total {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let text = String::try_get_by(row, index)?;
        Self::read(&text).ok_or_else(|| DbErr::Type(format!("is no sum of öre: {text:?}")).into())
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ore = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", ore / 100, ore % 100)
    }
}

impl From<Money> for Total {
    fn from(amount: Money) -> Self {
        Self(amount.0.into())
    }
}

impl Add for Total {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.strict_add(other.0))
    }
}

impl<T: Into<Self>> AddAssign<T> for Total {
    fn add_assign(&mut self, other: T) {
        *self = *self + other.into();
    }
}

impl Sub for Total {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.strict_sub(other.0))
    }
}

impl Neg for Total {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.strict_neg())
    }
}

impl<T: Into<Self>> Sum<T> for Total {
    fn sum<I: Iterator<Item = T>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |sum, amount| sum + amount.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_gives_sums_whole_or_in_parts() {
        let largest = i128::from(i64::MAX) * 1100;
        for sum in [0, 1, -1, largest, -largest] {
            assert_eq!(Total::read(&sum.to_string()), Some(Total(sum)));
            // As SQLite shifts: towards minus infinity.
            assert_eq!(
                Total::read(&format!("{}:{}", sum >> 32, sum & 0xffff_ffff)),
                Some(Total(sum))
            );
        }
        for text in ["", ":", "1:", ":1", "1.5", "a"] {
            assert_eq!(Total::read(text), None, "{text}");
        }
    }

    #[test]
    fn more_than_64_bits_are_exact() {
        let sum: Total = [Money(i64::MAX); 3].into_iter().sum();
        assert_eq!(
            (sum.to_string(), (-sum).to_string()),
            ("276701161105643274.21".to_owned(), "-276701161105643274.21".to_owned())
        );
    }
}
