//! Numbers of agreements: `YYYY-NNNN`, without gaps in a year, continuing after imported history.

use crate::collation;

/// Number of digits to which a run of digits is padded in a number's key.
const DIGITS: usize = 12;

/// Returns the keys of the first and of the last serial number of a year.
pub(super) fn keys_of(year: i32) -> (String, String) {
    let key = |serial: &str| collation::number_key(&format!("{year}-{serial}"));
    (key("0"), key(&"9".repeat(DIGITS)))
}

/// Returns the number of a year after the one with this key; `None`: the year has none.
pub(super) fn after(year: i32, last_key: Option<&str>) -> String {
    let serial = |key: &str| key.get(key.len().checked_sub(DIGITS)?..)?.parse::<u64>().ok();
    let serial = last_key.and_then(serial).unwrap_or_default() + 1;
    format!("{year}-{serial:04}")
}

/// Returns the year of a number in this register's format: `2026-0007`.
pub(super) fn year(number: &str) -> Option<&str> {
    let (year, serial) = number.split_once('-')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (year.len() == 4 && is_digits(year) && is_digits(serial)).then_some(year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_continue_after_the_last_one_of_the_year() {
        assert_eq!(after(2026, None), "2026-0001");
        for (last, next) in [
            ("2026-0001", "2026-0002"),
            ("2026-41", "2026-0042"),
            ("2026-9999", "2026-10000"),
            ("2026-123456", "2026-123457"),
        ] {
            assert_eq!(after(2026, Some(&collation::number_key(last))), next, "{last}");
        }
    }

    #[test]
    fn the_keys_of_a_year_include_its_serial_numbers_only() {
        let (first, last) = keys_of(2026);
        assert_eq!(first.len(), last.len());
        let is_within = |number: &str| {
            let key = collation::number_key(number);
            first <= key && key <= last
        };
        for number in ["2026-0001", "2026-0042", "2026-123456"] {
            assert!(is_within(number), "{number}");
        }
        for number in ["2025-0001", "2027-0001", "A-7"] {
            assert!(!is_within(number), "{number}");
        }
    }

    #[test]
    fn only_numbers_of_this_format_have_a_year() {
        assert_eq!(year("2026-0007"), Some("2026"));
        for number in ["2026-0007b", "26-0007", "A-7", "2026-", "2026"] {
            assert_eq!(year(number), None, "{number}");
        }
    }
}
