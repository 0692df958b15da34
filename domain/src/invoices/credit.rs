//! Credit notes: reverse an issued invoice, fully or in part, until nothing of it remains.

use std::collections::BTreeSet;

use ::entity::{
    dated_amount::DatedAmount,
    id::{InvoiceId, InvoiceLineId},
    invoice,
    kind::InvoiceKind,
    money::Money,
};
use chrono::NaiveDate;

use super::{
    aggregate::InvoiceAggregate,
    bulk_insert::insert,
    creditable::{Left, has_whole_kronor, require_creditable, require_left},
    issue_day,
    issue_renderer::{self, IssueRenderer},
    loading::{find, notes_of},
    small_differences, stored_allocation,
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    clock::day_of,
    config::Network,
    context::Context,
    error::{Error, FieldErrorCode, Result, TEXT, ValidationErrors},
    idempotency::Outcome,
};

/// Input of a new credit note.
#[derive(Clone, Debug)]
pub struct NewCredit {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Amounts to credit by line, öre without VAT, with the sign of the line; null: everything that
    /// remains of every line.
    pub lines: Option<Vec<(InvoiceLineId, Money)>>,
    /// Reason.
    pub reason: String,
    /// Day of issue; null: today.
    pub issued_on: Option<NaiveDate>,
}

/// Credits an invoice by a credit note with the next number of its own series, and returns the
/// credit note. The last credit note takes the remaining VAT and rounding to the öre, so that
/// nothing remains.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; NOT_FOUND; INVALID naming every bad field and
/// every missing fact; CONFLICT `NOT_ISSUED`, `CREDIT_NOTE`, `NOTHING_LEFT` or `BEYOND_INVOICE`.
pub async fn credit(
    ctx: Context<'_>,
    network: &Network,
    new: NewCredit,
    mut errors: ValidationErrors,
) -> Result<InvoiceId> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::InvoiceCredit).await?;
    let issued_on = issue_day::day_of_issue(
        change.tx(),
        InvoiceKind::CreditNote,
        new.issued_on,
        day_of(change.at()),
        &mut errors,
    )
    .await?;
    let reason = errors.text("reason", &new.reason, TEXT);
    errors.settable("reason", &reason);
    let original = match find(change.tx(), new.invoice).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => {
            return errors.finish().map(|()| InvoiceId::default());
        }
        found => found?,
    };
    let first_day = require_creditable(&original.row)?;
    if issued_on < first_day {
        let message = format!("must not be before {first_day}, when the invoice was issued");
        let problem = FieldErrorCode::too_early(first_day, message);
        errors.add("issued_on", problem);
    }
    let earlier = notes_of(change.tx(), BTreeSet::from([original.row.id]))
        .await?
        .remove(&original.row.id)
        .unwrap_or_default();
    let left = Left::of(&original, &earlier);
    let wanted = left.take(&original, new.lines.as_deref(), &mut errors)?;
    errors.finish()?;

    let in_whole_kronor = has_whole_kronor(&original, network.invoicing.whole_kronor);
    let note = left.note(&original, &wanted, reason, in_whole_kronor)?;
    let mut renderer = IssueRenderer::load(
        &change,
        network,
        InvoiceKind::CreditNote,
        issued_on,
        std::slice::from_ref(&note),
    )
    .await?;
    let issued = renderer.issue(note)?;
    let (id, total) = (issued.aggregate.row.id, issued.aggregate.row.total);
    issue_renderer::write_new(&mut change, vec![issued], Vec::new()).await?;

    let mut credits: Vec<_> = earlier
        .iter()
        .filter_map(|note| Some(DatedAmount::new(note.row.issued_on?, note.row.total)))
        .collect();
    credits.push(DatedAmount::new(issued_on, total));
    settle(&mut change, &original, &credits, network.payments.write_off_limit).await?;
    change.commit_with(Outcome::of(id).with(original.row.id)).await?;
    Ok(id)
}

/// Returns `true` if the viewer may credit the invoice: it is issued, and a part of it is not
/// credited yet.
#[must_use]
pub fn can_credit(ctx: Context<'_>, row: &invoice::Model) -> bool {
    ctx.viewer.has(Permission::ManageInvoices)
        && require_creditable(row).is_ok()
        && require_left(row, row.total - row.credited).is_ok()
}

/// Writes the settlement of a credited invoice, by the days and sums of all its credit notes, and
/// the allocation of its payments. A difference up to `limit` is written off.
async fn settle(
    change: &mut Change,
    original: &InvoiceAggregate,
    credits: &[DatedAmount],
    limit: Money,
) -> Result<()> {
    let mut settled = original.clone();
    // The written-off sum is no longer the remaining difference.
    let adjusted = small_differences::due(&settled, credits, limit);
    settled.adjustments.extend(adjusted.iter().cloned());
    settled.settle(credits);
    audit::replace(change, settled.row.clone()).await?;
    change.record(Some(original), Some(&settled))?;
    for adjustment in &adjusted {
        change.record(None, Some(adjustment))?;
    }
    insert(change, adjusted).await?;
    // The paid sum of the credited lines moves to lines with a remaining sum.
    stored_allocation::renew(change, &BTreeSet::from([original.row.id])).await?.write(change).await
}
