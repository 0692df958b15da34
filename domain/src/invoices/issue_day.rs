//! Day of issue of an invoice or a credit note.

use ::entity::{
    invoice::{self, Column},
    kind::InvoiceKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, ConnectionTrait, Order, sea_query::Query};

use super::{
    naming,
    number_series::{NumberSeries, check_day},
};
use crate::{
    books::Closing,
    error::{ConflictReason, Error, Result, ValidationErrors},
};

/// Returns the day of issue, by default today. It is never after today, since the number is
/// assigned now, and never before the latest document of its kind, so that numbers follow days.
///
/// # Errors
/// CONFLICT `LATEST_IN_FUTURE` if no day is stated and the latest document of its series is dated
/// after today.
pub(crate) async fn day_of_issue(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    stated: Option<NaiveDate>,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<NaiveDate> {
    let Some(day) = stated else {
        refuse_after_future(db, kind, today).await?;
        return Ok(today);
    };
    Closing::load(db).await?.require_open(day)?;
    check_day(day, today, latest_after(db, kind, day, today).await?, errors);
    Ok(day)
}

/// Refuses to date a document by the clock if the latest of its series is dated after today: one of
/// the two is wrong.
async fn refuse_after_future(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    today: NaiveDate,
) -> Result<()> {
    let numbers = NumberSeries::of(db, kind, today).await?;
    let latest = Query::select()
        .columns([Column::IssuedOn, Column::Number])
        .from(invoice::Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.gt(today))
        .cond_where(numbers.in_series())
        .order_by(Column::IssuedOn, Order::Desc)
        .limit(1)
        .take();
    let Some(row) = db.query_one(&latest).await? else { return Ok(()) };
    let (day, number): (NaiveDate, Option<String>) =
        (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let name = naming::name(&invoice::Model { kind, number, ..invoice::Model::default() });
    let message = format!(
        "{name} is dated {day}, which is after today, {today}; state the day of issue to issue the next one anyway"
    );
    Err(Error::conflict(ConflictReason::LatestInFuture, message))
}

/// Returns the day of the latest document of this kind that is dated after `day`.
async fn latest_after(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    day: NaiveDate,
    today: NaiveDate,
) -> Result<Option<NaiveDate>> {
    let latest = Query::select()
        .column(Column::IssuedOn)
        .from(invoice::Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.gt(day))
        // A document dated after today is itself wrong, and must not block a caller who states a
        // day.
        .and_where(Column::IssuedOn.lte(today))
        .order_by(Column::IssuedOn, Order::Desc)
        .limit(1)
        .take();
    Ok(db.query_one(&latest).await?.map(|row| row.try_get_by_index(0)).transpose()?)
}
