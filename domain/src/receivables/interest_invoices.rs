//! Interest invoices (räntefakturor): late interest of an invoice, claimed by an invoice of its
//! own.
//!
//! Interest is no payment for goods or services. So the invoice is outside the scope of VAT and
//! bears no interest itself. A line has the days with the same capital and rate. Days that an
//! interest invoice claims, and that are not credited, are not claimed again.

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::{InvoiceKind, VatRate},
    money::{Money, Quantity},
};
use chrono::NaiveDate;
use sea_orm::ConnectionTrait;

use super::{
    interest_claims::{self, Overclaim},
    overdue::{self, Bearing},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    config::Network,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Origin, Result, ValidationErrors},
    idempotency::Outcome,
    invoices::draft_checks,
};
use crate::{
    interest::reference_rates::{self, Rates},
    invoices::{
        aggregate::InvoiceAggregate,
        draft,
        interest_rows::{self, Days, Row},
        issue::{self, IssueRenderer},
    },
};

/// Issues an invoice of the late interest of an invoice up to and including a day; null: the day on
/// which it was settled, or today. Days whose interest was invoiced and not credited are not
/// claimed again. `errors` are those found while the input was parsed.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; NOT_FOUND; INVALID naming every bad field and
/// every missing fact; CONFLICT `DRAFT`, `CREDIT_NOTE`, `NOT_LATE`, `NO_INTEREST`, `OVERCLAIMED` or
/// `RATE_UNKNOWN`, and as [`issue::issue`].
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
        FieldErrorCode::TooLate.problem("must not be after today"),
    );
    let issued_on =
        issue::day_of_issue(change.tx(), InvoiceKind::Invoice, None, today, &mut errors).await?;
    let original = match draft::find(change.tx(), id).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish().map(|()| id),
        found => found?,
    };
    std::mem::take(&mut errors).finish()?;
    require_owed(&original)?;
    let until = until.unwrap_or_else(|| {
        original.row.settled_on.map_or(today, |settled_on| settled_on.min(today))
    });
    let rows = unclaimed(change.tx(), network, &original, (until, today)).await?;
    let mut aggregate = draft(network, &original, &rows);
    aggregate.row.due_on = Some(issue::due_on(issued_on, network.invoicing.due_days));
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
    issue::write_new(&mut change, vec![issued], Vec::new()).await?;
    change.commit_with(Outcome::of(new).with(id)).await?;
    Ok(new)
}

/// Rejects documents on which no interest is owed.
fn require_owed(original: &InvoiceAggregate) -> Result<()> {
    if original.row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict(
            ConflictReason::CreditNote,
            format!("{} is never paid and bears no interest", original.name()),
        ));
    }
    if original.row.issued_on.is_none() {
        return Err(Error::conflict(ConflictReason::Draft, "a draft is not owed; issue it first"));
    }
    if interest_rows::is_interest(&original.lines) {
        let message =
            format!("{} is an interest invoice, which bears no interest itself", original.name());
        return Err(Error::conflict(ConflictReason::NoInterest, message));
    }
    Ok(())
}

/// Returns the interest up to and including a day that no interest invoice claims.
async fn unclaimed(
    tx: &impl ConnectionTrait,
    network: &Network,
    original: &InvoiceAggregate,
    (until, today): (NaiveDate, NaiveDate),
) -> Result<Vec<Row>> {
    let invoices = std::slice::from_ref(&original.row);
    if overdue::days_late(&original.row, until) == 0 {
        return Err(Error::conflict(
            ConflictReason::NotLate,
            format!("{} was not late on {until}", original.name()),
        ));
    }
    // As of today: a sum that was credited since was never owed.
    let bearing = overdue::bearing_of(tx, invoices, today, network.invoicing.interest_points)
        .await?
        .remove(&original.row.id);
    let Bearing { spans, points, .. } = bearing.unwrap_or_default();
    let claims = interest_claims::of_invoices(tx, invoices, None)
        .await?
        .remove(&original.row.id)
        .unwrap_or_default();
    let days: Vec<Days> = claims.iter().map(|claim| claim.days).collect();
    let rates: Rates = reference_rates::all(tx).await?.into_iter().collect();
    let of_days_until = |last: NaiveDate| {
        interest_rows::rows(&overdue::until(&spans, last), &rates, points, &days).map_err(|half| {
            let message = format!("the reference rate from {half} is not known; set it first");
            Error::conflict(ConflictReason::RateUnknown, message)
        })
    };
    if let Some(last) = days.iter().map(|(_, last)| *last).max() {
        let owed = of_days_until(last)?.claimed_sum();
        if let Some(over) = Overclaim::of(&original.row, &claims, owed) {
            return Err(Error::conflict(ConflictReason::Overclaimed, over.describe()));
        }
    }
    let rows = of_days_until(until)?;
    if rows.open_sum() <= Money::ZERO {
        let claimed = rows.claimed_sum();
        let message = format!(
            "{} has {claimed} of interest until {until}, all of which is invoiced already",
            original.name()
        );
        return Err(Error::conflict(ConflictReason::NoInterest, message));
    }
    Ok(rows.open)
}

/// Returns the interest invoice: a line for each row, with the references of the late invoice.
fn draft(network: &Network, original: &InvoiceAggregate, rows: &[Row]) -> InvoiceAggregate {
    let id = InvoiceId::new();
    let line = |(position, row): (i32, &Row)| invoice_line::Model {
        id: InvoiceLineId::new(),
        invoice_id: id,
        position,
        description: row.describe(&original.row),
        period_from: Some(row.segment.span.from),
        period_to: Some(row.segment.span.to),
        quantity: Quantity(1000),
        unit_price: row.sum,
        vat_rate: VatRate::OutsideScope,
        account: network.accounts.interest.to_string(),
        ..invoice_line::Model::default()
    };
    let number = original.row.number.as_deref().unwrap_or_default();
    let due = original
        .row
        .due_on
        .map_or_else(String::new, |due_on| format!(", som skulle ha betalats senast {due_on}"));
    let row = invoice::Model {
        id,
        member_id: original.row.member_id,
        organisation_id: original.row.organisation_id,
        reason: Some(format!(
            "Dröjsmålsränta enligt räntelagen (1975:635) på faktura {number}{due}."
        )),
        order_reference: original.row.order_reference.clone(),
        our_reference: original.row.our_reference.clone(),
        buyer_reference: original.row.buyer_reference.clone(),
        ..invoice::Model::default()
    };
    InvoiceAggregate {
        row,
        lines: (1..).zip(rows).map(line).collect(),
        ..InvoiceAggregate::default()
    }
}
