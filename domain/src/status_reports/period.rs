//! Reported periods: their labels, as `2026-T2`, and the months that they cover.

use chrono::{Days, Months, NaiveDate};

use crate::error::{FieldErrorCode, FieldProblem};

/// A part of a year: the end of its label, its first and its last month.
type Part = (&'static str, u32, u32);

/// The parts of a year that a label can name: the year itself, its halves, thirds and quarters, and
/// its months. A range of months, as `2026-03/2026-06`, is a label too.
const PARTS: [Part; 22] = [
    ("", 1, 12),
    ("-H1", 1, 6),
    ("-H2", 7, 12),
    ("-T1", 1, 4),
    ("-T2", 5, 8),
    ("-T3", 9, 12),
    ("-Q1", 1, 3),
    ("-Q2", 4, 6),
    ("-Q3", 7, 9),
    ("-Q4", 10, 12),
    ("-01", 1, 1),
    ("-02", 2, 2),
    ("-03", 3, 3),
    ("-04", 4, 4),
    ("-05", 5, 5),
    ("-06", 6, 6),
    ("-07", 7, 7),
    ("-08", 8, 8),
    ("-09", 9, 9),
    ("-10", 10, 10),
    ("-11", 11, 11),
    ("-12", 12, 12),
];

/// Returns the first and the last day of a period; `None` for a label of another form, which only
/// an imported report can have.
#[must_use]
pub fn days(label: &str) -> Option<(NaiveDate, NaiveDate)> {
    match label.split_once('/') {
        Some((first, last)) => {
            let (from, to) = (part(first)?.0, part(last)?.1);
            (is_month(first) && is_month(last) && from < to).then_some((from, to))
        }
        None => part(label),
    }
}

/// Returns the reason why no report can be filed on a period; `None` if one can. A period has one
/// label, so that a single month is no range.
#[must_use]
pub(super) fn problem(label: &str, today: NaiveDate) -> Option<FieldProblem> {
    if label.is_empty() {
        return Some(FieldErrorCode::Empty.problem("must not be empty"));
    }
    let Some((from, _)) = days(label) else {
        return Some(FieldErrorCode::InvalidValue.problem(reason(label)));
    };
    match label.split_once('/') {
        Some((first, last)) if first == last => {
            let message = format!("must not be a range of a single month; write {first}");
            Some(FieldErrorCode::InvalidValue.problem(message))
        }
        _ if from > today => Some(FieldErrorCode::too_late(today, "must not begin after today")),
        _ => None,
    }
}

/// Returns the reason why a label has none of the forms.
fn reason(label: &str) -> &'static str {
    let has_year =
        |label: &str| label.split_at_checked(4).is_some_and(|(year, _)| part(year).is_some());
    match label.split_once('/') {
        Some((first, last)) if part(first).is_some() && part(last).is_some() => {
            if first > last && is_month(first) && is_month(last) {
                "must not end before it begins; write the earlier month first"
            } else {
                "must be a range of months, as 2026-03/2026-06; other periods have no range"
            }
        }
        None if has_year(label) && label.as_bytes().get(4) == Some(&b'-') => {
            "has no such part of a year; write H1, H2, T1 to T3, Q1 to Q4 or 01 to 12, as 2026-T2"
        }
        _ => {
            "must be a year, a part of one or a range of months, as 2026, 2026-H1, 2026-T2, 2026-Q3, 2026-07 or 2026-03/2026-06"
        }
    }
}

/// Returns `true` if the label of a part of a year is that of a month: only these end in two
/// digits.
fn is_month(label: &str) -> bool {
    label.len() == 7 && !label.contains(['H', 'T', 'Q'])
}

/// Returns the first and the last day of a year or a part of it.
fn part(label: &str) -> Option<(NaiveDate, NaiveDate)> {
    let (year, end) = label.split_at_checked(4)?;
    let is_year =
        year.bytes().all(|byte| byte.is_ascii_digit()) && ("1900"..="2999").contains(&year);
    let (_, first, last) = PARTS.iter().find(|(part, ..)| is_year && *part == end)?;
    let year: i32 = year.parse().ok()?;
    let next = NaiveDate::from_ymd_opt(year, *last, 1)?.checked_add_months(Months::new(1))?;
    Some((NaiveDate::from_ymd_opt(year, *first, 1)?, next.checked_sub_days(Days::new(1))?))
}

/// Column of the label.
const LABEL: &str = "\"status_report\".\"period\"";

/// SQL expression for the first month of a period, as `2026-05`; null for a label of another form.
#[must_use]
pub(super) fn first_month() -> String {
    month(|(_, first, _)| *first, 1)
}

/// SQL expression for the last month of a period, as `2026-08`; null for a label of another form.
#[must_use]
pub(super) fn last_month() -> String {
    month(|(.., last)| *last, 9)
}

/// SQL expression for the first and the last month of a period, as `2026-05/2026-08`, in the order
/// of the days; empty for a label of another form. An index contains the same expression.
#[must_use]
pub(super) fn months() -> String {
    format!("COALESCE({} || '/' || {}, '')", first_month(), last_month())
}

/// SQL expression for a month of a period: that `of` a part of a year, or at a position of a range
/// of months.
fn month(of: fn(&Part) -> u32, position: u32) -> String {
    let months: String =
        PARTS.iter().map(|part| format!(" WHEN '{}' THEN '-{:02}'", part.0, of(part))).collect();
    format!(
        "(CASE WHEN length({LABEL}) = 15 AND substr({LABEL}, 8, 1) = '/' AND {} AND {} \
         AND substr({LABEL}, 1, 7) <= substr({LABEL}, 9, 7) THEN substr({LABEL}, {position}, 7) \
         WHEN {} THEN substr({LABEL}, 1, 4) || (CASE substr({LABEL}, 5){months} END) END)",
        is_month_at(1),
        is_month_at(9),
        is_year_at(1),
    )
}

