//! Numbers of invoices and credit notes. Each series is gapless and continues after imported
//! history.

use std::ops::RangeInclusive;

use ::entity::{
    invoice::{Column, Entity, Model},
    kind::InvoiceKind,
};
use chrono::{Datelike, NaiveDate};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Func, Query},
};

use super::number_series::{NumberSeries, keys_of, split};
use crate::{database::rows, error::Result};

/// Maximum number of documents that are searched for one whose number belongs to a series.
const MAX_CANDIDATES: u64 = 100;

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
        let is_in = |keys: RangeInclusive<String>| {
            Expr::col(Column::NumberKey).between(keys.start().as_str(), keys.end().as_str())
        };
        let keys =
            keys_of(&self.series).into_iter().map(is_in).fold(Condition::any(), Condition::add);
        Condition::all().add(keys).add_option(without_hyphen(&self.series))
    }
}

/// Returns the number of the latest document of this kind, issued on this day or earlier, that
/// belongs to a series.
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
        .limit(MAX_CANDIDATES)
        .take();
    let found: Vec<Model> = rows(db, &select, &[Column::Number]).await?;
    Ok(found.into_iter().filter_map(|row| row.number).find(|number| split(number).is_some()))
}

/// Returns the last position used in a series. One statement that reads a row or two, independent
/// of the size of the series.
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
    // SQLite does not accept COALESCE with a single argument.
    let any = keys_of(series).into_iter().rev().map(highest).chain([Expr::cust("NULL")]);
    let select = Query::select().expr(Func::coalesce(any)).take();
    let row = db.query_one(&select).await?;
    let number: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?.flatten();
    Ok(number.as_deref().and_then(split).map(|(_, position)| position))
}

/// Excludes numbers such as `2027-0001`, whose key is between those of plain numbers, unless the
/// series has a hyphen itself.
fn without_hyphen(series: &str) -> Option<Expr> {
    (!series.ends_with('-')).then(|| Column::Number.not_like("%-%"))
}
