//! Numbers of invoices and credit notes. Each series is gapless and continues after imported
//! history.

use std::ops::RangeInclusive;

use ::entity::{
    invoice::{Column, Entity, Model},
    kind::InvoiceKind,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, ExprTrait, Order,
    sea_query::{Expr, Func, Query, SelectStatement},
};

use super::number_series::{NumberSeries, keys_from, keys_of, of_year, split};
use crate::{
    collation,
    context::Context,
    database::{Database, LatestSeries, rows},
    error::Result,
    query::day_or_never,
};

/// Maximum number of documents that are searched for one whose number belongs to a series.
const MAX_CANDIDATES: u64 = 100;

/// A search for the next number of a kind and day of issue, by the first statement of a change.
#[derive(Debug)]
pub(super) struct NumberSearch<'d> {
    db: &'d Database,
    kind: InvoiceKind,
    day: NaiveDate,
    /// The series that the latest number is expected to belong to: that of the latest number that
    /// this program found. It saves statements if it is right.
    series: String,
    /// Number of digits that its last number is expected to have after its name, or more.
    width: usize,
    /// `true` if numbers of other series lie among its own, so that it is searched range by range.
    is_mixed: bool,
}

/// The last number of the expected series, by the answer to a search.
enum LastNumber {
    /// Its position; `None` if the series has no number.
    Position(Option<u64>),
    /// A number of another series hides it.
    Hidden,
    /// It may have fewer digits than were searched for.
    Unknown,
}

impl<'d> NumberSearch<'d> {
    /// Returns the search for a document that is issued on this day.
    pub(super) fn new(ctx: Context<'d>, kind: InvoiceKind, day: NaiveDate) -> Self {
        let known = ctx.db.latest_series(kind.word());
        let (series, width) = match &known {
            Some(known) => (of_year(&known.name, day.year()), known.width),
            None => {
                let first = NumberSeries::after(None, kind, day.year());
                (first.series, first.width)
            }
        };
        let is_mixed = known.is_some_and(|known| known.is_mixed && known.name == series);
        Self { db: ctx.db, kind, day, series, width, is_mixed }
    }

    /// Returns its questions: the number of the latest document up to the day, the last number of
    /// the series, and the number of a document after the day.
    pub(super) fn questions(&self) -> [SelectStatement; 3] {
        let backend = self.db.backend();
        let by_day = || by_day(backend, self.kind, &[Column::Number]);
        let day = || day_or_never(backend, Column::IssuedOn);
        let latest = by_day().and_where(day().lte(self.day)).limit(1).take();
        let last = if self.is_mixed {
            highest_in(self.kind, &self.series)
        } else {
            highest_among(self.kind, &keys_from(&self.series, self.width))
        };
        // In order as well, so that PostgreSQL reads one row of the index and never plans a scan.
        let later = by_day().and_where(day().gt(self.day)).limit(1).take();
        [latest, last, later]
    }

    /// Returns the series for a document of this day, if the answers suffice and no document is
    /// dated after the day.
    pub(super) fn found(&self, day: NaiveDate, answers: &[Option<String>]) -> Option<NumberSeries> {
        let [Some(latest), last, None] = answers else { return None };
        split(latest)?;
        let series = NumberSeries::after(Some(latest.as_str()), self.kind, self.day.year());
        let (last, is_expected) = (self.last(last.as_deref()), series.series == self.series);
        let is_mixed = is_expected && (self.is_mixed || matches!(last, LastNumber::Hidden));
        let known = LatestSeries { name: series.series.clone(), width: series.width, is_mixed };
        self.db.set_latest_series(self.kind.word(), known);
        match last {
            LastNumber::Position(position) if day == self.day && is_expected => {
                Some(series.following_position(position))
            }
            _ => None,
        }
    }

    /// Returns the last number of the series by the answer to the question for it.
    fn last(&self, answer: Option<&str>) -> LastNumber {
        if self.is_mixed {
            let found = answer.and_then(split);
            return LastNumber::Position(found.map(|(_, position)| position));
        }
        let keys = keys_from(&self.series, self.width);
        let Some(number) = answer else {
            let is_whole =
                keys_of(&self.series).first().is_none_or(|all| keys.start() <= all.start());
            return if is_whole { LastNumber::Position(None) } else { LastNumber::Unknown };
        };
        // A run of more digits than a key can order has a longer key.
        let is_of_series = |series: &str| {
            series == self.series && collation::number_key(number).len() == keys.end().len()
        };
        match split(number) {
            Some((series, position)) if is_of_series(series) => {
                LastNumber::Position(Some(position))
            }
            _ => LastNumber::Hidden,
        }
    }
}

