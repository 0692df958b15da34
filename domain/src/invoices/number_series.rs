//! Series of the numbers of invoices and credit notes: their form, order and payment references.

use std::{collections::HashMap, ops::RangeInclusive};

use ::entity::{
    kind::InvoiceKind,
    number::{luhn_digit, ocr},
};
use chrono::{Datelike, NaiveDate};

use crate::{
    collation,
    error::{FieldErrorCode, ValidationErrors},
};

/// Maximum number of digits of a number in a series: as many as [`collation::number_key`] can
/// order.
const MAX_DIGITS: usize = 12;
/// Years that a series can belong to.
pub(super) const YEARS: RangeInclusive<u16> = 1990..=2199;

/// The next numbers of a series. Valid only within the transaction that reads and writes them,
/// since writers are serialized.
#[derive(Clone, Debug)]
pub(super) struct NumberSeries {
    pub(super) series: String,
    next: u64,
    /// Number of digits of its numbers after its name.
    pub(super) width: usize,
}

impl NumberSeries {
    /// Returns the series that continues the one of the latest number, else `20260001` for invoices
    /// and `K20260001` for credit notes. A series that begins with a year starts over each year.
    pub(super) fn after(latest: Option<&str>, kind: InvoiceKind, year: i32) -> Self {
        let letter = if kind == InvoiceKind::CreditNote { "K" } else { "" };
        let style = latest.and_then(|number| Some((split(number)?.0, number)));
        let (series, width) = match style {
            Some((series, number)) => (of_year(series, year), number.len() - series.len()),
            None => (format!("{letter}{year}"), 4),
        };
        Self { series, next: 1, width }
    }

    /// Continues after the last position used in the series.
    pub(super) fn following_position(self, last: Option<u64>) -> Self {
        Self { next: last.map_or(1, |last| last + 1), ..self }
    }

    /// Takes the next number.
    pub(super) fn take(&mut self) -> String {
        let number = format!("{}{:0width$}", self.series, self.next, width = self.width);
        self.next += 1;
        number
    }
}

/// Returns the same kind of series for another year.
pub(super) fn of_year(series: &str, year: i32) -> String {
    let (letter, rest) = series.split_at(usize::from(series.starts_with('K')));
    match rest.get(4..) {
        Some(hyphen) => format!("{letter}{year}{hyphen}"),
        None => series.to_owned(),
    }
}

/// Returns the ranges of [`collation::number_key`] that hold the numbers of a series, in ascending
/// order.
pub(super) fn keys_of(series: &str) -> Vec<RangeInclusive<String>> {
    let between = |first: u64, last: u64| {
        let letter = &series[..usize::from(series.starts_with('K'))];
        collation::number_key(&format!("{letter}{first}"))
            ..=collation::number_key(&format!("{letter}{last}"))
    };
    if let Some(year) = series.strip_suffix('-') {
        return vec![
            collation::number_key(&format!("{year}-0"))
                ..=collation::number_key(&format!("{year}-{}", "9".repeat(MAX_DIGITS))),
        ];
    }
    let tens = |digits: usize| 10_u64.pow(u32::try_from(digits).unwrap_or_default());
    match series.trim_start_matches('K').parse::<u64>() {
        // A year and three digits or more.
        Ok(year) => (3..=MAX_DIGITS - 4)
            .map(|rest| between(year * tens(rest), (year + 1) * tens(rest) - 1))
            .collect(),
        // Every number that does not begin with a year.
        Err(_) => {
            let (first, last) = (u64::from(*YEARS.start()), u64::from(*YEARS.end()));
            let around = |rest: usize| {
                [
                    between(tens(rest + 3), first * tens(rest) - 1),
                    between((last + 1) * tens(rest), tens(rest + 4) - 1),
                ]
            };
            std::iter::once(between(0, tens(6) - 1))
                .chain((3..=MAX_DIGITS - 4).flat_map(around))
                .collect()
        }
    }
}

/// Returns a single range of [`collation::number_key`] that holds all numbers of a series with at
/// least `width` digits after its name, and possibly numbers of other series.
pub(super) fn keys_from(series: &str, width: usize) -> RangeInclusive<String> {
    let first = collation::number_key(&format!("{series}{:0width$}", 0));
    match keys_of(series).pop() {
        Some(last) => first..=last.end().clone(),
        None => first.clone()..=first,
    }
}

