//! Drafts of invoices: create, update and discard.

use std::collections::BTreeSet;

use ::entity::{id::InvoiceId, invoice, kind::InvoiceKind};
use sea_orm::{Condition, ConnectionTrait, EntityTrait};

use super::{
    Buyer,
    aggregate::{self, InvoiceAggregate},
    draft_checks::{check, check_characters},
    draft_lines::{
        NewLine, as_new, decisions_for, delete_lines, has_line_for, insert_lines, lines, spread,
    },
    loading, naming,
    parties::{Buyers, buyer_of},
    supply_date::Supplied,
};
use crate::{
    agreements,
    audit::{self, Action},
    auth::viewer::{Permission, Viewer},
    config::Network,
    context::Context,
    error::{
        ConflictReason, Error, FieldErrorCode, LINE, Result, TEXT, ValidationErrors, field_path,
    },
    idempotency::Outcome,
};

/// Input of a new invoice.
#[derive(Clone, Debug)]
pub struct NewInvoice {
    /// The payer.
    pub buyer: Buyer,
    /// Its lines.
    pub lines: Vec<NewLine>,
    /// Days from issue to the last day to pay; null: from the agreements of its lines, else from
    /// the settings.
    pub due_in_days: Option<i32>,
    /// Invoice that this one corrects upwards.
    pub corrects: Option<InvoiceId>,
    /// Reason of the correction, or another message to the buyer.
    pub reason: Option<String>,
    /// The buyer's order reference.
    pub order_reference: Option<String>,
    /// The network's own reference.
    pub our_reference: Option<String>,
    /// The buyer's reference; null: from the buyer's billing details.
    pub buyer_reference: Option<String>,
    /// Day or period of supply for lines that state none.
    pub supplied: Supplied,
}

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

/// Creates a draft. `errors` are those found while the input was parsed.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; NOT_FOUND for objects that it refers to;
/// INVALID naming every bad field; CONFLICT `VAT_UNDECIDED` if nothing states the VAT treatment of
/// a line.
pub async fn draft(
    ctx: Context<'_>,
    network: &Network,
    new: NewInvoice,
    mut errors: ValidationErrors,
) -> Result<InvoiceId> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::InvoiceDraft).await?;
    let mut after = InvoiceAggregate {
        row: invoice::Model { id: InvoiceId::new(), ..invoice::Model::default() },
        ..InvoiceAggregate::default()
    };
    after.row.due_in_days = new.due_in_days;
    after.row.reason = errors.optional_text("reason", new.reason.as_deref(), TEXT);
    after.row.order_reference =
        errors.optional_text("order_reference", new.order_reference.as_deref(), LINE);
    after.row.our_reference =
        errors.optional_text("our_reference", new.our_reference.as_deref(), LINE);
    after.row.buyer_reference =
        errors.optional_text("buyer_reference", new.buyer_reference.as_deref(), LINE);
    set_buyer(change.tx(), &mut after, new.buyer, &mut errors).await?;
    if let Some(corrected) = new.corrects {
        after.row.corrects_id = Some(corrected);
        correct(change.tx(), "", &after, corrected, &mut errors).await?;
    }
    let agreement_visibility = agreements::visible(ctx.db.backend(), ctx.viewer);
    let new_lines = spread(new.lines, new.supplied.check("", &mut errors));
    let decisions = decisions_for(&change, &new_lines).await?;
    after.lines = lines(
        change.tx(),
        network,
        &after,
        &new_lines,
        agreement_visibility,
        &decisions,
        &mut errors,
    )
    .await?;
    check_characters(&after, None, &mut errors);
    check(network, "", &mut after, &mut errors);
    errors.finish()?;
    audit::insert(&change, after.row.clone()).await?;
    insert_lines(&change, &after.lines).await?;
    change.record(None, Some(&after))?;
    change.commit_with(after.row.id).await?;
    Ok(after.row.id)
}

