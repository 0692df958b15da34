//! Money in integer öre, rates in integer parts, and the rounding rules of the register.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub},
    str::FromStr,
};

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// An amount in öre (a hundredth of a Swedish krona).
///
/// Its text form is kronor with exactly two decimals and no separators: `26800.00`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    DeriveValueType,
)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);
    /// Maximum of a booking, price, fee or document as input: ten billion kronor. Sums of thousands
    /// of them are exact for clients that read numbers as doubles. Rows of older registers hold up
    /// to 2^53 − 1 öre; sums over rows are [`Total`]s.
    ///
    /// [`Total`]: crate::total::Total
    pub const MAX: Self = Self(1_000_000_000_000);

    /// Returns `self × numerator ⁄ denominator`, rounded one time, half up (away from zero), to
    /// whole öre. `None` if the result does not fit in 64 bits or the denominator is zero. The
    /// result may exceed [`Money::MAX`], as rows of older registers do.
    #[must_use]
    pub fn times(self, numerator: i64, denominator: i64) -> Option<Self> {
        if denominator == 0 {
            return None;
        }
        let product = i128::from(self.0) * i128::from(numerator);
        let denominator = i128::from(denominator);
        let (product, denominator) =
            if denominator < 0 { (-product, -denominator) } else { (product, denominator) };
        let rounded = (product.abs() * 2 + denominator) / (denominator * 2);
        i64::try_from(rounded * product.signum()).ok().map(Self)
    }

    /// Splits the amount in proportion to `weights`. Each part is rounded half up, and the part
    /// with the largest weight gets the rounding difference, so the parts always add up to the
    /// amount. Without weights the result is empty. If every weight is zero the first part is the
    /// whole amount.
    #[must_use]
    pub fn split(self, weights: &[i64]) -> Vec<Self> {
        let total: i64 = weights.iter().sum();
        let Some(largest) =
            (0..weights.len()).max_by_key(|&part| (weights[part].abs(), std::cmp::Reverse(part)))
        else {
            return Vec::new();
        };
        let mut parts: Vec<Self> =
            weights.iter().map(|&weight| self.times(weight, total).unwrap_or_default()).collect();
        let left_over = self - parts.iter().copied().sum();
        parts[largest] += left_over;
        parts
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ore = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", ore / 100, ore % 100)
    }
}

/// Reason why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseMoneyError {
    /// It is not a decimal number.
    #[error("is not an amount; write kronor as 26800.00")]
    Malformed,
    /// It has more decimals than öre.
    #[error("has more than two decimals; write kronor as 26800.00")]
    TooManyDecimals,
    /// It exceeds [`Money::MAX`] in one direction or the other.
    #[error("must be from -10000000000.00 to 10000000000.00 kronor")]
    TooLarge,
}

impl FromStr for Money {
    type Err = ParseMoneyError;

    /// Parses kronor with at most two decimals: `26800`, `26800.5`, `-26800.00`.
    fn from_str(text: &str) -> Result<Self, ParseMoneyError> {
        let ore = decimal(text, 2)?;
        if ore.abs() > Self::MAX.0 {
            return Err(ParseMoneyError::TooLarge);
        }
        Ok(Self(ore))
    }
}

/// Parses a decimal text as an integer count of its last decimal position.
fn decimal(text: &str, positions: usize) -> Result<i64, ParseMoneyError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) {
        return Err(ParseMoneyError::Malformed);
    }
    if part.len() > positions {
        return Err(ParseMoneyError::TooManyDecimals);
    }
    let value: i64 =
        format!("{whole}{part:0<positions$}").parse().map_err(|_| ParseMoneyError::TooLarge)?;
    Ok(if negative { -value } else { value })
}

/// For sums of a document or a fee. Panics in every build if the result does not fit in 64 bits, so
/// that the request fails instead of returning a wrong amount. Sums over rows are
/// [`Total`](crate::total::Total)s.
impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.strict_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.strict_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.strict_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// A rate in thousandths of a per mille: 2.125 ‰ is 2125, without floats.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    DeriveValueType,
)]
#[serde(transparent)]
pub struct PerMille(pub i64);

