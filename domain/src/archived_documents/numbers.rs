//! Registry numbers (diarienummer): `D2026-0001`, gapless per year of the registration.

use std::collections::{BTreeMap, BTreeSet};

use ::entity::archived_document::{Column, Entity};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

use crate::error::Result;

/// Maximum number of missing numbers that are named for a year.
const MAX_NAMED: usize = 20;

/// Returns the next registry number of a year.
pub(super) async fn next(tx: &impl ConnectionTrait, year: i32) -> Result<String> {
    let last = Entity::find()
        .select_only()
        .column(Column::Number)
        .filter(Column::Number.starts_with(format!("D{year}-")))
        // A longer number is higher.
        .order_by_desc(Expr::cust("LENGTH(\"archived_document\".\"number\")"))
        .order_by_desc(Column::Number)
        .into_tuple::<String>()
        .one(tx)
        .await?;
    let serial = last.as_deref().and_then(parse).map_or(0, |(_, serial)| serial);
    Ok(format(year, serial + 1))
}

fn format(year: i32, serial: u32) -> String {
    format!("D{year}-{serial:04}")
}

/// Largest serial number: a register has no million documents of a year.
const MAX_SERIAL: u32 = 999_999;

/// Returns the year and the serial number of a registry number; `None` for a text of another form.
pub(super) fn parse(number: &str) -> Option<(i32, u32)> {
    let (year, serial) = number.strip_prefix('D')?.split_once('-')?;
    let read = (year.parse().ok()?, serial.parse().ok()?);
    ((1..=MAX_SERIAL).contains(&read.1) && format(read.0, read.1) == number).then_some(read)
}

/// Returns a sentence for each number of another form, and for each year without one of the numbers
/// before its last.
pub(super) fn violations<'n>(numbers: impl IntoIterator<Item = &'n str>) -> Vec<String> {
    let (mut found, mut years) = (Vec::new(), BTreeMap::<i32, BTreeSet<u32>>::new());
    for number in numbers {
        match parse(number) {
            Some((year, serial)) => _ = years.entry(year).or_default().insert(serial),
            None => found.push(format!("an archived document has the number {number}")),
        }
    }
    for (year, serials) in years {
        let last = serials.last().copied().unwrap_or_default();
        let missing: Vec<String> = (1..last)
            .filter(|serial| !serials.contains(serial))
            .take(MAX_NAMED)
            .map(|serial| format(year, serial))
            .collect();
        if !missing.is_empty() {
            found.push(format!("there is no archived document {}", missing.join(", ")));
        }
    }
    found
}

/// Returns the last serial number of each year.
pub(super) fn last<'n>(numbers: impl IntoIterator<Item = &'n str>) -> BTreeMap<i32, u32> {
    let mut last = BTreeMap::new();
    for (year, serial) in numbers.into_iter().filter_map(parse) {
        let highest = last.entry(year).or_insert(serial);
        *highest = serial.max(*highest);
    }
    last
}

/// Returns each number after the last of its year that does not follow another one, and the missing
/// number before it.
pub(super) fn gaps_after<'n>(
    last: &BTreeMap<i32, u32>,
    numbers: impl IntoIterator<Item = &'n str>,
) -> Vec<(String, String)> {
    let all: BTreeSet<(i32, u32)> = numbers.into_iter().filter_map(parse).collect();
    let is_after_gap = |&&(year, serial): &&(i32, u32)| {
        let last = last.get(&year).copied().unwrap_or_default();
        serial > last && serial > 1 && !all.contains(&(year, serial - 1))
    };
    let named = |&(year, serial): &(i32, u32)| (format(year, serial), format(year, serial - 1));
    all.iter().filter(is_after_gap).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_year_and_a_serial() {
        for (number, expected) in [
            ("D2026-0001", Some((2026, 1))),
            ("D2026-12345", Some((2026, 12_345))),
            ("D2026-00001", None),
            ("D2026-1", None),
            ("D2026-0000", None),
            ("2026-0001", None),
            ("D2026", None),
        ] {
            assert_eq!(parse(number), expected, "{number}");
        }
    }

    #[test]
    fn gaps_after_the_last_numbers_are_found() {
        let before = last(["D2026-0001", "D2026-0004", "D2027-0001", "x"]);
        assert_eq!(before, BTreeMap::from([(2026, 4), (2027, 1)]));
        let now = [
            "D2025-0001",
            "D2026-0001",
            "D2026-0003",
            "D2026-0004",
            "D2026-0005",
            "D2027-0001",
            "D2027-0003",
            "D2027-0004",
            "D2028-0002",
        ];
        let named = |number: &str, missing: &str| (number.to_owned(), missing.to_owned());
        assert_eq!(
            gaps_after(&before, now),
            [named("D2027-0003", "D2027-0002"), named("D2028-0002", "D2028-0001")]
        );
    }

    #[test]
    fn missing_numbers_are_named() {
        assert_eq!(violations(["D2026-0001", "D2026-0002", "D2027-0001"]), [""; 0]);
        assert_eq!(
            violations(["D2026-0004", "D2026-0001", "x"]),
            [
                "an archived document has the number x",
                "there is no archived document D2026-0002, D2026-0003"
            ]
        );
    }
}
