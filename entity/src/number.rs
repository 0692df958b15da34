//! Numbers with check digits: organisation numbers, OCR references, and Peppol participants.

use std::{fmt, str::FromStr};

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Returns `true` if the last digit of `digits` is the Luhn check digit of those before it.
#[must_use]
pub fn luhn_holds(digits: &str) -> bool {
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && luhn_sum(digits, false).is_multiple_of(10)
}

/// Returns the Luhn check digit to append to `digits`.
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

/// Returns the OCR reference of a payment: the base, a length digit and a check digit. `None` if
/// `base` is not digits or the result would not have 2 to 25 digits.
#[must_use]
pub fn ocr(base: &str) -> Option<String> {
    let is_digits = !base.is_empty() && base.bytes().all(|byte| byte.is_ascii_digit());
    (is_digits && base.len() + 2 <= 25).then(|| {
        let with_length = format!("{base}{}", (base.len() + 2) % 10);
        format!("{with_length}{}", luhn_digit(&with_length))
    })
}

/// A Swedish organisation number (organisationsnummer), written `NNNNNN-NNNN`, with a third digit
/// of at least 2 and a correct check digit.
#[derive(
    Clone,
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
pub struct OrgNumber(String);

impl OrgNumber {
    /// Returns the number as text, with its hyphen.
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

/// Reason why a text is not an organisation number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseOrgNumberError {
    /// It is not six digits, a hyphen and four digits.
    #[error("is not an organisation number; write NNNNNN-NNNN")]
    Malformed,
    /// Its third digit is less than 2, as in a personal identity number.
    #[error("is not an organisation number; its third digit must be at least 2")]
    ThirdDigit,
    /// Its check digit is wrong.
    #[error("has a wrong check digit")]
    CheckDigit,
}

impl FromStr for OrgNumber {
    type Err = ParseOrgNumberError;

    fn from_str(text: &str) -> Result<Self, ParseOrgNumberError> {
        let (date, serial) = text.split_once('-').ok_or(ParseOrgNumberError::Malformed)?;
        let digits = format!("{date}{serial}");
        if date.len() != 6 || serial.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(ParseOrgNumberError::Malformed);
        }
        if digits.as_bytes()[2] < b'2' {
            return Err(ParseOrgNumberError::ThirdDigit);
        }
        if !luhn_holds(&digits) {
            return Err(ParseOrgNumberError::CheckDigit);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Checks that a text is a Peppol participant for e-invoices: scheme and number, as
/// `0007:2220001834`. Of the many schemes in the list EAS (Electronic Address Scheme) it accepts
/// those that Swedish organisations have, with the rules of Peppol's validator and of their
/// issuers:
///
/// | scheme | number |
/// |---|---|
/// | `0007` | organisation number, ten digits without a hyphen (PEPPOL-COMMON-R049) |
/// | `0088` | GLN of GS1, thirteen digits with a check digit (PEPPOL-COMMON-R040) |
/// | `0060` | D-U-N-S number, nine digits |
///
/// # Errors
/// A description of the error, to follow the field's name.
pub fn check_peppol_id(text: &str) -> Result<(), &'static str> {
    const SHAPE: &str = "is not a Peppol participant; write scheme and number as 0007:2220001834";
    let (scheme, number) = text.split_once(':').ok_or(SHAPE)?;
    let is_digits =
        |count| number.len() == count && number.bytes().all(|byte| byte.is_ascii_digit());
    let (holds, error) = match scheme {
        "0007" => (
            is_digits(10)
                && format!("{}-{}", &number[..6], &number[6..]).parse::<OrgNumber>().is_ok(),
            "must have a valid organisation number of ten digits after 0007, as 0007:2220001834",
        ),
        "0088" => (
            is_digits(13) && gln_holds(number),
            "must have a GLN of thirteen digits with a right check digit after 0088, as 0088:7300010000001",
        ),
        "0060" => (is_digits(9), "must have a D-U-N-S number of nine digits after 0060"),
        _ if scheme.len() == 4 && scheme.bytes().all(|byte| byte.is_ascii_digit()) => (
            false,
            "has a scheme that Swedish organisations don't use in Peppol; it must be 0007, 0088 or 0060",
        ),
        _ => (false, SHAPE),
    };
    if holds { Ok(()) } else { Err(error) }
}

/// Returns `true` if the check digit of a GLN is correct: the sum of its digits, weighted 1 and 3
/// alternately from the end, is divisible by ten.
fn gln_holds(digits: &str) -> bool {
    let weighed = digits
        .bytes()
        .rev()
        .zip([1_u32, 3].into_iter().cycle())
        .map(|(byte, weight)| u32::from(byte.wrapping_sub(b'0')) * weight);
    weighed.sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peppol_participants_are_checked() {
        for valid in [
            "0007:2220001834",
            "0007:8025550008",
            "0088:7300010000001",
            "0088:7340000000000",
            "0060:123456789",
        ] {
            assert_eq!(check_peppol_id(valid), Ok(()), "{valid}");
        }
        for invalid in [
            "0007:2220001835",
            "0007:222000-1834",
            "0007:1212121212",
            "0007:222000183",
            "0007: 2220001834",
            "0007:22200018å4",
            "0088:7300010000002",
            "0088:730001000000",
            "0088:0000000000000000",
            "0060:12345678",
            "0060:1234567890",
            "9955:SE802555000801",
            "0192:810418052",
            "2220001834",
            "7:1",
            "",
        ] {
            assert!(check_peppol_id(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn organisation_numbers_are_checked() {
        for valid in ["222000-1834", "222000-2568", "802555-0008"] {
            assert!(valid.parse::<OrgNumber>().is_ok(), "{valid}");
        }
        for invalid in [
            "222000-1835",
            "121212-1212",
            "2220001834",
            "222000–1834",
            "",
            "22200-01834",
            "222000-18340",
        ] {
            assert!(invalid.parse::<OrgNumber>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn ocr_references_carry_length_and_check_digit() {
        for (base, reference) in
            [("123", "12351"), ("20220001", "2022000109"), ("1234567890", "123456789023")]
        {
            assert_eq!(ocr(base).as_deref(), Some(reference));
        }
        assert_eq!(ocr("K101"), None);
        assert_eq!(ocr(&"1".repeat(24)), None);
    }
}
