//! The invoice that the files make of a new one or of a stored draft.

use ::entity::{
    id::{InvoiceId, InvoiceLineId},
    invoice_line,
    kind::{InvoiceKind, VatRate},
    money::Money,
};

use super::{
    super::{
        credits::Credits,
        drafts::{Incoming, LineDraft},
    },
    lookups::{Lookups, derived_ocr},
};
use crate::{
    collation,
    interchange::key_resolution::Party,
    invoices::{aggregate::InvoiceAggregate, amounts, revenue_accounts::LineAccounts},
    tax_decisions::exemption::NO_RATE_OF_ZERO,
};

/// Builds a new invoice, or the new state of a draft.
pub(super) fn build(
    incoming: &mut Incoming,
    before: Option<&InvoiceAggregate>,
    lookups: &mut Lookups,
) -> InvoiceAggregate {
    let mut after = before.cloned().unwrap_or_default();
    if before.is_none() {
        after.row.id = InvoiceId::new();
        after.row.import_key = Some(incoming.key.clone());
    }
    if let Some(mut line) = incoming.head.take() {
        let (buyer, credited) = (line.draft.buyer.clone(), line.draft.credits.clone());
        let party = lookups.parties.find(&mut line, "buyer", Some(&buyer));
        after.row.credits_id = lookups.credits.find(&mut line, "credits", credited.as_deref());
        (after.row.member_id, after.row.organisation_id) = Party::columns(party);
        after.row.reason = line.draft.reason.clone().unwrap_or(after.row.reason);
        after.row.due_in_days = line.draft.due_in_days.unwrap_or(after.row.due_in_days);
        after.row.order_reference =
            line.draft.order_reference.clone().unwrap_or(after.row.order_reference);
        after.row.our_reference =
            line.draft.our_reference.clone().unwrap_or(after.row.our_reference);
        after.row.buyer_reference =
            line.draft.buyer_reference.clone().unwrap_or(after.row.buyer_reference);
        if let Some(corrected) =
            line.draft.corrects.clone().filter(|_| line.draft.kind == InvoiceKind::Invoice)
        {
            after.row.corrects_id =
                lookups.credits.corrected(&mut line, corrected.as_deref(), &after.row);
        }
        let (row, head) = (&mut after.row, &line.draft);
        row.kind = head.kind;
        row.number.clone_from(&head.number);
        row.number_key = head.number.as_deref().map(collation::number_key).unwrap_or_default();
        row.issued_on = head.issued_on;
        row.due_on = head.due_on;
        row.rounding = head.rounding.unwrap_or(row.rounding);
        let name = head.number.as_ref().map(|number| format!("{} {number}", head.kind));
        let (id, derived, ocr) = (row.id.0, derived_ocr(head), head.ocr.clone());
        if !lookups.numbers.take(id, None, name.as_ref()) {
            line.error("number", "is that of another document too");
        }
        after.row.ocr = match ocr {
            Some(ocr) => {
                if !lookups.ocrs.take(id, None, ocr.as_ref()) {
                    line.error("ocr", "is that of another invoice too");
                }
                ocr
            }
            None => derived.filter(|ocr| lookups.ocrs.take(id, None, Some(ocr))),
        };
        incoming.head = Some(line);
    }
    if !incoming.lines.is_empty() {
        if !after.is_issued() {
            refuse_zero(incoming, &after);
        }
        after.lines = lines_of(incoming, &after, &lookups.credits, &lookups.accounts);
    } else if after.lines.is_empty() && after.is_issued() && !incoming.lacks_lines {
        incoming.error("", "has no lines in invoice_lines.csv");
    }
    if !incoming.lacks_lines {
        calculate(incoming, &mut after);
    }
    after
}

