//! Issue of invoices: a draft gets a number, and its content is stored permanently.

use ::entity::{
    id::InvoiceId,
    invoice::{self, Column, Entity},
    kind::{InvoiceKind, SubjectKind},
};
use chrono::NaiveDate;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Iterable, QueryTrait};

use super::{
    aggregate::InvoiceAggregate,
    draft_checks,
    draft_facts::DraftFacts,
    draft_references, draft_status, fee_charges,
    issue_day::day_and_numbers,
    issue_renderer::{IssueRenderer, Issued, ocr_taken, store},
    line_taxes, lines,
    number_series::NumberSeries,
    numbers::NumberSearch,
    supply_date, vat_rates,
};
use crate::{
    audit::{self, Action, Basis, Change, Seen},
    auth::viewer::Permission,
    config::Network,
    context::Context,
    error::{ConflictReason, Error, Origin, Result, ValidationErrors},
    idempotency::{Outcome, Warning, Warnings},
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
    let (seen, expected) = (Seen::now(ctx.db), issued_on.unwrap_or_else(|| ctx.clock.today()));
    let facts = DraftFacts::load(ctx.db.read(), id, expected).await?;
    let own = DraftFacts::own(facts.as_ref(), id);
    let is_alone = facts.as_ref().is_some_and(|facts| fee_charges::charges_fee(&facts.draft));
    let basis = Basis { seen: &seen, kind: SubjectKind::Invoice, own: &own, is_alone };
    let search = NumberSearch::new(ctx, InvoiceKind::Invoice, expected);
    let mut change =
        audit::begin_after(ctx, Action::InvoiceIssue, basis, &search.questions()).await?;
    let (issued_on, numbers) = day_and_numbers(&change, &search, issued_on, &mut errors).await?;
    let facts = if issued_on == expected && change.holds() {
        facts
    } else {
        Box::pin(DraftFacts::load(change.tx(), id, issued_on)).await?
    };
    let Some(facts) = facts else {
        // The id itself was bad: return it with all other errors of the input.
        errors.finish()?;
        return Err(Error::missing("invoice_id", "there is no such invoice"));
    };
    draft_status::require_draft(&facts.draft.row)?;
    require_invoice(&facts.draft.row)?;
    let before = facts.draft.clone();
    let (issued, warnings) =
        render(ctx, network, &change, facts, (issued_on, numbers), errors).await?;
    if issued.aggregate.lines != before.lines {
        lines::delete(&change, id).await?;
        change.insert_later(issued.aggregate.lines.clone());
    }
    let row = issued.aggregate.row.clone().into_active_model().reset_all();
    // Without a condition on the draft: a trigger rejects the change of an issued invoice, and its
    // error is never silent, whereas a condition that no row fulfills would be.
    let update = Entity::update(row).validate()?.into_query();
    change.write_later(update, Column::iter().count());
    change.record(Some(&before), Some(&issued.aggregate))?;
    finish(change, issued, warnings).await
}

/// Completes a draft on its day of issue, gives it a number and renders its documents. Without
/// `numbers`, they are searched for.
pub(super) async fn render(
    ctx: Context<'_>,
    network: &Network,
    change: &Change,
    facts: DraftFacts,
    (issued_on, numbers): (NaiveDate, Option<NumberSeries>),
    mut errors: ValidationErrors,
) -> Result<(Issued, Vec<Warning>)> {
    let DraftFacts { draft, buyers, names, agreed, decisions } = facts;
    let numbers = match numbers {
        Some(numbers) => numbers,
        None => NumberSeries::of(change.tx(), InvoiceKind::Invoice, issued_on).await?,
    };
    let mut renderer = IssueRenderer::new(network, issued_on, numbers, (buyers, names, agreed));
    let mut aggregate = draft;
    aggregate.row.due_on = Some(renderer.due_on(&aggregate));
    // An imported draft may have what the API rejects, and the settings may have changed.
    errors.set_origin(Origin::Record);
    renderer.parties(&aggregate, &mut errors);
    vat_rates::check(&aggregate, issued_on, &mut errors);
    let mut warnings = supply_date::complete(&mut aggregate, issued_on);
    if line_taxes::has_fee(&aggregate) {
        warnings.extend(line_taxes::complete_all(&mut aggregate, &decisions));
    }
    match aggregate.row.corrects_id {
        Some(corrected) => {
            draft_references::correct(change.tx(), "invoice", &aggregate, corrected, &mut errors)
                .await?
        }
        None => refuse_twice(ctx, change, &aggregate).await?,
    }
    draft_checks::check(network, "invoice", &mut aggregate, &mut errors);
    errors.finish()?;
    Ok((renderer.issue(aggregate)?, warnings))
}

/// Stores the documents of an issued invoice, and commits the change.
pub(super) async fn finish(
    mut change: Change,
    issued: Issued,
    warnings: Vec<Warning>,
) -> Result<Warnings> {
    let outcome = warnings.iter().fold(Outcome::of(issued.aggregate.row.id), |outcome, warning| {
        outcome.warning(warning.code, warning.message.clone())
    });
    store(&mut change, vec![issued])?;
    change.commit_with(outcome).await.map_err(ocr_taken)?;
    Ok(Warnings(warnings))
}

/// Returns `true` if the viewer may issue the invoice: it is a draft, and no draft of a credit
/// note. Other facts, as missing billing details, may still prevent it.
#[must_use]
pub fn can_issue(ctx: Context<'_>, row: &invoice::Model) -> bool {
    draft_status::can_update(ctx, row) && require_invoice(row).is_ok()
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