/// Updates a draft.
///
/// # Errors
/// As [`draft`], and CONFLICT `ALREADY_ISSUED`.
pub async fn update(
    ctx: Context<'_>,
    network: &Network,
    id: InvoiceId,
    changes: DraftChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::InvoiceDraftUpdate).await?;
    let before = match find_draft(change.tx(), id).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => return errors.finish(),
        found => found?,
    };
    let mut after = before.clone();
    set_terms(&mut after.row, &changes, &mut errors);
    if let Some(buyer) = changes.buyer {
        set_buyer(change.tx(), &mut after, buyer, &mut errors).await?;
    }
    if let Some(corrected) = after.row.corrects_id {
        correct(change.tx(), "", &after, corrected, &mut errors).await?;
    }
    let (new, agreement_visibility): (Vec<NewLine>, _) = match &changes.lines {
        Some(lines) => (lines.clone(), agreements::visible(ctx.db.backend(), ctx.viewer)),
        // Lines of the draft stay, even if the ctx.viewer may not read the objects that they refer to.
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
        let decisions = decisions_for(&change, &new).await?;
        after.lines = lines(
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
            delete_lines(&change, id).await?;
            insert_lines(&change, &after.lines).await?;
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

/// Deletes a draft and returns it as it was. The audit trail retains it.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices, NOT_FOUND, CONFLICT `ALREADY_ISSUED`.
pub async fn discard(
    ctx: Context<'_>,
    id: InvoiceId,
    errors: ValidationErrors,
) -> Result<InvoiceAggregate> {
    ctx.require(Permission::ManageInvoices)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::InvoiceDraftDiscard).await?;
    let before = find_draft(change.tx(), id).await?;
    delete_lines(&change, id).await?;
    invoice::Entity::delete_by_id(id).exec(change.tx()).await?;
    change.record(Some(&before), None)?;
    change
        .commit_with(Outcome::default().deleting(id).detailed(&aggregate::Deleted::of(&before)?)?)
        .await?;
    Ok(before)
}

/// Returns an invoice or credit note with its parts.
pub(crate) async fn find(db: &impl ConnectionTrait, id: InvoiceId) -> Result<InvoiceAggregate> {
    let found = loading::by_ids(db, &BTreeSet::from([id])).await?.remove(&id);
    found.ok_or_else(|| Error::NotFound("there is no such invoice".into()))
}

/// Returns the draft with this id.
pub(super) async fn find_draft(
    db: &impl ConnectionTrait,
    id: InvoiceId,
) -> Result<InvoiceAggregate> {
    let found = find(db, id).await?;
    require_draft(&found.row)?;
    Ok(found)
}

/// Returns `true` if the viewer may update the invoice: it is a draft.
#[must_use]
pub fn can_update(viewer: &Viewer, row: &invoice::Model) -> bool {
    viewer.has(Permission::ManageInvoices) && require_draft(row).is_ok()
}

/// Fails with `ALREADY_ISSUED` unless an invoice is a draft.
fn require_draft(row: &invoice::Model) -> Result<()> {
    if row.issued_on.is_none() {
        return Ok(());
    }
    let message = format!(
        "{} is issued already, and never changes; credit it, or correct it by another invoice",
        naming::name(row)
    );
    Err(Error::conflict(ConflictReason::AlreadyIssued, message))
}

async fn set_buyer(
    db: &impl ConnectionTrait,
    after: &mut InvoiceAggregate,
    buyer: Buyer,
    errors: &mut ValidationErrors,
) -> Result<()> {
    (after.row.member_id, after.row.organisation_id) = match buyer {
        Buyer::Member(id) => (Some(id), None),
        Buyer::Organisation(id) => (None, Some(id)),
    };
    // A bad id is reported with all other errors.
    if errors.is_empty() && !Buyers::load(db, [buyer]).await?.has(buyer) {
        return Err(Error::NotFound("there is no such buyer".into()));
    }
    Ok(())
}

/// Checks the invoice that this one corrects upwards; the caller refers to it as `name`.
pub(super) async fn correct(
    db: &impl ConnectionTrait,
    name: &str,
    after: &InvoiceAggregate,
    corrected: InvoiceId,
    errors: &mut ValidationErrors,
) -> Result<()> {
    let found = match find(db, corrected).await {
        Err(Error::NotFound(_)) if !errors.is_empty() => return Ok(()),
        found => found?,
    };
    let is_fit = found.row.kind == InvoiceKind::Invoice && found.is_issued();
    errors.expect(
        is_fit,
        &field_path(name, "corrects_id"),
        FieldErrorCode::WrongStatus.problem("must be an issued invoice"),
    );
    errors.expect(
        buyer_of(&found.row) == buyer_of(&after.row),
        &field_path(name, "buyer_id"),
        FieldErrorCode::Mismatch.problem("must be that of the invoice that it corrects"),
    );
    errors.expect(
        after.row.reason.is_some(),
        &field_path(name, "reason"),
        FieldErrorCode::Required.problem("is required: state what is corrected, and why"),
    );
    Ok(())
}
