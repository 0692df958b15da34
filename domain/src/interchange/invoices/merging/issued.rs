//! Issued invoices, which never change.

use ::entity::invoice_line;

use super::{
    super::{
        credits::Credits,
        drafts::{Head, Incoming, LineDraft},
    },
    lookups::Lookups,
};
use crate::{
    interchange::{key_resolution::Party, row::Line},
    invoices::aggregate::InvoiceAggregate,
};

/// Compares an issued invoice with the stored one, and adds an error for each difference. Returns
/// the stored one, with an OCR reference if it had none.
pub(super) fn compare(
    incoming: &mut Incoming,
    before: &InvoiceAggregate,
    lookups: &mut Lookups,
) -> InvoiceAggregate {
    let mut after = before.clone();
    let never = format!(
        "differs from {}, which is issued and never changes; credit it instead",
        before.name()
    );
    if let Some(mut line) = incoming.head.take() {
        after.row.ocr = compare_head(&mut line, before, lookups, &never);
        incoming.head = Some(line);
    }
    if !incoming.lines.is_empty() && !incoming.lacks_lines {
        compare_lines(incoming, before, &lookups.credits, &never);
    }
    after
}

/// Compares the head of an issued invoice with the stored one. Returns its OCR reference, which an
/// older register may lack.
fn compare_head(
    line: &mut Line<Head>,
    before: &InvoiceAggregate,
    lookups: &mut Lookups,
    never: &str,
) -> Option<String> {
    let (buyer, credited, corrected) =
        (line.draft.buyer.clone(), line.draft.credits.clone(), line.draft.corrects.clone());
    let party = Party::columns(lookups.parties.find(line, "buyer", Some(&buyer)));
    let credits_id = lookups.credits.find(line, "credits", credited.as_deref());
    let corrects_id = lookups.credits.find(line, "corrects", corrected.flatten().as_deref());
    let (head, old) = (&line.draft, &before.row);
    let ocr = head.ocr.clone().unwrap_or_else(|| old.ocr.clone());
    let differing = [
        ("number", head.number != old.number),
        ("kind", head.kind != old.kind),
        ("buyer", party != (old.member_id, old.organisation_id)),
        ("issued_on", head.issued_on != old.issued_on),
        ("due_on", head.due_on != old.due_on),
        ("credits", credits_id != old.credits_id),
        ("ocr", old.ocr.is_some() && ocr != old.ocr),
        ("rounding", head.rounding.is_some_and(|rounding| rounding != old.rounding)),
        ("corrects", head.corrects.is_some() && corrects_id != old.corrects_id),
        ("reason", head.reason.as_ref().is_some_and(|reason| *reason != old.reason)),
        ("due_in_days", head.due_in_days.is_some_and(|days| days != old.due_in_days)),
        (
            "order_reference",
            head.order_reference.as_ref().is_some_and(|order| *order != old.order_reference),
        ),
        (
            "our_reference",
            head.our_reference.as_ref().is_some_and(|reference| *reference != old.our_reference),
        ),
        (
            "buyer_reference",
            head.buyer_reference
                .as_ref()
                .is_some_and(|reference| *reference != old.buyer_reference),
        ),
    ];
    if line.is_good() {
        for (column, _) in differing.into_iter().filter(|(_, differs)| *differs) {
            line.error(column, never);
        }
        if !lookups.ocrs.take(before.row.id.0, None, ocr.as_ref()) {
            line.error("ocr", "is that of another invoice too");
        }
    }
    ocr
}

/// Compares the lines of an issued invoice with the stored ones.
fn compare_lines(
    incoming: &mut Incoming,
    before: &InvoiceAggregate,
    credits: &Credits,
    never: &str,
) {
    for position in 0..incoming.lines.len() {
        let credits_line = credits.line(incoming, position, &before.row);
        let (_, line) = &incoming.lines[position];
        let is_same = |old: &invoice_line::Model| {
            is_same_line(line, old)
                && (line.credits_line.is_none() || credits_line == old.credits_line_id)
        };
        if !before.lines.get(position).is_some_and(is_same) {
            incoming.error_line(position, "", never);
        }
    }
    if incoming.lines.len() < before.lines.len() {
        let reason = format!(
            "has {} of the {} lines of {}",
            incoming.lines.len(),
            before.lines.len(),
            before.name()
        );
        incoming.error("", reason);
    }
}

/// `true` if the file has the line as it is stored, as far as it has its columns.
fn is_same_line(line: &LineDraft, old: &invoice_line::Model) -> bool {
    line.description == old.description
        && (line.activity_id, line.agreement_id) == (old.activity_id, old.agreement_id)
        && (line.period_from, line.period_to) == (old.period_from, old.period_to)
        && (line.quantity, line.unit_price, line.vat_rate)
            == (old.quantity, old.unit_price, old.vat_rate)
        && line.account.as_ref().is_none_or(|account| *account == old.account)
        && line.vat.is_none_or(|vat| vat == old.vat)
        && line.unit.is_none_or(|unit| unit == old.unit)
        && (line.exemption_reason.is_none() || line.exemption_reason == old.exemption_reason)
        && (line.exemption_code.is_none() || line.exemption_code == old.exemption_code)
}
