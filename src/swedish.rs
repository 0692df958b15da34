//! Swedish as people read it: the order of names, and kronor in tables and documents.

use chrono::{Datelike, NaiveDate};
use entity::money::Money;

/// Folds a name so that a plain byte order is Swedish dictionary order (å, ä, ö last, after z) and capitals and accents don't count.
#[must_use]
pub fn key(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 8);
    for char in name.trim().chars().flat_map(char::to_lowercase) {
        match char {
            // `{`, `|` and `}` follow z.
            'å' => key.push('{'),
            'ä' | 'æ' => key.push('|'),
            'ö' | 'ø' => key.push('}'),
            'à' | 'á' | 'â' | 'ã' => key.push('a'),
            'è' | 'é' | 'ê' | 'ë' => key.push('e'),
            'ì' | 'í' | 'î' | 'ï' => key.push('i'),
            'ò' | 'ó' | 'ô' | 'õ' => key.push('o'),
            'ù' | 'ú' | 'û' => key.push('u'),
            'ü' | 'ý' => key.push('y'),
            'ç' => key.push('c'),
            'ñ' => key.push('n'),
            'ß' => key.push_str("ss"),
            '{' | '|' | '}' => key.push('~'),
            other => key.push(other),
        }
    }
    key
}

/// A document number so that it sorts as people count: every run of digits padded, `2026-42` before `2026-0101`.
#[must_use]
pub fn number_key(number: &str) -> String {
    let mut key = String::new();
    let mut rest = number;
    while let Some(char) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            key.extend(char.to_lowercase());
            rest = &rest[char.len_utf8()..];
        } else {
            let run = rest[..digits].trim_start_matches('0');
            key.push_str(&format!("{run:0>12}"));
            rest = &rest[digits..];
        }
    }
    key
}

/// A day as contracts write it: `den 1 januari 2027`.
#[must_use]
pub fn date(day: NaiveDate) -> String {
    const MONTHS: [&str; 12] =
        ["januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"];
    format!("den {} {} {}", day.day(), MONTHS[day.month0() as usize], day.year())
}

/// Kronor as people write them: `1 467 393,60`, with no-break spaces.
#[must_use]
pub fn kronor(amount: Money) -> String {
    let plain = Money(amount.0.abs()).to_string();
    let (whole, ore) = plain.split_once('.').unwrap_or((&plain, "00"));
    let sign = if amount.0 < 0 { "\u{2212}" } else { "" };
    format!("{sign}{},{ore}", thousands(whole))
}

/// Digits in groups of three, with no-break spaces.
#[must_use]
pub fn thousands(digits: &str) -> String {
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_in_a_swedish_dictionary() {
        let mut names = ["Östersund", "Åre", "zeta", "Älvdalen", "Zorn", "Ale", "Éva", "eva"];
        names.sort_by_key(|name| key(name));
        assert_eq!(names, ["Ale", "Éva", "eva", "zeta", "Zorn", "Åre", "Älvdalen", "Östersund"]);
    }

    #[test]
    fn numbers_sort_as_people_count() {
        let mut numbers = ["2026-10000", "2026-0042", "2025-9999", "K2", "K10", "7"];
        numbers.sort_by_key(|number| number_key(number));
        assert_eq!(numbers, ["7", "2025-9999", "2026-0042", "2026-10000", "K2", "K10"]);
    }

    #[test]
    fn days_are_written_out() {
        assert_eq!(date("2027-01-01".parse().unwrap()), "den 1 januari 2027");
        assert_eq!(date("2028-02-29".parse().unwrap()), "den 29 februari 2028");
    }

    #[test]
    fn kronor_have_swedish_spacing() {
        assert_eq!(kronor(Money(146_739_360)), "1\u{a0}467\u{a0}393,60");
        assert_eq!(kronor(Money(-12_345)), "\u{2212}123,45");
        assert_eq!(kronor(Money(100_000)), "1\u{a0}000,00");
    }
}
