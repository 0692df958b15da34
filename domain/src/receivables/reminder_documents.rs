//! Reminders as documents: rendered from the content of the invoice and the unpaid sum on the day
//! of the reminder.

use ::documents::{
    TIME_LIMIT,
    invoice::Pdf,
    reminder::{Reminder, rendered},
};
use ::entity::{date_range::DateRange, id::ReminderId, invoice, reminder};
use chrono::NaiveDate;
use sea_orm::EntityTrait;

use super::{
    interest_invoices::{claims::Claim, loading},
    late_interest::{self, Bearing},
    overdue,
    reminder_fees::claimed_fees,
    reminders,
};
use crate::{
    context::Context,
    error::Result,
    interest::reference_rates,
    invoices::{by_ids, documents, interest_rows},
    worker_pool,
};

/// Returns the PDF of a reminder with the invoice's number; `None` if the viewer may read none with
/// this id, or if no document of the invoice is stored, as for imported history.
///
/// # Errors
/// CONFLICT `DOCUMENT_TOO_LONG`, or if the server is overloaded.
pub async fn pdf_of(ctx: Context<'_>, id: ReminderId) -> Result<Option<(String, Pdf)>> {
    use invoice::Column as C;
    let Some(sent) = reminder::Entity::find_by_id(id).one(ctx.db.read()).await? else {
        return Ok(None);
    };
    let columns: Vec<C> = late_interest::COLUMNS
        .into_iter()
        .chain([C::Number, C::MemberId, C::OrganisationId])
        .collect();
    let Some(row) = by_ids(ctx, &[sent.invoice_id], &columns).await?.pop() else {
        return Ok(None);
    };
    let Some(document) = documents::content(ctx.db.read(), row.id).await? else { return Ok(None) };
    let points = document.terms.interest_points;
    let bearing =
        overdue::bearing_of(ctx.db.read(), std::slice::from_ref(&row), sent.sent_on, points)
            .await?
            .remove(&row.id);
    let claims =
        loading::of_invoices(ctx.db.read(), std::slice::from_ref(&row), Some(sent.sent_on))
            .await?
            .remove(&row.id);
    let claims = claims.unwrap_or_default();
    let reminders = reminders::of_invoices(ctx, &[row.id]).await?;
    let number = document.number.clone();
    let fees = claimed_fees(&reminders, &sent);
    let reminder = Reminder {
        is_compensation: document.terms.late_compensation.is_some(),
        unpaid: bearing.as_ref().map_or(document.total, |bearing| bearing.unpaid),
        interest: match bearing {
            Some(bearing) => open_interest(ctx, &bearing, &claims).await?,
            None => None,
        },
        invoiced: invoiced(&claims),
        fee: fees.own,
        earlier_fees: fees.earlier,
        sent_on: sent.sent_on,
        invoice: document,
    };
    let pdf =
        worker_pool::run(&ctx.viewer.subject, move || Ok(rendered(&reminder, Some(TIME_LIMIT))?))
            .await?;
    Ok(Some((number, pdf)))
}

/// Returns the interest to date of the days that no interest invoice claims; `None` if a reference
/// rate is unknown.
async fn open_interest(
    ctx: Context<'_>,
    bearing: &Bearing,
    claims: &[Claim],
) -> Result<Option<::entity::money::Money>> {
    let days: Vec<DateRange> = claims.iter().map(|claim| claim.days).collect();
    let rates = reference_rates::all(ctx.db.read()).await?.into_iter().collect();
    Ok(interest_rows::rows(&bearing.spans, &rates, bearing.points, &days)
        .ok()
        .map(|rows| rows.open_sum()))
}

/// Returns the numbers of the interest invoices, each with the last day that it claims.
fn invoiced(claims: &[Claim]) -> Vec<(String, NaiveDate)> {
    let mut invoiced: Vec<(String, NaiveDate)> = Vec::new();
    for Claim { number, days, .. } in claims {
        match invoiced.iter_mut().find(|(known, _)| known == number) {
            Some((_, known)) => *known = (*known).max(days.to),
            None => invoiced.push((number.clone(), days.to)),
        }
    }
    invoiced
}
