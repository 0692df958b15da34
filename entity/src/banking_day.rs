//! Banking days: the days on which a Swedish bank moves money, calculated for any year.
//!
//! No banking days are Saturdays, Sundays and public holidays (lag 1989:253 om allmänna helgdagar),
//! and Midsummer's, Christmas and New Year's Eve: skuldebrevslagen (1936:81) 5 § equates Saturdays
//! and these eves with holidays, and makes the next weekday the due date. It is about promissory
//! notes and is applied by analogy (`docs/laws.md`).

use chrono::{Datelike, Days, NaiveDate, Weekday};

/// Returns `true` if banks move money on a day.
#[must_use]
pub fn is_banking_day(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && holiday(day).is_none()
}

/// Returns the day itself if it is a banking day, else the next one. A payment that is due on
/// another day is due on that day.
#[must_use]
pub fn on_or_after(day: NaiveDate) -> NaiveDate {
    day.iter_days().find(|day| is_banking_day(*day)).unwrap_or(day)
}

/// Returns the latest banking day before a day. A payment is late on `day` if and only if it was
/// due by then: `due <= last_before(day)` is equivalent to `on_or_after(due) < day`.
#[must_use]
pub fn last_before(day: NaiveDate) -> NaiveDate {
    day.iter_days().rev().skip(1).find(|day| is_banking_day(*day)).unwrap_or(day)
}

/// Returns the Swedish name of the holiday or eve on a day; `None` on other days, including
/// Saturdays and Sundays.
#[must_use]
pub fn holiday(day: NaiveDate) -> Option<&'static str> {
    let (year, weekday) = (day.year(), day.weekday());
    let fixed = match (day.month(), day.day()) {
        (1, 1) => Some("nyårsdagen"),
        (1, 6) => Some("trettondedag jul"),
        (5, 1) => Some("första maj"),
        (6, 6) if year >= 2005 => Some("Sveriges nationaldag"),
        (6, 19..=25) if weekday == Weekday::Fri => Some("midsommarafton"),
        (6, 20..=26) if weekday == Weekday::Sat => Some("midsommardagen"),
        (10, 31) | (11, 1..=6) if weekday == Weekday::Sat => Some("alla helgons dag"),
        (12, 24) => Some("julafton"),
        (12, 25) => Some("juldagen"),
        (12, 26) => Some("annandag jul"),
        (12, 31) => Some("nyårsafton"),
        _ => None,
    };
    fixed.or_else(|| match (day - easter_sunday(year)?).num_days() {
        -2 => Some("långfredagen"),
        0 => Some("påskdagen"),
        1 => Some("annandag påsk"),
        39 => Some("Kristi himmelsfärdsdag"),
        49 => Some("pingstdagen"),
        // Sveriges nationaldag replaced it in 2005.
        50 if year < 2005 => Some("annandag pingst"),
        _ => None,
    })
}

