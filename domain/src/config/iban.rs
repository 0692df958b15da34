//! Account numbers for payments from abroad: IBAN (ISO 13616) with its check digits, and BIC (ISO
//! 9362).

use super::environment::checked;
use ::entity::number::luhn_holds;
use std::ops::RangeInclusive;

/// Returns an IBAN in groups of four characters, as `SE45 5000 0000 0583 9825 7466`.
///
/// # Errors
/// A description of the error, for the user.
pub(super) fn iban(text: &str) -> Result<String, String> {
    let plain: String = text.chars().filter(|char| *char != ' ').collect::<String>().to_uppercase();
    let is_shaped = (15..=34).contains(&plain.len())
        && plain.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && plain.bytes().take(2).all(|byte| byte.is_ascii_uppercase())
        && plain.bytes().skip(2).take(2).all(|byte| byte.is_ascii_digit());
    if !is_shaped || remainder(&plain) != 1 {
        return Err("is not an IBAN, as SE45 5000 0000 0583 9825 7466".to_owned());
    }
    let groups: Vec<String> = plain
        .as_bytes()
        .chunks(4)
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    Ok(groups.join(" "))
}

/// Returns the remainder modulo 97 of the number that an IBAN stands for, with the first four
/// characters moved to the end and letters as 10 to 35. It is 1 for a valid IBAN.
fn remainder(iban: &str) -> u32 {
    let rotated = iban.chars().skip(4).chain(iban.chars().take(4));
    let shifted = |sum: u32, digit: u32| sum * if digit < 10 { 10 } else { 100 };
    rotated
        .filter_map(|char| char.to_digit(36))
        .fold(0, |sum, digit| (shifted(sum, digit) + digit) % 97)
}

/// Returns a BIC, as `ESSESESS`: eight or eleven characters, the fifth and sixth of them a country.
///
/// # Errors
/// A description of the error, for the user.
pub(super) fn bic(text: &str) -> Result<String, String> {
    let plain = text.to_uppercase();
    let is_bic = matches!(plain.len(), 8 | 11)
        && plain.bytes().take(6).all(|byte| byte.is_ascii_uppercase())
        && plain.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if is_bic { Ok(plain) } else { Err("is not a BIC, as ESSESESS".to_owned()) }
}

pub(super) fn giro(
    text: &str,
    lengths: RangeInclusive<usize>,
    error: &str,
) -> Result<String, String> {
    let digits = text.replace([' ', '-'], "");
    checked(text, lengths.contains(&digits.len()) && luhn_holds(&digits), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iban_has_its_check_digits() {
        for (text, expected) in [
            ("SE4550000000058398257466", "SE45 5000 0000 0583 9825 7466"),
            ("se45 5000 0000 0583 9825 7466", "SE45 5000 0000 0583 9825 7466"),
            ("GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32"),
        ] {
            assert_eq!(iban(text).as_deref(), Ok(expected));
        }
        for text in [
            "SE4550000000058398257467",
            "SE45",
            "5050-1055",
            "4550000000058398257466SE",
            "SE45 5000 0000 0583 9825 746å",
        ] {
            assert!(iban(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bic_names_a_bank_and_a_country() {
        assert_eq!(bic("essesess").as_deref(), Ok("ESSESESS"));
        assert_eq!(bic("DEUTDEFF500").as_deref(), Ok("DEUTDEFF500"));
        for text in ["ESSE", "ESSESES", "1SSESESS", "ESSESESS12"] {
            assert!(bic(text).is_err(), "{text}");
        }
    }
}
