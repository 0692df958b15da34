//! Issue of invoices: a draft gets a number, and its content is stored permanently.

use ::entity::{id::InvoiceId, invoice, kind::InvoiceKind};
use chrono::NaiveDate;

use super::{
    aggregate::InvoiceAggregate,
    draft_checks, draft_references, draft_status, fee_charges,
    issue_day::day_of_issue,
    issue_renderer::{IssueRenderer, ocr_taken, store},
    line_taxes, loading, supply_date, vat_rates,
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    config::Network,
    context::Context,
    error::{ConflictReason, Error, Origin, Result, ValidationErrors},
    idempotency::{Outcome, Warnings},
    tax_decisions::in_force::TaxDecisions,
};

/// Issues a draft: it gets the next number of its series and its payment reference, and never
/// changes afterwards. Returns a warning for each line without a stated day of supply, and for each
/// line whose VAT treatment differs from the tax decision in force.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; NOT_FOUND; INVALID naming every required fact
/// that is missing; CONFLICT `ALREADY_ISSUED`, `ALREADY_INVOICED` for a year's fee that has been
/// invoiced since, `CREDIT_NOTE` for an imported draft of a credit note, `OCR_TAKEN`, or
/// `LATEST_IN_FUTURE`.
pub async fn issue(
    ctx: Context<'_>,
    network: &Network,
    id: InvoiceId,
    issued_on: Option<NaiveDate>,
    mut errors: ValidationErrors,
) -> Result<Warnings> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::InvoiceIssue).await?;
    let issued_on = day_of_issue(
        change.tx(),
        InvoiceKind::Invoice,
        issued_on,
        day_of(change.at()),
        &mut errors,
    )
    .await?;
    let before = match loading::find_draft(change.tx(), id).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => {
            return errors.finish().map(|()| Warnings::default());
        }
        found => found?,
    };
    require_invoice(&before.row)?;
    let mut renderer = IssueRenderer::load(
        &change,
        network,
        InvoiceKind::Invoice,
        issued_on,
        std::slice::from_ref(&before),
    )
    .await?;
    let mut aggregate = before.clone();
    aggregate.row.due_on = Some(renderer.due_on(&before));
    // An imported draft may have what the API rejects, and the settings may have changed.
    errors.set_origin(Origin::Record);
    renderer.parties(&aggregate, &mut errors);
    vat_rates::check(&aggregate, issued_on, &mut errors);
    let mut warnings = supply_date::complete(&mut aggregate, issued_on);
    if line_taxes::has_fee(&aggregate) {
        let decisions = TaxDecisions::on(change.tx(), issued_on).await?;
        warnings.extend(line_taxes::complete_all(&mut aggregate, &decisions));
    }
    match aggregate.row.corrects_id {
        Some(corrected) => {
            draft_references::correct(change.tx(), "invoice", &aggregate, corrected, &mut errors)
                .await?
        }
        None => refuse_twice(ctx, &change, &aggregate).await?,
    }
    draft_checks::check(network, "invoice", &mut aggregate, &mut errors);
    errors.finish()?;
    let issued = renderer.issue(aggregate)?;
    for (line, _) in
        issued.aggregate.lines.iter().zip(&before.lines).filter(|(line, drafted)| line != drafted)
    {
        audit::replace(&change, line.clone()).await?;
    }
    audit::replace(&change, issued.aggregate.row.clone()).await.map_err(ocr_taken)?;
    change.record(Some(&before), Some(&issued.aggregate))?;
    store(&mut change, vec![issued]).await?;
    let outcome = warnings.iter().fold(Outcome::of(id), |outcome, warning| {
        outcome.warning(warning.code, warning.message.clone())
    });
    change.commit_with(outcome).await?;
    Ok(Warnings(warnings))
}

/// Returns `true` if the viewer may issue the invoice: it is a draft, and no draft of a credit
/// note. Other facts, as missing billing details, may still prevent it.
#[must_use]
pub fn can_issue(viewer: &Viewer, row: &invoice::Model) -> bool {
    draft_status::can_update(viewer, row) && require_invoice(row).is_ok()
}

/// Fails with `CREDIT_NOTE` for an imported draft of a credit note.
fn require_invoice(row: &invoice::Model) -> Result<()> {
    match row.kind {
        InvoiceKind::Invoice => Ok(()),
        InvoiceKind::CreditNote => Err(Error::conflict(
            ConflictReason::CreditNote,
            "a credit note is not issued from a draft; credit its invoice instead",
        )),
    }
}

/// Rejects an invoice of fees that have been invoiced since it was drafted, for example by a run.
async fn refuse_twice(
    ctx: Context<'_>,
    change: &Change,
    aggregate: &InvoiceAggregate,
) -> Result<()> {
    let twice = fee_charges::charged_twice(ctx, change.tx(), aggregate).await?;
    if twice.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{}; discard the draft, or draft a correction (corrects) of the invoice whose amount is too small",
        twice.join("; ")
    );
    Err(Error::conflict(ConflictReason::AlreadyInvoiced, message))
}