/// SQL condition that a label has a year at a position.
fn is_year_at(position: u32) -> String {
    let year = format!("substr({LABEL}, {position}, 4)");
    format!(
        "length({year}) = 4 AND ltrim({year}, '0123456789') = '' \
         AND {year} >= '1900' AND {year} <= '2999'"
    )
}

/// SQL condition that a label has a month at a position, as `2026-07`.
fn is_month_at(position: u32) -> String {
    let months: Vec<_> = (1..=12).map(|month| format!("'-{month:02}'")).collect();
    let month = format!("substr({LABEL}, {}, 3)", position + 4);
    format!("{} AND {month} IN ({})", is_year_at(position), months.join(", "))
}

/// Returns the first month that begins on a day or later, as `2026-05`.
pub(super) fn month_from(day: NaiveDate) -> String {
    let before = day.pred_opt().unwrap_or(day);
    let next = before.checked_add_months(Months::new(1)).unwrap_or(before);
    next.format("%Y-%m").to_string()
}

/// Returns the last month that ends on a day or earlier, as `2026-08`.
pub(super) fn month_to(day: NaiveDate) -> String {
    let after = day.succ_opt().unwrap_or(day);
    let last = after.checked_sub_months(Months::new(1)).unwrap_or(after);
    last.format("%Y-%m").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_label_names_a_year_or_a_part_of_it() {
        for (label, expected) in [
            ("2026", Some(("2026-01-01", "2026-12-31"))),
            ("2026-H1", Some(("2026-01-01", "2026-06-30"))),
            ("2026-H2", Some(("2026-07-01", "2026-12-31"))),
            ("2026-T1", Some(("2026-01-01", "2026-04-30"))),
            ("2026-T2", Some(("2026-05-01", "2026-08-31"))),
            ("2026-T3", Some(("2026-09-01", "2026-12-31"))),
            ("2026-Q4", Some(("2026-10-01", "2026-12-31"))),
            ("2024-02", Some(("2024-02-01", "2024-02-29"))),
            ("2026-02", Some(("2026-02-01", "2026-02-28"))),
            ("1900", Some(("1900-01-01", "1900-12-31"))),
            ("2999-12", Some(("2999-12-01", "2999-12-31"))),
            ("1899", None),
            ("3000", None),
            ("2026-03/2026-06", Some(("2026-03-01", "2026-06-30"))),
            ("2025-11/2026-02", Some(("2025-11-01", "2026-02-28"))),
            ("2026-03/2026-03", Some(("2026-03-01", "2026-03-31"))),
            ("2026-06/2026-03", None),
            ("2026-T1/2026-T2", None),
            ("2026/2027", None),
            ("2026-03/2026-06/2026-07", None),
            ("2026-T4", None),
            ("2026-13", None),
            ("2026-t1", None),
            ("0026", None),
            ("202", None),
            ("20226", None),
            ("Våren 2026", None),
            ("", None),
        ] {
            let expected = expected.map(|(from, to)| (day(from), day(to)));
            assert_eq!(days(label), expected, "{label}");
        }
    }

    #[test]
    fn a_period_that_can_not_be_reported_on_has_its_reason() {
        let today = day("2026-11-21");
        for good in ["2026", "2026-H2", "2026-T3", "2026-Q4", "2026-11", "2026-11/2027-02", "1999"]
        {
            assert_eq!(problem(good, today), None, "{good}");
        }
        for (bad, code, reason) in [
            ("", FieldErrorCode::Empty, "must not be empty"),
            ("2026-12", FieldErrorCode::TooLate, "must not begin after today"),
            ("2999", FieldErrorCode::TooLate, "must not begin after today"),
            ("2027-01/2027-02", FieldErrorCode::TooLate, "must not begin after today"),
            ("2026-03/2026-03", FieldErrorCode::InvalidValue, "a single month; write 2026-03"),
            ("2026-06/2026-03", FieldErrorCode::InvalidValue, "must not end before it begins"),
            ("2026-T1/2026-T2", FieldErrorCode::InvalidValue, "must be a range of months"),
            ("2026/2027", FieldErrorCode::InvalidValue, "must be a range of months"),
            ("2026-T4", FieldErrorCode::InvalidValue, "has no such part of a year"),
            ("2026-13", FieldErrorCode::InvalidValue, "has no such part of a year"),
            ("2026-13/2026-14", FieldErrorCode::InvalidValue, "must be a year, a part of one"),
            ("V\u{e5}ren 2026", FieldErrorCode::InvalidValue, "must be a year, a part of one"),
            ("3000-T1", FieldErrorCode::InvalidValue, "must be a year, a part of one"),
        ] {
            let found = problem(bad, today).unwrap();
            assert_eq!(found.code, code, "{bad}");
            assert!(found.message.contains(reason), "{bad}: {found}");
        }
    }

    #[test]
    fn days_become_whole_months() {
        for (on, from, to) in [
            ("2026-05-01", "2026-05", "2026-04"),
            ("2026-05-02", "2026-06", "2026-04"),
            ("2026-05-30", "2026-06", "2026-04"),
            ("2026-05-31", "2026-06", "2026-05"),
            ("2026-12-31", "2027-01", "2026-12"),
            ("2026-01-01", "2026-01", "2025-12"),
        ] {
            assert_eq!((month_from(day(on)), month_to(day(on))), (from.into(), to.into()), "{on}");
        }
    }
}
