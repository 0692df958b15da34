//! Reminders as documents: made from what the invoice says and from what was unpaid on the day of the reminder.

use ::entity::{id::ReminderId, invoice, reminder};
use sea_orm::EntityTrait;

use super::{by_ids, documents, late, payments};
use crate::{
    auth::viewer::Viewer,
    database::Database,
    documents::{
        TIME_LIMIT,
        invoice::Pdf,
        reminder::{Reminder, rendered},
    },
    error::Result,
    worker_pool,
};

/// Returns the PDF of a reminder with the invoice's number; `None` if the viewer sees none with this id, or the register has no document of the
/// invoice, as of imported history.
///
/// # Errors
/// CONFLICT `DOCUMENT_TOO_LONG`, or when the server has too much to do.
pub async fn pdf_of(db: &Database, viewer: &Viewer, id: ReminderId) -> Result<Option<(String, Pdf)>> {
    let Some(sent) = reminder::Entity::find_by_id(id).one(db.read()).await? else { return Ok(None) };
    let columns: Vec<invoice::Column> = late::COLUMNS.into_iter().chain([invoice::Column::Number]).collect();
    let Some(row) = by_ids(db, viewer, &[sent.invoice_id], &columns).await?.pop() else { return Ok(None) };
    let Some(document) = documents::content(db.read(), row.id).await? else { return Ok(None) };
    let points = document.terms.interest_points;
    let figures = late::interest_of(db, std::slice::from_ref(&row), sent.sent_on, points).await?.remove(&row.id);
    let reminders = payments::reminders_of(db, &[row.id]).await?;
    let number = document.number.clone();
    let reminder = Reminder {
        is_compensation: document.terms.late_compensation.is_some(),
        unpaid: figures.map_or(document.total, |figures| figures.unpaid),
        interest: figures.and_then(|figures| figures.interest.known()),
        fees: reminders.iter().filter(|reminder| reminder.sent_on <= sent.sent_on).map(|reminder| reminder.fee).sum(),
        sent_on: sent.sent_on,
        invoice: document,
    };
    let pdf = worker_pool::run(&viewer.subject, move || rendered(&reminder, Some(TIME_LIMIT))).await?;
    Ok(Some((number, pdf)))
}