impl PerMille {
    /// Returns the rate applied to an allocation, rounded one time, half up, to öre. `None` if it
    /// does not fit in 64 bits.
    #[must_use]
    pub fn of(self, allocation: Money) -> Option<Money> {
        allocation.times(self.0, 1_000_000)
    }
}

impl fmt::Display for PerMille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Reason why a text is not a rate: not a number from 0 to 1000 with at most three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a rate in per mille; write 0 to 1000 with at most three decimals, as 2.5")]
pub enum ParsePerMilleError {
    /// It is not a number, or has too many decimals.
    Malformed,
    /// It is a number, but not from 0 to 1000.
    OutOfRange,
}

impl FromStr for PerMille {
    type Err = ParsePerMilleError;

    fn from_str(text: &str) -> Result<Self, ParsePerMilleError> {
        match decimal(text, 3) {
            Ok(rate @ 0..=1_000_000) => Ok(Self(rate)),
            Ok(_) | Err(ParseMoneyError::TooLarge) => Err(ParsePerMilleError::OutOfRange),
            Err(_) => Err(ParsePerMilleError::Malformed),
        }
    }
}

/// A quantity in thousandths: 1.5 hours is 1500.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    DeriveValueType,
)]
#[serde(transparent)]
pub struct Quantity(pub i64);

impl Quantity {
    /// Returns quantity × unit price, rounded one time, half up, to öre. `None` if it exceeds
    /// [`Money::MAX`].
    #[must_use]
    pub fn at(self, unit_price: Money) -> Option<Money> {
        unit_price
            .times(self.0, 1000)
            .filter(|net| net.0.unsigned_abs() <= Money::MAX.0.unsigned_abs())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Reason why a text is not a quantity: not a positive number with at most three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a quantity; write a number above 0 with at most three decimals, as 1.5")]
pub enum ParseQuantityError {
    /// It is not a number, or has too many decimals.
    Malformed,
    /// It is a number, but not above 0, or more than a million.
    OutOfRange,
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        match decimal(text, 3) {
            Ok(quantity @ 1..=1_000_000_000) => Ok(Self(quantity)),
            Ok(_) | Err(ParseMoneyError::TooLarge) => Err(ParseQuantityError::OutOfRange),
            Err(_) => Err(ParseQuantityError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_and_print_to_the_ore() {
        for (text, ore) in [
            ("26800.00", 2_680_000),
            ("0.5", 50),
            ("-1.05", -105),
            ("10000000000.00", Money::MAX.0),
        ] {
            assert_eq!(text.parse(), Ok(Money(ore)), "{text}");
        }
        assert_eq!(Money(-105).to_string(), "-1.05");
        for text in [
            "",
            "1,00",
            "1.005",
            "1e3",
            "--1",
            "+1",
            ".5",
            "1.",
            "10000000000.01",
            "90071992547409.91",
            "99999999999999999999",
            "١",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_reports_fee_table_comes_out_exactly() {
        for (allocation, at_two, at_four) in [
            (432_400_000, 864_800, 1_729_600),
            (1_340_000_000, 2_680_000, 5_360_000),
            (3_200_000_000, 6_400_000, 12_800_000),
        ] {
            assert_eq!(PerMille(2000).of(Money(allocation)), Some(Money(at_two)));
            assert_eq!(PerMille(4000).of(Money(allocation)), Some(Money(at_four)));
        }
        assert_eq!(PerMille(2000).of(Money(432_433_300)), Some(Money(864_867)));
    }

    #[test]
    #[should_panic(expected = "overflow")]
    fn an_amount_never_wraps() {
        let _ = Money(i64::MAX) + Money(1);
    }

    #[test]
    fn parts_always_add_up() {
        assert_eq!(Money(100).split(&[1, 1, 1]), [Money(34), Money(33), Money(33)]);
        assert_eq!(Money(-100).split(&[1, 2]).into_iter().sum::<Money>(), Money(-100));
        assert_eq!(Money(7).split(&[0, 0]), [Money(7), Money(0)]);
        assert!(Money(7).split(&[]).is_empty());
        // Older registers hold amounts above the current maximum.
        assert_eq!(Money(1 << 53).split(&[1, 3]), [Money(1 << 51), Money(3 << 51)]);
    }
}
