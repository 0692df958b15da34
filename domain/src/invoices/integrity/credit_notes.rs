//! Integrity of credit notes: the sums that each takes of its invoice.

use std::collections::BTreeSet;

use ::entity::{id::InvoiceId, invoice_line, money::Money};
use sea_orm::ConnectionTrait;

use crate::{
    error::Result,
    invoices::{
        aggregate::InvoiceAggregate,
        creditable::Left,
        loading::{self, notes_of},
    },
};

/// Returns the violations of the issued credit notes of an invoice that reference its lines, in
/// order of number: the note and a description.
pub(in crate::invoices) fn violations(
    original: &InvoiceAggregate,
    notes: &[InvoiceAggregate],
) -> Vec<(InvoiceId, String)> {
    let mut found = Vec::new();
    for (position, note) in notes.iter().enumerate() {
        if note.lines.iter().all(|line| line.credits_line_id.is_none()) {
            continue;
        }
        let left = Left::of(original, &notes[..position]);
        // The rounding of the invoice does not show whether its credit notes are rounded: those of
        // earlier versions are not. Nor is it recorded which version divided their VAT.
        let computed = |compute: fn(&Left, &mut InvoiceAggregate, bool), in_whole_kronor: bool| {
            let mut computed = note.clone();
            compute(&left, &mut computed, in_whole_kronor);
            computed
        };
        let expected = computed(Left::calculate, false);
        let rules: [fn(&Left, &mut InvoiceAggregate, bool); 2] =
            [Left::calculate, Left::compute_by_rates];
        let is_right = rules.into_iter().any(|rule| {
            [false, true].into_iter().any(|aggregate| computed(rule, aggregate) == *note)
        });
        if !is_right {
            let words = |note: &InvoiceAggregate| {
                format!(
                    "net {}, VAT {}, rounding {}",
                    note.row.net, note.row.vat, note.row.rounding
                )
            };
            found.push((
                note.row.id,
                format!(
                    "has {} of {}, which must be {}",
                    note.name(),
                    words(note),
                    words(&expected)
                ),
            ));
        }
        for words in left.exceeding(note) {
            found.push((
                note.row.id,
                format!("has {} that exceeds the remaining sum: {words}", note.name()),
            ));
        }
        let after = Left::of(original, &notes[..=position]);
        let exceeds = |(left, line): (&Money, &invoice_line::Model)| {
            left.0 != 0 && left.0.signum() != line.net.0.signum()
        };
        if after.lines.iter().zip(&original.lines).any(exceeds) {
            found.push((
                note.row.id,
                format!("has {} that credits a line by more than its sum", note.name()),
            ));
        }
    }
    found
}

/// A violation of a credit note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invoice.
    pub credited: InvoiceId,
    /// The credit note.
    pub note: InvoiceId,
    /// Description: a sentence about the invoice.
    pub words: String,
}

/// Returns the violations of the issued credit notes of these invoices that reference their lines.
/// For imports, which write credit notes made elsewhere.
pub async fn violations_of(
    db: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<Vec<Violation>> {
    let originals = loading::by_ids(db, &invoices).await?;
    let notes = notes_of(db, invoices).await?;
    let mut found = Vec::new();
    for (credited, notes) in notes {
        let Some(original) = originals.get(&credited) else { continue };
        let violation = |(note, words)| Violation {
            credited,
            note,
            words: format!("{} {words}", original.name()),
        };
        found.extend(violations(original, &notes).into_iter().map(violation));
    }
    Ok(found)
}
