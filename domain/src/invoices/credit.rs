//! Credit notes: reverse an issued invoice, fully or in part, until nothing of it remains.

use std::collections::BTreeSet;

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::InvoiceKind,
    money::{Money, Quantity},
};
use chrono::NaiveDate;

use super::{
    aggregate::InvoiceAggregate,
    bulk_insert::insert,
    creditable::{Left, has_whole_kronor, require_left},
    draft,
    issue::{self, IssueRenderer},
    loading::notes_of,
    payment_allocation, write_off,
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::{Permission, Viewer},
    clock::day_of,
    config::Network,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, TEXT, ValidationErrors},
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
    let issued_on = issue::day_of_issue(
        change.tx(),
        InvoiceKind::CreditNote,
        new.issued_on,
        day_of(change.at()),
        &mut errors,
    )
    .await?;
    let reason = errors.text("reason", &new.reason, TEXT);
    errors.settable("reason", &reason);
    let original = match draft::find(change.tx(), new.invoice).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => {
            return errors.finish().map(|()| InvoiceId::default());
        }
        found => found?,
    };
    let first_day = require_creditable(&original.row)?;
    if issued_on < first_day {
        let message = format!("must not be before {first_day}, when the invoice was issued");
        let problem = FieldErrorCode::TooEarly.problem(message).with("min", first_day);
        errors.add("issued_on", problem);
    }
    let earlier = notes_of(change.tx(), BTreeSet::from([original.row.id]))
        .await?
        .remove(&original.row.id)
        .unwrap_or_default();
    let left = Left::of(&original, &earlier);
    let wanted = left.take(&original, new.lines.as_deref(), &mut errors)?;
    errors.finish()?;

    let mut note = note_without_lines(&original, reason);
    note.lines = lines(&original, &note, &left, &wanted);
    left.calculate(&mut note, has_whole_kronor(&original, network.invoicing.whole_kronor));
    if note.row.total <= Money::ZERO {
        return Err(Error::invalid(
            "lines",
            FieldErrorCode::OutOfRange.problem("must add up to more than zero").with("min", 0),
        ));
    }
    let too_much = left.exceeding(&note);
    if !too_much.is_empty() {
        return Err(Error::conflict(
            ConflictReason::BeyondInvoice,
            format!("{}: {}", original.name(), too_much.join("; ")),
        ));
    }
    if note.row.total > left.total {
        return Err(exceeding(&original, left.total));
    }
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
    issue::write_new(&mut change, vec![issued], Vec::new()).await?;

    let mut credits: Vec<_> =
        earlier.iter().filter_map(|note| Some((note.row.issued_on?, note.row.total))).collect();
    credits.push((issued_on, total));
    settle(&mut change, &original, &credits, network.payments.write_off_limit).await?;
    change.commit_with(Outcome::of(id).with(original.row.id)).await?;
    Ok(id)
}

/// Returns `true` if the viewer may credit the invoice: it is issued, and a part of it is not
/// credited yet.
#[must_use]
pub fn can_credit(viewer: &Viewer, row: &invoice::Model) -> bool {
    viewer.has(Permission::ManageInvoices)
        && require_creditable(row).is_ok()
        && require_left(row, row.total - row.credited).is_ok()
}

/// Returns the row of a new credit note of an invoice, without lines and sums.
fn note_without_lines(original: &InvoiceAggregate, reason: String) -> InvoiceAggregate {
    InvoiceAggregate {
        row: invoice::Model {
            id: InvoiceId::new(),
            kind: InvoiceKind::CreditNote,
            member_id: original.row.member_id,
            organisation_id: original.row.organisation_id,
            credits_id: Some(original.row.id),
            reason: Some(reason),
            order_reference: original.row.order_reference.clone(),
            our_reference: original.row.our_reference.clone(),
            buyer_reference: original.row.buyer_reference.clone(),
            ..invoice::Model::default()
        },
        ..InvoiceAggregate::default()
    }
}

/// Writes the settlement of a credited invoice, by the days and sums of all its credit notes, and
/// the allocation of its payments. A difference up to `limit` is written off.
async fn settle(
    change: &mut Change,
    original: &InvoiceAggregate,
    credits: &[(NaiveDate, Money)],
    limit: Money,
) -> Result<()> {
    let mut settled = original.clone();
    // The written-off sum is no longer the remaining difference.
    let adjusted = write_off::due(&settled, credits, limit);
    settled.adjustments.extend(adjusted.iter().cloned());
    settled.settle(credits);
    audit::replace(change, settled.row.clone()).await?;
    change.record(Some(original), Some(&settled))?;
    for adjustment in &adjusted {
        change.record(None, Some(adjustment))?;
    }
    insert(change, adjusted).await?;
    // The paid sum of the credited lines moves to lines with a remaining sum.
    payment_allocation::renew(change, &BTreeSet::from([original.row.id])).await?.write(change).await
}

/// Fails with `NOT_ISSUED` or `CREDIT_NOTE` unless a document can be credited; otherwise returns its
/// day of issue.
fn require_creditable(row: &invoice::Model) -> Result<NaiveDate> {
    let Some(issued_on) = row.issued_on else {
        return Err(Error::conflict(
            ConflictReason::NotIssued,
            "the invoice is a draft; change or discard it instead",
        ));
    };
    if row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict(
            ConflictReason::CreditNote,
            "a credit note can't be credited; issue an invoice instead",
        ));
    }
    Ok(issued_on)
}

fn exceeding(original: &InvoiceAggregate, left: Money) -> Error {
    Error::conflict(
        ConflictReason::BeyondInvoice,
        format!("{} has {left} left to credit, VAT included", original.name()),
    )
}

/// Returns the lines of a credit note. A fully credited line retains its quantity and price.
pub(super) fn lines(
    original: &InvoiceAggregate,
    note: &InvoiceAggregate,
    left: &Left,
    wanted: &[Money],
) -> Vec<invoice_line::Model> {
    let taken = original.lines.iter().zip(wanted).filter(|(_, amount)| **amount != Money::ZERO);
    let line = |(position, (own, amount)): (i32, (&invoice_line::Model, &Money))| {
        let is_complete = *amount == own.net
            && left.lines.get(usize::try_from(own.position - 1).unwrap_or_default())
                == Some(&own.net);
        let (quantity, unit_price) =
            if is_complete { (own.quantity, own.unit_price) } else { (Quantity(1000), *amount) };
        invoice_line::Model {
            id: InvoiceLineId::new(),
            invoice_id: note.row.id,
            position,
            credits_line_id: Some(own.id),
            quantity,
            unit_price,
            ..own.clone()
        }
    };
    (1..).zip(taken).map(line).collect()
}