/// Checks a stated day of issue: it is not after today, in a year that a series can belong to, and
/// not before `latest`, the day of the latest document of its kind, so that numbers follow days.
pub(super) fn check_day(
    day: NaiveDate,
    today: NaiveDate,
    latest: Option<NaiveDate>,
    errors: &mut ValidationErrors,
) {
    errors.expect(
        day <= today,
        "issued_on",
        FieldErrorCode::too_late(today, "must not be after today"),
    );
    let first = NaiveDate::from_ymd_opt((*YEARS.start()).into(), 1, 1).unwrap_or(day);
    let in_known_year = u16::try_from(day.year()).is_ok_and(|year| YEARS.contains(&year));
    errors.expect(
        in_known_year,
        "issued_on",
        FieldErrorCode::too_early(
            first,
            "must not be before 1990, the first year of the number series",
        ),
    );
    if let Some(latest) = latest.filter(|latest| *latest > day) {
        errors.add(
            "issued_on",
            FieldErrorCode::too_early(
                latest,
                format!(
                    "must not be before {latest}, the day of the latest one: numbers follow days"
                ),
            ),
        );
    }
}

/// Returns the payment reference of an invoice number: its digits, a length digit unless the bank
/// wants none, and a check digit. `None` for a number without digits or with too many.
#[must_use]
pub(super) fn reference(number: &str, has_length_digit: bool) -> Option<String> {
    let base: String = number.chars().filter(char::is_ascii_digit).collect();
    if has_length_digit {
        ocr(&base)
    } else {
        (!base.is_empty() && base.len() < 25).then(|| format!("{base}{}", luhn_digit(&base)))
    }
}

/// The last number of each series and its width, while numbers are read in order.
#[derive(Default)]
pub(super) struct GapFinder(HashMap<String, (u64, usize)>);

impl GapFinder {
    /// Returns the numbers that are missing before this one, if it belongs to a gapless series:
    /// digits only, or a year, a hyphen and digits.
    pub(super) fn next(&mut self, number: &str) -> Option<String> {
        let (series, count) = split(number)?;
        let (last, width) =
            self.0.insert(series.to_owned(), (count, number.len() - series.len()))?;
        match count.saturating_sub(last) {
            0 | 1 => None,
            2 => Some(format!("{series}{:0width$}", last + 1)),
            _ => Some(format!("{series}{:0width$} to {series}{:0width$}", last + 1, count - 1)),
        }
    }
}

/// Returns the series of a number; `None` if it belongs to none.
pub(super) fn series_of(number: &str) -> Option<&str> {
    split(number).map(|(series, _)| series)
}

