//! Issue of interest invoices.

use ::entity::{id::InvoiceId, kind::InvoiceKind};
use chrono::NaiveDate;
use sea_orm::ConnectionTrait;

use super::{content, loading};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    config::Network,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Origin, Result, ValidationErrors},
    idempotency::Outcome,
    interest::{rates::Rates, reference_rates},
    invoices::{
        aggregate::InvoiceAggregate,
        claim_terms, draft_checks,
        interest_rows::Row,
        issue_day,
        issue_renderer::{self, IssueRenderer},
        loading::find,
    },
    receivables::{late_interest::days_late, overdue},
};

/// Issues an invoice of the late interest of an invoice up to and including a day; null: the day on
/// which it was settled, or today. Days whose interest was invoiced and not credited are not
/// claimed again. `errors` are those found while the input was parsed.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; NOT_FOUND; INVALID naming every bad field and
/// every missing fact; CONFLICT `DRAFT`, `CREDIT_NOTE`, `NOT_LATE`, `NO_INTEREST`, `OVERCLAIMED` or
/// `RATE_UNKNOWN`, and as [`invoices::issue`](crate::invoices::issue::issue).
pub async fn issue(
    ctx: Context<'_>,
    network: &Network,
    id: InvoiceId,
    until: Option<NaiveDate>,
    mut errors: ValidationErrors,
) -> Result<InvoiceId> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::InterestInvoiceIssue).await?;
    let today = day_of(change.at());
    errors.expect(
        until.is_none_or(|until| until <= today),
        "interest_until",
        FieldErrorCode::too_late(today, "must not be after today"),
    );
    let issued_on =
        issue_day::day_of_issue(change.tx(), InvoiceKind::Invoice, None, today, &mut errors)
            .await?;
    let original = match find(change.tx(), id).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish().map(|()| id),
        found => found?,
    };
    std::mem::take(&mut errors).finish()?;
    content::require_owed(&original)?;
    let until = until.unwrap_or_else(|| {
        original.row.settled_on.map_or(today, |settled_on| settled_on.min(today))
    });
    let rows = unclaimed(change.tx(), network, &original, (until, today)).await?;
    let mut aggregate = content::draft(network, &original, &rows);
    aggregate.row.due_on = Some(claim_terms::due_on(issued_on, network.invoicing.due_days));
    errors.set_origin(Origin::Record);
    draft_checks::check(network, "invoice", &mut aggregate, &mut errors);
    errors.finish()?;
    let mut renderer = IssueRenderer::load(
        &change,
        network,
        InvoiceKind::Invoice,
        issued_on,
        std::slice::from_ref(&aggregate),
    )
    .await?;
    let issued = renderer.issue(aggregate)?;
    let new = issued.aggregate.row.id;
    issue_renderer::write_new(&mut change, vec![issued], Vec::new()).await?;
    change.commit_with(Outcome::of(new).with(id)).await?;
    Ok(new)
}

/// Returns the interest up to and including a day that no interest invoice claims.
async fn unclaimed(
    tx: &impl ConnectionTrait,
    network: &Network,
    original: &InvoiceAggregate,
    (until, today): (NaiveDate, NaiveDate),
) -> Result<Vec<Row>> {
    let invoices = std::slice::from_ref(&original.row);
    if days_late(&original.row, until) == 0 {
        return Err(Error::conflict(
            ConflictReason::NotLate,
            format!("{} was not late on {until}", original.name()),
        ));
    }
    // As of today: a sum that was credited since was never owed.
    let bearing = overdue::bearing_of(tx, invoices, today, network.invoicing.interest_points)
        .await?
        .remove(&original.row.id);
    let claims = loading::of_invoices(tx, invoices, None)
        .await?
        .remove(&original.row.id)
        .unwrap_or_default();
    let rates: Rates = reference_rates::all(tx).await?.into_iter().collect();
    content::unclaimed(&original.row, &bearing.unwrap_or_default(), &claims, &rates, until)
}
