//! Update of a draft of an invoice.

use ::entity::{id::InvoiceId, invoice};
use sea_orm::Condition;

use super::{
    Buyer,
    draft_checks::{check, check_characters},
    draft_line_loading,
    draft_lines::{NewLine, as_new, has_line_for, spread},
    draft_references, lines, loading,
    supply_date::Supplied,
};
use crate::{
    agreements,
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    config::Network,
    context::Context,
    error::{Error, FieldErrorCode, LINE, Result, TEXT, ValidationErrors},
};

/// Changes of a draft. A field that is null stays unchanged.
#[derive(Clone, Debug, Default)]
pub struct DraftChanges {
    /// The payer.
    pub buyer: Option<Buyer>,
    /// All of its lines.
    pub lines: Option<Vec<NewLine>>,
    /// `Some(None)`: from the agreements of its lines, else from the settings.
    pub due_in_days: Option<Option<i32>>,
    /// `Some(None)`: none.
    pub reason: Option<Option<String>>,
    /// `Some(None)`: none.
    pub order_reference: Option<Option<String>>,
    /// `Some(None)`: none.
    pub our_reference: Option<Option<String>>,
    /// `Some(None)`: from the buyer's billing details.
    pub buyer_reference: Option<Option<String>>,
    /// Day or period of supply for lines that state none.
    pub supplied: Supplied,
}

/// Updates a draft.
///
/// # Errors
/// As [`draft`](super::draft::draft), and CONFLICT `ALREADY_ISSUED`.
pub async fn update_draft(
    ctx: Context<'_>,
    network: &Network,
    id: InvoiceId,
    changes: DraftChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::InvoiceDraftUpdate).await?;
    let before = match loading::find_draft(change.tx(), id).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish(),
        found => found?,
    };
    let mut after = before.clone();
    set_terms(&mut after.row, &changes, &mut errors);
    if let Some(buyer) = changes.buyer {
        draft_references::set_buyer(change.tx(), &mut after, buyer, &mut errors).await?;
    }
    if let Some(corrected) = after.row.corrects_id {
        draft_references::correct(change.tx(), "", &after, corrected, &mut errors).await?;
    }
    let (new, agreement_visibility): (Vec<NewLine>, _) = match &changes.lines {
        Some(lines) => (lines.clone(), agreements::visible(ctx)),
        // Lines of the draft stay, even if the viewer may not read the objects that they refer to.
        None => (before.lines.iter().map(as_new).collect(), Condition::all()),
    };
    let supplied = changes.supplied.check("", &mut errors);
    if let Some(days) = supplied.filter(|_| changes.lines.is_none()) {
        let field = if changes.supplied.on.is_some() { "supplied_on" } else { "period_from" };
        errors.expect(
            has_line_for(&new, days),
            field,
            FieldErrorCode::NotAllowed.problem(
                "changes no line, since each has days of its own; state the lines with their days",
            ),
        );
    }
    let is_touched = changes.lines.is_some() || changes.buyer.is_some() || supplied.is_some();
    if is_touched {
        let new = spread(new, supplied);
        let today = day_of(change.at());
        let decisions = draft_line_loading::decisions_for(change.tx(), today, &new).await?;
        after.lines = draft_line_loading::lines(
            change.tx(),
            network,
            &after,
            &new,
            agreement_visibility,
            &decisions,
            &mut errors,
        )
        .await?;
    }
    check_characters(&after, Some(&before), &mut errors);
    check(network, "", &mut after, &mut errors);
    errors.finish()?;
    if after != before {
        if is_touched {
            lines::delete(&change, id).await?;
            lines::insert(&change, &after.lines).await?;
        }
        audit::replace(&change, after.row.clone()).await?;
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}

/// Sets the due days, the reason and the references of a draft, where they change.
fn set_terms(row: &mut invoice::Model, changes: &DraftChanges, errors: &mut ValidationErrors) {
    if let Some(days) = changes.due_in_days {
        row.due_in_days = days;
    }
    if let Some(reason) = &changes.reason {
        row.reason = errors.optional_text("reason", reason.as_deref(), TEXT);
    }
    if let Some(reference) = &changes.order_reference {
        row.order_reference = errors.optional_text("order_reference", reference.as_deref(), LINE);
    }
    if let Some(reference) = &changes.our_reference {
        row.our_reference = errors.optional_text("our_reference", reference.as_deref(), LINE);
    }
    if let Some(reference) = &changes.buyer_reference {
        row.buyer_reference = errors.optional_text("buyer_reference", reference.as_deref(), LINE);
    }
}