/// Returns the series of a number and its position in the series. A number of digits that begins
/// with a year belongs to that year: `20260042`. Numbers of credit notes may begin with a K.
pub(super) fn split(number: &str) -> Option<(&str, u64)> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let letters = usize::from(number.starts_with('K'));
    let year = number
        .get(letters..letters + 4)
        .filter(|year| is_digits(year) && YEARS.contains(&year.parse().unwrap_or(0)));
    let after = letters + 4;
    let series = match year {
        Some(_) if number[after..].starts_with('-') => &number[..=after],
        Some(_) if number.len() >= letters + 7 => &number[..after],
        _ => "",
    };
    let count = &number[series.len()..];
    is_digits(count).then(|| count.parse().ok()).flatten().map(|count| (series, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_the_digits_that_the_bank_requires() {
        assert_eq!(reference("20220001", true).as_deref(), Some("2022000109"));
        assert_eq!(reference("2022-0001", true).as_deref(), Some("2022000109"));
        assert_eq!(reference("123", false).as_deref(), Some("1230"));
        assert_eq!((reference("K", true), reference(&"1".repeat(25), false)), (None, None));
    }

    #[test]
    fn a_series_continues_in_its_own_format() {
        for (number, year, next) in [
            ("20260042", 2026, "20260043"),
            ("20260042", 2027, "20270043"),
            ("2026-0009", 2026, "2026-0010"),
            ("1041", 2027, "1042"),
            ("K20260099", 2026, "K20260100"),
            ("009", 2026, "010"),
        ] {
            let (_, position) = split(number).unwrap();
            let series = NumberSeries::after(Some(number), InvoiceKind::Invoice, year);
            let mut numbers = series.following_position(Some(position));
            assert_eq!(numbers.take(), next);
        }
    }

    #[test]
    fn the_first_number_of_a_kind_begins_with_the_year() {
        for (kind, latest, first) in [
            (InvoiceKind::Invoice, None, "20260001"),
            (InvoiceKind::CreditNote, None, "K20260001"),
            (InvoiceKind::Invoice, Some("x-1"), "20260001"),
            (InvoiceKind::Invoice, Some("20250042"), "20260001"),
            (InvoiceKind::CreditNote, Some("K2025-042"), "K2026-001"),
            (InvoiceKind::Invoice, Some("1041"), "0001"),
        ] {
            let mut numbers = NumberSeries::after(latest, kind, 2026);
            assert_eq!(numbers.take(), first, "{latest:?}");
            assert_ne!(numbers.take(), first, "each number is taken once");
        }
    }

    #[test]
    fn days_of_issue_follow_the_numbers() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (stated, latest, is_good) in [
            ("2026-11-20", None, true),
            ("2026-11-21", None, false),
            ("1989-12-31", None, false),
            ("1990-01-01", None, true),
            ("2026-11-20", Some("2026-11-20"), true),
            ("2026-11-18", Some("2026-11-19"), false),
        ] {
            let mut errors = ValidationErrors::default();
            check_day(day(stated), day("2026-11-20"), latest.map(day), &mut errors);
            assert_eq!(errors.is_empty(), is_good, "{stated} {latest:?}");
        }
    }

    #[test]
    fn every_number_is_in_the_key_range_of_its_series() {
        for number in [
            "1",
            "009",
            "999999",
            "1000001",
            "1989999",
            "1990001",
            "20260042",
            "202610000",
            "219999999999",
            "2200001",
            "K2026001",
        ] {
            let (series, _) = split(number).unwrap();
            let key = collation::number_key(number);
            let is_in =
                |series: &str| keys_of(series).iter().filter(|keys| keys.contains(&key)).count();
            assert_eq!(is_in(series), 1, "{number} of the series {series:?}");
            for other in ["", "1990", "2026", "K2026", "2026-", "K2026-"]
                .into_iter()
                .filter(|other| *other != series)
            {
                assert_eq!(is_in(other), 0, "{number} of the series {other:?}");
            }
        }
        for (number, series) in [("2026-0042", "2026-"), ("K2026-123456789012", "K2026-")] {
            assert_eq!(split(number).map(|(series, _)| series), Some(series));
            assert!(
                keys_of(series).iter().any(|keys| keys.contains(&collation::number_key(number))),
                "{number}"
            );
        }
        for series in ["", "2026", "K2026"] {
            assert!(
                keys_of(series).windows(2).all(|pair| pair[0].end() < pair[1].start()),
                "{series:?}"
            );
        }
    }

    #[test]
    fn one_range_has_all_numbers_of_a_series_from_a_width_on() {
        for (series, width, within, outside, is_whole) in [
            ("", 4, &["1", "1041", "999999", "2200001"][..], &["K1"][..], true),
            (
                "2026",
                4,
                &["20260001", "202610000", "202699999999"],
                &["2026001", "20250099"],
                false,
            ),
            ("2026", 3, &["2026001", "20260001"], &["2025999"], true),
            ("K2026", 4, &["K20260001", "K202610000"], &["20260001", "K20250001"], false),
            ("2026-", 4, &["2026-1", "2026-0001", "2026-10000"], &["2025-9999", "20260001"], true),
        ] {
            let keys = keys_from(series, width);
            for (numbers, expected) in [(within, true), (outside, false)] {
                for number in numbers {
                    let is_in = keys.contains(&collation::number_key(number));
                    assert_eq!(is_in, expected, "{number} of {series:?} from {width} digits on");
                }
            }
            let first = keys_of(series).swap_remove(0);
            assert_eq!(keys.start() <= first.start(), is_whole, "{series:?}");
        }
    }

    #[test]
    fn gaps_are_found_in_each_series() {
        let missing = |numbers: &[&str]| {
            let mut series = GapFinder::default();
            numbers.iter().filter_map(|number| series.next(number)).collect::<Vec<_>>()
        };
        assert!(missing(&["1", "2", "3", "10", "11"]).contains(&"4 to 9".to_owned()));
        assert!(
            missing(&["20240001", "20240002", "20250001", "20250002"]).is_empty(),
            "each year starts over"
        );
        assert_eq!(missing(&["20249998", "20249999", "202410000", "202410002"]), ["202410001"]);
        assert_eq!(missing(&["2026-0001", "2026-0003"]), ["2026-0002"]);
        assert!(
            missing(&["K2", "K10", "2026-x", "", "åäö", "12-3"]).is_empty(),
            "others make no series"
        );
        assert_eq!(
            missing(&["K20260001", "K20260003", "K2026-1", "K2026-3"]),
            ["K20260002", "K2026-2"]
        );
        assert_eq!(missing(&["1041", "1043"]), ["1042"]);
    }
}
