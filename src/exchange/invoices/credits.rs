//! Credit notes: what they credit, that it is never more than there was, and what it makes of the invoice.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    id::InvoiceId,
    invoice,
    kind::{InvoiceKind, SubjectKind},
    money::Money,
};
use chrono::NaiveDate;

use super::{
    super::{
        File,
        cells::Line,
        import::Import,
        keys::{self, References},
        writing::replace,
    },
    drafts::{Head, Incoming},
};
use crate::{
    error::Result,
    invoices::whole::{Whole, credits_of, parts_of},
};

/// The credit notes around a chunk of invoices.
pub(super) struct Credits {
    /// What keys of credited invoices stand for.
    references: References<InvoiceId>,
    /// Those invoices.
    credited: HashMap<InvoiceId, invoice::Model>,
    /// What is left of each, as the chunk's credit notes take from it.
    left: HashMap<InvoiceId, Money>,
    /// Issued credit notes of the chunk's own invoices.
    of: HashMap<InvoiceId, Vec<(NaiveDate, Money)>>,
    /// Invoices with new credit notes.
    touched: BTreeSet<InvoiceId>,
}

/// Loads them: `keys` are those of the invoices that the chunk's credit notes credit, `existing` the chunk's own invoices.
pub(super) async fn load(import: &Import<'_>, keys: BTreeSet<String>, existing: &HashMap<String, Whole>) -> Result<Credits> {
    let references = keys::references::<invoice::Model, InvoiceId>(import, "invoice", File::Invoices, keys.clone()).await?;
    let credited = keys.iter().filter_map(|key| references.get(key));
    let credited = credited.chain(existing.values().filter_map(|whole| whole.row.credits_id));
    let credited: HashMap<InvoiceId, invoice::Model> = keys::by_ids::<invoice::Model>(import.tx(), credited.map(Into::into).collect())
        .await?
        .into_values()
        .map(|row| (row.id, row))
        .collect();
    let own = existing.values().filter(|whole| whole.row.kind == InvoiceKind::Invoice).map(|whole| whole.row.id).collect();
    let left = credited.values().map(|row| (row.id, row.total - row.credited)).collect();
    Ok(Credits { references, credited, left, of: credits_of(import.tx(), own).await?, touched: BTreeSet::new() })
}

impl Credits {
    /// The invoice that a credit note credits.
    pub fn find(&self, line: &mut Line<Head>, key: Option<&str>) -> Option<InvoiceId> {
        self.references.find(line, "credits", key)
    }

    /// Days and sums of the issued credit notes of one of the chunk's invoices.
    pub fn of(&self, invoice: InvoiceId) -> &[(NaiveDate, Money)] {
        self.of.get(&invoice).map(Vec::as_slice).unwrap_or_default()
    }

    /// Checks a credit note against its invoice, and takes what it credits from what is left of that.
    pub fn take(&mut self, incoming: &mut Incoming, before: Option<&Whole>, after: &Whole) {
        let is_old = before.is_some_and(|before| before.row.issued_on.is_some());
        let (note, Some(credited)) = (&after.row, after.row.credits_id.and_then(|id| self.credited.get(&id))) else { return };
        if is_old {
            return;
        }
        if credited.kind != InvoiceKind::Invoice {
            incoming.fault("credits", "must be an invoice, not a credit note");
            return;
        }
        if (credited.member_id, credited.organisation_id) != (note.member_id, note.organisation_id) {
            incoming.fault("buyer", "must be that of the invoice that it credits");
        }
        let Some(issued_on) = note.issued_on else { return };
        match credited.issued_on {
            None => incoming.fault("credits", "must be an issued invoice, not a draft"),
            Some(day) if issued_on < day => incoming.fault("issued_on", format!("must not be before {day}, when the invoice was issued")),
            Some(_) => {}
        }
        let left = self.left.entry(credited.id).or_default();
        if note.total <= Money::ZERO {
            incoming.fault("", "must credit more than nought");
        } else if note.total > *left {
            let number = credited.number.as_deref().unwrap_or_default();
            incoming.fault("credits", format!("has {left} left of {} to credit, and this credits {}", number_of(number), note.total));
        } else if incoming.is_good() {
            *left = *left - note.total;
            self.touched.insert(credited.id);
        }
    }

    /// Writes into the invoices what their new credit notes make of them, and answers which these are.
    pub async fn settle(self, import: &mut Import<'_>) -> Result<BTreeSet<InvoiceId>> {
        if self.touched.is_empty() {
            return Ok(self.touched);
        }
        let notes = credits_of(import.tx(), self.touched.clone()).await?;
        let mut parts: BTreeMap<_, _> = parts_of(import.tx(), self.touched.clone()).await?.into_iter().collect();
        let rows = keys::by_ids::<invoice::Model>(import.tx(), self.touched.iter().map(|id| id.0).collect()).await?;
        let mut changed = Vec::new();
        for &id in &self.touched {
            let Some(row) = rows.get(&id.0).cloned() else { continue };
            let (lines, payments) = parts.remove(&id).unwrap_or_default();
            let before = Whole { row, lines, payments };
            let mut after = before.clone();
            after.settle(notes.get(&id).map(Vec::as_slice).unwrap_or_default());
            if after != before {
                import.change.record(SubjectKind::Invoice, id, Some(&before), Some(&after))?;
                changed.push(after.row);
            }
        }
        replace(import.tx(), changed).await?;
        Ok(self.touched)
    }
}

fn number_of(number: &str) -> String {
    format!("invoice {number}")
}
