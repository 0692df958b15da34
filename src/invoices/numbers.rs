//! Numbers of invoices and credit notes: gapless in each series, going on where imported history ends.

use std::collections::HashMap;

use ::entity::{
    id::InvoiceId,
    invoice::{Column, Entity, Model},
    kind::InvoiceKind,
    number::{luhn_digit, ocr},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ColumnTrait, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Query},
};

use crate::{database::rows, error::Result};

/// Numbers that are looked at together.
const CHUNK: u64 = 100;

/// The numbers that follow the last one of a series, for the transaction that asks for them and writes them: writers take turns.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    series: String,
    next: u64,
    width: usize,
}

impl Numbers {
    /// Those of the series of this kind on this day of issue: that of the latest document, or else `20260001` for invoices and
    /// `K20260001` for credit notes. What begins with a year begins anew each year.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub(super) async fn of(db: &impl ConnectionTrait, kind: InvoiceKind, issued_on: NaiveDate) -> Result<Self> {
        let letter = if kind == InvoiceKind::CreditNote { "K" } else { "" };
        let latest = latest(db, kind).await?;
        let style = latest.as_deref().and_then(split);
        let (series, width) = match (style, &latest) {
            (Some((series, _)), Some(number)) => (of_year(series, issued_on.year()), number.len() - series.len()),
            _ => (format!("{letter}{}", issued_on.year()), 4),
        };
        let next = last_in(db, kind, &series).await?.map_or(1, |last| last + 1);
        Ok(Self { series, next, width })
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

/// The number of the document of this kind that was issued last, among those of a series.
async fn latest(db: &impl ConnectionTrait, kind: InvoiceKind) -> Result<Option<String>> {
    let select = Query::select()
        .column(Column::Number)
        .from(Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.is_not_null())
        .order_by(Column::IssuedOn, Order::Desc)
        .order_by(Column::NumberKey, Order::Desc)
        .limit(CHUNK)
        .take();
    let found: Vec<Model> = rows(db, &select, &[Column::Number]).await?;
    Ok(found.into_iter().filter_map(|row| row.number).find(|number| split(number).is_some()))
}

/// The last place taken in a series.
async fn last_in(db: &impl ConnectionTrait, kind: InvoiceKind, series: &str) -> Result<Option<u64>> {
    let columns = [Column::NumberKey, Column::Id, Column::Number];
    let mut before: Option<(String, InvoiceId)> = None;
    loop {
        let mut select = Query::select();
        select
            .columns(columns)
            .from(Entity)
            .and_where(Column::Kind.eq(kind))
            .and_where(Column::Number.is_not_null())
            .order_by(Column::NumberKey, Order::Desc)
            .order_by(Column::Id, Order::Desc)
            .limit(CHUNK);
        if let Some((key, id)) = before.take() {
            let place = Expr::tuple([Expr::col(Column::NumberKey), Expr::col(Column::Id)]);
            select.and_where(place.lt(Expr::tuple([Expr::val(key), Expr::val(id)])));
        }
        for row in rows::<Model>(db, &select, &columns).await? {
            match row.number.as_deref().and_then(split) {
                Some((own, place)) if own == series => return Ok(Some(place)),
                _ => before = Some((row.number_key, row.id)),
            }
        }
        if before.is_none() {
            return Ok(None);
        }
    }
}

/// The reference that an invoice with this number is paid with: the number's digits, a length digit unless the bank wants none, and a
/// check digit. Null for a number with too many digits or none.
#[must_use]
pub(super) fn reference(number: &str, has_length_digit: bool) -> Option<String> {
    let base: String = number.chars().filter(char::is_ascii_digit).collect();
    if has_length_digit { ocr(&base) } else { (!base.is_empty() && base.len() < 25).then(|| format!("{base}{}", luhn_digit(&base))) }
}

/// The last number seen in each series, and how many digits it had, as numbers come in order.
#[derive(Default)]
pub(super) struct Series(HashMap<String, (u64, usize)>);

impl Series {
    /// The numbers missing before this one, when it is one of a gapless series: digits alone, or a year, a hyphen and digits.
    pub(super) fn next(&mut self, number: &str) -> Option<String> {
        let (series, count) = split(number)?;
        let (last, width) = self.0.insert(series.to_owned(), (count, number.len() - series.len()))?;
        match count.saturating_sub(last) {
            0 | 1 => None,
            2 => Some(format!("{series}{:0width$}", last + 1)),
            _ => Some(format!("{series}{:0width$} to {series}{:0width$}", last + 1, count - 1)),
        }
    }
}

/// A number's series and its place there. A number of digits that begins with a year is one of that year's: `20260042`. Those of
/// credit notes may have a K before it.
fn split(number: &str) -> Option<(&str, u64)> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let letters = usize::from(number.starts_with('K'));
    let year = number.get(letters..letters + 4).filter(|year| is_digits(year) && (1990..=2199).contains(&year.parse().unwrap_or(0)));
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
            let (series, place) = split(number).unwrap();
            let mut numbers = Numbers { series: of_year(series, year), next: place + 1, width: number.len() - series.len() };
            assert_eq!(numbers.take(), next);
        }
    }

    #[test]
    fn gaps_are_found_in_each_series() {
        let missing = |numbers: &[&str]| {
            let mut series = Series::default();
            numbers.iter().filter_map(|number| series.next(number)).collect::<Vec<_>>()
        };
        assert!(missing(&["1", "2", "3", "10", "11"]).contains(&"4 to 9".to_owned()));
        assert!(missing(&["20240001", "20240002", "20250001", "20250002"]).is_empty(), "each year begins anew");
        assert_eq!(missing(&["20249998", "20249999", "202410000", "202410002"]), ["202410001"]);
        assert_eq!(missing(&["2026-0001", "2026-0003"]), ["2026-0002"]);
        assert!(missing(&["K2", "K10", "2026-x", "", "åäö", "12-3"]).is_empty(), "others make no series");
        assert_eq!(missing(&["K20260001", "K20260003", "K2026-1", "K2026-3"]), ["K20260002", "K2026-2"]);
        assert_eq!(missing(&["1041", "1043"]), ["1042"]);
    }
}