/// Returns Easter Sunday of a year by the Gregorian calendar (the algorithm of Meeus, Jones and
/// Butcher); `None` outside of the calendar.
#[must_use]
pub fn easter_sunday(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let (century, rest) = (year.div_euclid(100), year.rem_euclid(100));
    let leap_centuries = century.div_euclid(4);
    let moon = (century - (century + 8).div_euclid(25) + 1).div_euclid(3);
    let epact = (19 * golden + century - leap_centuries - moon + 15).rem_euclid(30);
    let weekday =
        (32 + 2 * century.rem_euclid(4) + 2 * rest.div_euclid(4) - epact - rest.rem_euclid(4))
            .rem_euclid(7);
    let correction = (golden + 11 * epact + 22 * weekday).div_euclid(451);
    let days = u64::try_from(epact + weekday - 7 * correction).ok()?;
    NaiveDate::from_ymd_opt(year, 3, 22)?.checked_add_days(Days::new(days))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Easter Sunday and Midsummer's Eve of the years 2020 to 2040, from almanacs.
    const YEARS: [(&str, &str); 21] = [
        ("2020-04-12", "2020-06-19"),
        ("2021-04-04", "2021-06-25"),
        ("2022-04-17", "2022-06-24"),
        ("2023-04-09", "2023-06-23"),
        ("2024-03-31", "2024-06-21"),
        ("2025-04-20", "2025-06-20"),
        ("2026-04-05", "2026-06-19"),
        ("2027-03-28", "2027-06-25"),
        ("2028-04-16", "2028-06-23"),
        ("2029-04-01", "2029-06-22"),
        ("2030-04-21", "2030-06-21"),
        ("2031-04-13", "2031-06-20"),
        ("2032-03-28", "2032-06-25"),
        ("2033-04-17", "2033-06-24"),
        ("2034-04-09", "2034-06-23"),
        ("2035-03-25", "2035-06-22"),
        ("2036-04-13", "2036-06-20"),
        ("2037-04-05", "2037-06-19"),
        ("2038-04-25", "2038-06-25"),
        ("2039-04-10", "2039-06-24"),
        ("2040-04-01", "2040-06-22"),
    ];

    #[test]
    fn holidays_follow_the_almanac_from_2020_to_2040() {
        for (easter, midsummer) in YEARS {
            let (easter, midsummer) = (day(easter), day(midsummer));
            let year = easter.year();
            let after = |from: NaiveDate, days: i64| from + chrono::TimeDelta::days(days);
            let all_saints = NaiveDate::from_ymd_opt(year, 10, 31)
                .unwrap()
                .iter_days()
                .find(|day| day.weekday() == Weekday::Sat)
                .unwrap();
            let fixed = ["01-01", "01-06", "05-01", "06-06", "12-24", "12-25", "12-26", "12-31"]
                .map(|rest| day(&format!("{year}-{rest}")));
            let moving = [-2, 0, 1, 39, 49].map(|days| after(easter, days));
            let expected: BTreeSet<NaiveDate> = fixed
                .into_iter()
                .chain(moving)
                .chain([midsummer, after(midsummer, 1), all_saints])
                .collect();
            let first = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            let found: BTreeSet<NaiveDate> = first
                .iter_days()
                .take_while(|day| day.year() == year)
                .filter(|day| holiday(*day).is_some())
                .collect();
            assert_eq!(found, expected, "{year}");
        }
    }

    #[test]
    fn holidays_have_their_names() {
        for (on, name) in [
            ("2026-04-03", Some("långfredagen")),
            ("2026-04-05", Some("påskdagen")),
            ("2026-04-06", Some("annandag påsk")),
            ("2026-05-14", Some("Kristi himmelsfärdsdag")),
            ("2026-05-24", Some("pingstdagen")),
            ("2026-05-25", None),
            ("2004-05-31", Some("annandag pingst")),
            ("2004-06-06", None),
            ("2005-06-06", Some("Sveriges nationaldag")),
            ("2026-06-19", Some("midsommarafton")),
            ("2026-06-20", Some("midsommardagen")),
            ("2026-10-31", Some("alla helgons dag")),
            ("2027-11-06", Some("alla helgons dag")),
            ("2026-12-31", Some("nyårsafton")),
            ("2026-12-30", None),
        ] {
            assert_eq!(holiday(day(on)), name, "{on}");
        }
    }

    #[test]
    fn a_due_date_moves_to_the_next_banking_day() {
        for (due, moved) in [
            // Sunday, Saturday and a weekday.
            ("2026-11-29", "2026-11-30"),
            ("2026-11-28", "2026-11-30"),
            ("2026-11-30", "2026-11-30"),
            // From Christmas over a weekend, and from New Year's Eve.
            ("2026-12-24", "2026-12-28"),
            ("2026-12-31", "2027-01-04"),
            ("2025-12-24", "2025-12-29"),
            // Easter, Ascension, Midsummer, the national day on a Thursday.
            ("2026-04-03", "2026-04-07"),
            ("2026-05-14", "2026-05-15"),
            ("2026-06-19", "2026-06-22"),
            ("2030-06-06", "2030-06-07"),
            ("2026-01-06", "2026-01-07"),
            ("2026-05-01", "2026-05-04"),
        ] {
            assert_eq!(on_or_after(day(due)), day(moved), "{due}");
        }
    }

    #[test]
    fn lateness_by_previous_banking_day_equals_lateness_by_moved_due_date() {
        let days: Vec<NaiveDate> =
            day("2019-12-01").iter_days().take_while(|on| *on < day("2022-02-01")).collect();
        for (position, on) in days.iter().enumerate().skip(20) {
            for due in &days[position - 20..=position] {
                assert_eq!(*due <= last_before(*on), on_or_after(*due) < *on, "due {due}, on {on}");
            }
        }
        assert_eq!(last_before(day("2027-01-04")), day("2026-12-30"));
    }
}
