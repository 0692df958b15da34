//! Numbers of invoices and credit notes: gapless in each series, going on where imported history
//! ends.

use std::{collections::HashMap, ops::RangeInclusive};

use ::entity::{
    invoice::{Column, Entity, Model},
    kind::InvoiceKind,
    number::{luhn_digit, ocr},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Func, Query},
};

use crate::{database::rows, error::Result, swedish};

/// Documents that are looked at for one whose number belongs to a series.
const LATEST: u64 = 100;
/// The most digits of a number that belongs to a series, as many as [`swedish::number_key`] tells
/// apart.
const DIGITS: usize = 12;
/// The years that a series can be of.
pub(super) const YEARS: RangeInclusive<u16> = 1990..=2199;

/// The numbers that follow the last one of a series, for the transaction that asks for them and
/// writes them: writers take turns.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    series: String,
    next: u64,
    width: usize,
}

impl Numbers {
    /// Those of the series of this kind on this day of issue: that of the latest document until
    /// then, or else of any, or else `20260001` for invoices and `K20260001` for credit notes. What
    /// begins with a year begins anew each year.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub(super) async fn of(
        db: &impl ConnectionTrait,
        kind: InvoiceKind,
        issued_on: NaiveDate,
    ) -> Result<Self> {
        let letter = if kind == InvoiceKind::CreditNote { "K" } else { "" };
        let latest = match latest(db, kind, Some(issued_on)).await? {
            // Imported history may have a document of another series that is dated ahead.
            None => latest(db, kind, None).await?,
            known => known,
        };
        let style = latest.as_deref().and_then(split);
        let (series, width) = match (style, &latest) {
            (Some((series, _)), Some(number)) => {
                (of_year(series, issued_on.year()), number.len() - series.len())
            }
            _ => (format!("{letter}{}", issued_on.year()), 4),
        };
        let next = last_in(db, kind, &series).await?.map_or(1, |last| last + 1);
        Ok(Self { series, next, width })
    }

    /// The condition that a document of this kind has a number of the series.
    pub(super) fn is_of_series(&self) -> Condition {
        let lies_in = |keys: RangeInclusive<String>| {
            Expr::col(Column::NumberKey).between(keys.start().as_str(), keys.end().as_str())
        };
        let keys =
            keys_of(&self.series).into_iter().map(lies_in).fold(Condition::any(), Condition::add);
        Condition::all().add(keys).add_option(without_hyphen(&self.series))
    }

    /// The next one.
    pub(super) fn take(&mut self) -> String {
        let number = format!("{}{:0width$}", self.series, self.next, width = self.width);
        self.next += 1;
        number
    }
}

/// The same kind of series in another year.
fn of_year(series: &str, year: i32) -> String {
    let (letter, rest) = series.split_at(usize::from(series.starts_with('K')));
    match rest.get(4..) {
        Some(hyphen) => format!("{letter}{year}{hyphen}"),
        None => series.to_owned(),
    }
}

/// The number of the document of this kind that was issued last, on this day at the latest, among
/// those of a series.
async fn latest(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    until: Option<NaiveDate>,
) -> Result<Option<String>> {
    let select = Query::select()
        .column(Column::Number)
        .from(Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.is_not_null())
        .and_where_option(until.map(|day| Column::IssuedOn.lte(day)))
        .order_by(Column::IssuedOn, Order::Desc)
        .order_by(Column::NumberKey, Order::Desc)
        .limit(LATEST)
        .take();
    let found: Vec<Model> = rows(db, &select, &[Column::Number]).await?;
    Ok(found.into_iter().filter_map(|row| row.number).find(|number| split(number).is_some()))
}

/// The last place taken in a series, by one statement that looks at a row or two, however many
/// numbers there are.
async fn last_in(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    series: &str,
) -> Result<Option<u64>> {
    let highest = |keys: RangeInclusive<String>| {
        let highest = Query::select()
            .column(Column::Number)
            .from(Entity)
            .and_where(Column::Kind.eq(kind))
            .and_where(
                Expr::col(Column::NumberKey).between(keys.start().as_str(), keys.end().as_str()),
            )
            .and_where_option(without_hyphen(series))
            .order_by(Column::NumberKey, Order::Desc)
            .order_by(Column::Id, Order::Desc)
            .limit(1)
            .take();
        Expr::from(highest)
    };
    // SQLite takes no COALESCE of one.
    let any = keys_of(series).into_iter().rev().map(highest).chain([Expr::cust("NULL")]);
    let select = Query::select().expr(Func::coalesce(any)).take();
    let row = db.query_one(&select).await?;
    let number: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    Ok(number.as_deref().and_then(split).map(|(_, position)| position))
}

/// Leaves out `2027-0001`, whose key lies among those of plain numbers, unless the series has a
/// hyphen itself.
fn without_hyphen(series: &str) -> Option<Expr> {
    (!series.ends_with('-')).then(|| Column::Number.not_like("%-%"))
}