/// Builds the lines of the file. A line of a draft retains the id of the stored line at its index.
fn lines_of(
    incoming: &mut Incoming,
    before: &InvoiceAggregate,
    credits: &Credits,
    accounts: &LineAccounts,
) -> Vec<invoice_line::Model> {
    let mut lines = Vec::with_capacity(incoming.lines.len());
    for (index, position) in (0..incoming.lines.len()).zip(1..) {
        let credits_line = credits.line(incoming, index, &before.row);
        let (old, (_, line)) = (before.lines.get(index), &incoming.lines[index]);
        let account = || accounts.of_line(line.activity_id, line.vat_rate);
        let (exemption_reason, exemption_code) = exemption(line, old);
        lines.push(invoice_line::Model {
            id: old.map_or_else(InvoiceLineId::new, |old| old.id),
            invoice_id: before.row.id,
            position,
            description: line.description.clone(),
            activity_id: line.activity_id,
            agreement_id: line.agreement_id,
            credits_line_id: credits_line.or(old.and_then(|old| old.credits_line_id)),
            period_from: line.period_from,
            period_to: line.period_to,
            quantity: line.quantity,
            unit: line.unit.or(old.map(|old| old.unit)).unwrap_or_default(),
            unit_price: line.unit_price,
            vat_rate: line.vat_rate,
            exemption_reason,
            exemption_code,
            net: Money::ZERO,
            vat: Money::ZERO,
            account: line
                .account
                .clone()
                .or_else(|| old.map(|old| old.account.clone()))
                .unwrap_or_else(account),
        });
    }
    lines
}

/// Returns the reason of a line's exemption with its code: those of the file or, for a line that
/// stays exempt, the stored ones.
fn exemption(
    line: &LineDraft,
    old: Option<&invoice_line::Model>,
) -> (Option<String>, Option<String>) {
    if line.vat_rate != VatRate::Exempt {
        return (None, None);
    }
    match (&line.exemption_reason, old) {
        (None, Some(old)) => (old.exemption_reason.clone(), old.exemption_code.clone()),
        (reason, _) => (reason.clone(), line.exemption_code.clone()),
    }
}

/// Rejects lines of a draft with a new rate of zero, with which no invoice can be issued.
fn refuse_zero(incoming: &mut Incoming, before: &InvoiceAggregate) {
    let is_new = |position: usize| {
        before.lines.get(position).is_none_or(|old| old.vat_rate != VatRate::Zero)
    };
    let zero: Vec<usize> = (0..incoming.lines.len())
        .filter(|position| {
            incoming.lines[*position].1.vat_rate == VatRate::Zero && is_new(*position)
        })
        .collect();
    for position in zero {
        incoming.error_line(position, "vat_rate", NO_RATE_OF_ZERO);
    }
}

/// Calculates the sums of a document and of its lines. The VAT that a credit note takes from the
/// lines that it names is that of the file: it is checked after all of the invoice's credit notes
/// were imported.
fn calculate(incoming: &mut Incoming, after: &mut InvoiceAggregate) {
    if !amounts::rates_fit_together(after.lines.iter().map(|line| line.vat_rate)) {
        incoming.error(
            "",
            "has lines outside the scope of VAT together with others; they need an invoice of their own",
        );
    }
    let rounding = after.row.rounding;
    // Also a line that doesn't exist, which has an error already.
    let names_lines = after.lines.iter().any(|line| line.credits_line_id.is_some())
        || incoming.lines.iter().any(|(_, line)| line.credits_line.is_some());
    // A draft without lines in the file retains its stored lines.
    let stated = |(position, line): (usize, &invoice_line::Model)| {
        incoming.lines.get(position).map_or(Some(line.vat), |(_, line)| line.vat)
    };
    let stated: Vec<Option<Money>> = after.lines.iter().enumerate().map(stated).collect();
    let mut is_small = after.calculate(|_| rounding);
    for (position, vat) in stated.into_iter().enumerate() {
        let (Some(vat), line) = (vat, &mut after.lines[position]) else { continue };
        if names_lines {
            line.vat = vat;
        } else if line.vat != vat && is_small {
            let reason = format!(
                "must be {}: the VAT of each rate is calculated on its net sum and divided among its lines",
                line.vat
            );
            incoming.error_line(position, "vat", reason);
        }
    }
    if names_lines {
        is_small &= after.add_up();
    }
    if !is_small {
        incoming.error("", "adds up to more than 10000000000.00 kronor");
    }
    after.row.line_count = after.row.issued_on.and(i32::try_from(after.lines.len()).ok());
}
