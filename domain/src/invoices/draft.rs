//! Creation of a draft of an invoice.

use ::entity::{id::InvoiceId, invoice, kind::SubjectKind};
use chrono::NaiveDate;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{
    Buyer,
    aggregate::InvoiceAggregate,
    draft_checks::{check, check_characters},
    draft_line_loading,
    draft_lines::{NewLine, spread},
    draft_references,
    parties::Buyers,
    supply_date::Supplied,
};
use crate::{
    agreements,
    audit::{self, Action, Basis, Seen},
    auth::viewer::Permission,
    clock::day_of,
    config::Network,
    context::Context,
    error::{LINE, Result, TEXT, ValidationErrors},
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

/// A draft that is not stored yet, with the facts about its buyer.
#[derive(Debug)]
pub(super) struct NewDraft {
    pub(super) aggregate: InvoiceAggregate,
    pub(super) buyers: Buyers,
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
    errors: ValidationErrors,
) -> Result<InvoiceId> {
    ctx.require(Permission::ManageInvoices)?;
    let (seen, today) = (Seen::now(ctx.db), ctx.clock.today());
    let own = corrected(&new);
    let prepared = prepare(ctx, ctx.db.read(), (network, today), new.clone(), errors.clone()).await;
    let basis = Basis { seen: &seen, kind: SubjectKind::Invoice, own: &own, is_alone: false };
    let mut change = audit::begin_after(ctx, Action::InvoiceDraft, basis, &[]).await?;
    let day = day_of(change.at());
    let NewDraft { aggregate, buyers } = if day == today && change.holds() {
        prepared?
    } else {
        Box::pin(prepare(ctx, change.tx(), (network, day), new, errors)).await?
    };
    let id = aggregate.row.id;
    change.record(None, Some(&aggregate))?;
    change.index(buyers.search_words(&aggregate).map(|words| (id.0, words)));
    change.insert_later(vec![aggregate.row]);
    change.insert_later(aggregate.lines);
    change.commit_with(id).await?;
    Ok(id)
}

/// Returns the id of the invoice that a new one corrects.
pub(super) fn corrected(new: &NewInvoice) -> Vec<Uuid> {
    new.corrects.iter().map(|id| id.0).collect()
}

/// Checks a new draft, and returns it with its sums.
///
/// # Errors
/// As [`draft`], except FORBIDDEN.
pub(super) async fn prepare(
    ctx: Context<'_>,
    db: &impl ConnectionTrait,
    (network, today): (&Network, NaiveDate),
    new: NewInvoice,
    mut errors: ValidationErrors,
) -> Result<NewDraft> {
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
    let buyers = draft_references::set_buyer(db, &mut after, new.buyer, &mut errors).await?;
    if let Some(corrected) = new.corrects {
        after.row.corrects_id = Some(corrected);
        draft_references::correct(db, "", &after, corrected, &mut errors).await?;
    }
    let agreement_visibility = agreements::visible(ctx);
    let new_lines = spread(new.lines, new.supplied.check("", &mut errors));
    let decisions = draft_line_loading::decisions_for(db, today, &new_lines).await?;
    after.lines = draft_line_loading::lines(
        db,
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
    Ok(NewDraft { aggregate: after, buyers })
}
