//! Numbers with check digits (Luhn, mod 10): organisation numbers and OCR references.

use std::{fmt, str::FromStr};

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Whether the last digit of `digits` is the check digit of those before it.
#[must_use]
pub fn luhn_holds(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && luhn_sum(digits, false).is_multiple_of(10)
}

/// The check digit that makes `digits` followed by it valid.
#[must_use]
pub fn luhn_digit(digits: &str) -> u32 {
    (10 - luhn_sum(digits, true) % 10) % 10
}

fn luhn_sum(digits: &str, mut doubled: bool) -> u32 {
    digits
        .bytes()
        .rev()
        .map(|byte| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            let product = if doubled { digit * 2 } else { digit };
            doubled = !doubled;
            product / 10 + product % 10
        })
        .sum()
}

/// The OCR reference of a payment: the base, a length digit and a check digit. Null when `base` is not digits or the whole would leave 2 to 25 digits.
#[must_use]
pub fn ocr(base: &str) -> Option<String> {
    let is_digits = !base.is_empty() && base.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits && base.len() + 2 <= 25).then(|| {
        let with_length = format!("{base}{}", (base.len() + 2) % 10);
        format!("{with_length}{}", luhn_digit(&with_length))
    })
}

/// A Swedish organisation number (organisationsnummer), written `NNNNNN-NNNN`, its third digit at least 2 and its check digit right.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, DeriveValueType)]
#[serde(transparent)]
pub struct OrgNumber(String);

impl OrgNumber {
    /// The number as text, with its hyphen.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for OrgNumber {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "is not an organisation number; write NNNNNN-NNNN";
        let (date, serial) = text.split_once('-').ok_or(SHAPE)?;
        let digits = format!("{date}{serial}");
        if date.len() != 6 || serial.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SHAPE);
        }
        if digits.as_bytes()[2] < b'2' {
            return Err("is not an organisation number; its third digit must be at least 2");
        }
        if !luhn_holds(&digits) {
            return Err("has a wrong check digit");
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisation_numbers_are_told_apart() {
        for valid in ["222000-1834", "222000-2568", "802555-0008"] {
            assert!(valid.parse::<OrgNumber>().is_ok(), "{valid}");
        }
        for invalid in ["222000-1835", "121212-1212", "2220001834", "222000–1834", "", "22200-01834", "222000-18340"] {
            assert!(invalid.parse::<OrgNumber>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn ocr_references_carry_length_and_check_digit() {
        for (base, reference) in [("123", "12351"), ("20220001", "2022000109"), ("1234567890", "123456789023")] {
            assert_eq!(ocr(base).as_deref(), Some(reference));
        }
        assert_eq!(ocr("K101"), None);
        assert_eq!(ocr(&"1".repeat(24)), None);
    }
}