impl NumberSeries {
    /// Finds the series for this kind and day of issue: that of the latest document up to the day,
    /// else of any document.
    pub(super) async fn of(
        db: &impl ConnectionTrait,
        kind: InvoiceKind,
        issued_on: NaiveDate,
    ) -> Result<Self> {
        let latest = match latest(db, kind, Some(issued_on)).await? {
            // Imported history may have a document of another series with a later date.
            None => latest(db, kind, None).await?,
            known => known,
        };
        let series = Self::after(latest.as_deref(), kind, issued_on.year());
        let last = last_in(db, kind, &series.series).await?;
        Ok(series.following_position(last))
    }

    /// Returns the condition that a document of this kind has a number of the series.
    pub(super) fn in_series(&self) -> Condition {
        let is_in = |keys| among_keys(&self.series, &keys);
        keys_of(&self.series).into_iter().map(is_in).fold(Condition::any(), Condition::add)
    }
}

/// Returns the number of the latest document of this kind, issued on this day or earlier, that
/// belongs to a series.
async fn latest(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    until: Option<NaiveDate>,
) -> Result<Option<String>> {
    let backend = db.get_database_backend();
    let mut select = by_day(backend, kind, &[Column::Number]);
    select.and_where_option(until.map(|day| day_or_never(backend, Column::IssuedOn).lte(day)));
    // Nearly always the latest document has a number of a series.
    for candidates in [1, MAX_CANDIDATES] {
        let found: Vec<Model> = rows(db, select.limit(candidates), &[Column::Number]).await?;
        let is_all = (found.len() as u64) < candidates;
        let number =
            found.into_iter().filter_map(|row| row.number).find(|number| split(number).is_some());
        if number.is_some() || is_all {
            return Ok(number);
        }
    }
    Ok(None)
}

/// Selects issued documents of this kind, the latest first, by the index for it: conditions on the
/// day must use [`day_or_never`].
pub(super) fn by_day(backend: DbBackend, kind: InvoiceKind, columns: &[Column]) -> SelectStatement {
    Query::select()
        .columns(columns.iter().copied())
        .from(Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.is_not_null())
        .order_by_expr(day_or_never(backend, Column::IssuedOn), Order::Desc)
        .order_by(Column::NumberKey, Order::Desc)
        .take()
}

/// Returns the last position used in a series. One statement that reads a row or two, independent
/// of the size of the series.
async fn last_in(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    series: &str,
) -> Result<Option<u64>> {
    let row = db.query_one(&highest_in(kind, series)).await?;
    let number: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    Ok(number.as_deref().and_then(split).map(|(_, position)| position))
}

/// Returns a statement that selects the number with the highest of these keys: one row of an index,
/// of whatever series it is.
fn highest_among(kind: InvoiceKind, keys: &RangeInclusive<String>) -> SelectStatement {
    Query::select()
        .column(Column::Number)
        .from(Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Expr::col(Column::NumberKey).between(keys.start().as_str(), keys.end().as_str()))
        .order_by(Column::NumberKey, Order::Desc)
        .order_by(Column::Id, Order::Desc)
        .limit(1)
        .take()
}

/// Returns a statement that selects the highest number of a series, or null.
fn highest_in(kind: InvoiceKind, series: &str) -> SelectStatement {
    let highest = |keys: RangeInclusive<String>| {
        let highest = Query::select()
            .column(Column::Number)
            .from(Entity)
            .and_where(Column::Kind.eq(kind))
            .cond_where(among_keys(series, &keys))
            .order_by(Column::NumberKey, Order::Desc)
            .order_by(Column::Id, Order::Desc)
            .limit(1)
            .take();
        Expr::from(highest)
    };
    // SQLite does not accept COALESCE with a single argument.
    let any = keys_of(series).into_iter().rev().map(highest).chain([Expr::cust("NULL")]);
    Query::select().expr(Func::coalesce(any)).take()
}

/// Returns the condition that a number has one of these keys and the form of the series. Imported
/// history may have others between them, such as `2027-0001`, `20270001A` and `k20270001`.
fn among_keys(series: &str, keys: &RangeInclusive<String>) -> Condition {
    let key = || Expr::col(Column::NumberKey);
    let length = i32::try_from(keys.end().len()).unwrap_or(i32::MAX);
    let first = Func::cust("SUBSTR").args([Expr::col(Column::Number), Expr::val(1), Expr::val(1)]);
    Condition::all()
        .add(key().between(keys.start().as_str(), keys.end().as_str()))
        .add(Expr::expr(Func::char_length(key())).eq(length))
        .add_option(series.starts_with('K').then(|| Expr::expr(first).eq("K")))
}