/// Where the numbers of a series lie in the order of [`swedish::number_key`], in that order.
fn keys_of(series: &str) -> Vec<RangeInclusive<String>> {
    let between = |first: u64, last: u64| {
        let letter = &series[..usize::from(series.starts_with('K'))];
        swedish::number_key(&format!("{letter}{first}"))
            ..=swedish::number_key(&format!("{letter}{last}"))
    };
    if let Some(year) = series.strip_suffix('-') {
        return vec![
            swedish::number_key(&format!("{year}-0"))
                ..=swedish::number_key(&format!("{year}-{}", "9".repeat(DIGITS))),
        ];
    }
    let tens = |digits: usize| 10_u64.pow(u32::try_from(digits).unwrap_or_default());
    match series.trim_start_matches('K').parse::<u64>() {
        // A year and three digits or more.
        Ok(year) => (3..=DIGITS - 4)
            .map(|rest| between(year * tens(rest), (year + 1) * tens(rest) - 1))
            .collect(),
        // All that does not begin with a year.
        Err(_) => {
            let (first, last) = (u64::from(*YEARS.start()), u64::from(*YEARS.end()));
            let around = |rest: usize| {
                [
                    between(tens(rest + 3), first * tens(rest) - 1),
                    between((last + 1) * tens(rest), tens(rest + 4) - 1),
                ]
            };
            std::iter::once(between(0, tens(6) - 1))
                .chain((3..=DIGITS - 4).flat_map(around))
                .collect()
        }
    }
}

/// The reference that an invoice with this number is paid with: the number's digits, a length digit
/// unless the bank wants none, and a check digit. Null for a number with too many digits or none.
#[must_use]
pub(super) fn reference(number: &str, has_length_digit: bool) -> Option<String> {
    let base: String = number.chars().filter(char::is_ascii_digit).collect();
    if has_length_digit {
        ocr(&base)
    } else {
        (!base.is_empty() && base.len() < 25).then(|| format!("{base}{}", luhn_digit(&base)))
    }
}

/// The last number seen in each series, and how many digits it had, as numbers come in order.
#[derive(Default)]
pub(super) struct Series(HashMap<String, (u64, usize)>);

impl Series {
    /// The numbers missing before this one, when it is one of a gapless series: digits alone, or a
    /// year, a hyphen and digits.
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

/// The series of a number; `None` for one that belongs to none.
pub(super) fn series_of(number: &str) -> Option<&str> {
    split(number).map(|(series, _)| series)
}

/// A number's series and its place there. A number of digits that begins with a year is one of that
/// year's: `20260042`. Those of credit notes may have a K before it.
fn split(number: &str) -> Option<(&str, u64)> {
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
    fn references_are_as_the_bank_wants_them() {
        assert_eq!(reference("20220001", true).as_deref(), Some("2022000109"));
        assert_eq!(reference("2022-0001", true).as_deref(), Some("2022000109"));
        assert_eq!(reference("123", false).as_deref(), Some("1230"));
        assert_eq!((reference("K", true), reference(&"1".repeat(25), false)), (None, None));
    }

    #[test]
    fn a_series_goes_on_in_its_own_manner() {
        for (number, year, next) in [
            ("20260042", 2026, "20260043"),
            ("20260042", 2027, "20270043"),
            ("2026-0009", 2026, "2026-0010"),
            ("1041", 2027, "1042"),
            ("K20260099", 2026, "K20260100"),
            ("009", 2026, "010"),
        ] {
            let (series, position) = split(number).unwrap();
            let mut numbers = Numbers {
                series: of_year(series, year),
                next: position + 1,
                width: number.len() - series.len(),
            };
            assert_eq!(numbers.take(), next);
        }
    }

    #[test]
    fn every_number_lies_where_its_series_is_looked_for() {
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
            let key = swedish::number_key(number);
            let lies_in =
                |series: &str| keys_of(series).iter().filter(|keys| keys.contains(&key)).count();
            assert_eq!(lies_in(series), 1, "{number} of the series {series:?}");
            for other in ["", "1990", "2026", "K2026", "2026-", "K2026-"]
                .into_iter()
                .filter(|other| *other != series)
            {
                assert_eq!(lies_in(other), 0, "{number} of the series {other:?}");
            }
        }
        for (number, series) in [("2026-0042", "2026-"), ("K2026-123456789012", "K2026-")] {
            assert_eq!(split(number).map(|(series, _)| series), Some(series));
            assert!(
                keys_of(series).iter().any(|keys| keys.contains(&swedish::number_key(number))),
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
    fn gaps_are_found_in_each_series() {
        let missing = |numbers: &[&str]| {
            let mut series = Series::default();
            numbers.iter().filter_map(|number| series.next(number)).collect::<Vec<_>>()
        };
        assert!(missing(&["1", "2", "3", "10", "11"]).contains(&"4 to 9".to_owned()));
        assert!(
            missing(&["20240001", "20240002", "20250001", "20250002"]).is_empty(),
            "each year begins anew"
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
