//! Day of issue of an invoice or a credit note.

use ::entity::{
    invoice::{self, Column},
    kind::InvoiceKind,
};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, ExprTrait};

use super::{
    naming,
    number_series::{NumberSeries, check_day},
    numbers::{NumberSearch, by_day},
};
use crate::{
    audit::Change,
    books::Closing,
    clock::day_of,
    error::{ConflictReason, Error, Result, ValidationErrors},
    query::day_or_never,
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

/// Returns the day of issue of an invoice as [`day_of_issue`] does, and its numbers if the first
/// statement of the change has found them.
///
/// # Errors
/// As [`day_of_issue`].
pub(super) async fn day_and_numbers(
    change: &Change,
    search: &NumberSearch<'_>,
    stated: Option<NaiveDate>,
    errors: &mut ValidationErrors,
) -> Result<(NaiveDate, Option<NumberSeries>)> {
    let (tx, today) = (change.tx(), day_of(change.at()));
    let Some(numbers) = search.found(stated.unwrap_or(today), change.answers()) else {
        return Ok((day_of_issue(tx, InvoiceKind::Invoice, stated, today, errors).await?, None));
    };
    // No invoice is dated after the day.
    if let Some(day) = stated {
        Closing::load(tx).await?.require_open(day)?;
        check_day(day, today, None, errors);
    }
    Ok((stated.unwrap_or(today), Some(numbers)))
}

/// Refuses to date a document by the clock if the latest of its series is dated after today: one of
/// the two is wrong.
async fn refuse_after_future(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    today: NaiveDate,
) -> Result<()> {
    let numbers = NumberSeries::of(db, kind, today).await?;
    let backend = db.get_database_backend();
    let latest = by_day(backend, kind, &[Column::IssuedOn, Column::Number])
        .and_where(day_or_never(backend, Column::IssuedOn).gt(today))
        .cond_where(numbers.in_series())
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
    let backend = db.get_database_backend();
    let issued_on = || day_or_never(backend, Column::IssuedOn);
    let latest = by_day(backend, kind, &[Column::IssuedOn])
        .and_where(issued_on().gt(day))
        // A document dated after today is itself wrong, and must not block a caller who states a
        // day.
        .and_where(issued_on().lte(today))
        .limit(1)
        .take();
    Ok(db.query_one(&latest).await?.map(|row| row.try_get_by_index(0)).transpose()?)
}
