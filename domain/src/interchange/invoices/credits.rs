//! Credit notes: the invoices that they credit, the limit of the credited amount, and the
//! settlement of the credited invoices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::entity::{
    dated_amount::DatedAmount,
    id::{InvoiceId, InvoiceLineId},
    invoice, invoice_line,
    kind::InvoiceKind,
    money::Money,
};
use sea_orm::{
    ConnectionTrait,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{
    super::{
        File,
        bulk_insert::replace,
        import::{
            report::BadRow,
            session::{CHUNK, Import},
        },
        key_resolution::{self, References},
        row::Line,
        staging::{self, NewCredit},
    },
    drafts::{Head, Incoming},
};
use crate::{
    database::{among, rows},
    error::Result,
    invoices::{
        aggregate::InvoiceAggregate,
        integrity::credit_notes,
        loading::{credits_of, parts_of},
    },
};

/// The credit notes of a chunk of invoices.
pub(super) struct Credits {
    /// The credited and corrected invoices, by key.
    references: References<InvoiceId>,
    /// The rows of these invoices.
    credited: HashMap<InvoiceId, invoice::Model>,
    /// Lines of these invoices by position, if the chunk's lines name any.
    lines: HashMap<(InvoiceId, i32), invoice_line::Model>,
    /// The amount that is left to credit of each, after the chunk's credit notes.
    left: HashMap<InvoiceId, Money>,
    /// Issued credit notes of the chunk's own invoices.
    of: HashMap<InvoiceId, Vec<DatedAmount>>,
    /// New credit notes.
    new: Vec<NewCredit>,
}

/// Loads the credit notes of a chunk; `existing` are its stored invoices.
pub(super) async fn load(
    import: &Import<'_>,
    incoming: &[Incoming],
    existing: &HashMap<String, InvoiceAggregate>,
) -> Result<Credits> {
    let heads =
        || incoming.iter().filter_map(|incoming| incoming.head.as_ref()).map(|line| &line.draft);
    let mut keys = key_resolution::present(heads().map(|head| head.credits.as_deref()));
    keys.extend(heads().filter_map(|head| head.corrects.clone().flatten()));
    let references = key_resolution::references::<invoice::Model, InvoiceId>(
        import,
        "invoice",
        File::Invoices,
        keys.clone(),
    )
    .await?;
    let credited = keys.iter().filter_map(|key| references.get(key));
    let credited =
        credited.chain(existing.values().filter_map(|aggregate| aggregate.row.credits_id));
    let credited: HashMap<InvoiceId, invoice::Model> =
        key_resolution::by_ids::<invoice::Model>(import.tx(), credited.map(Into::into).collect())
            .await?
            .into_values()
            .map(|row| (row.id, row))
            .collect();
    let own = existing
        .values()
        .filter(|aggregate| aggregate.row.kind == InvoiceKind::Invoice)
        .map(|aggregate| aggregate.row.id)
        .collect();
    let left = credited.values().map(|row| (row.id, row.total - row.credited)).collect();
    let names_lines = incoming
        .iter()
        .flat_map(|incoming| &incoming.lines)
        .any(|(_, line)| line.credits_line.is_some());
    let named =
        if names_lines { credited.keys().map(|id| id.0).collect() } else { BTreeSet::new() };
    let lines = positions(import.tx(), invoice_line::Column::InvoiceId, named).await?;
    let lines = lines.into_iter().map(|line| ((line.invoice_id, line.position), line)).collect();
    Ok(Credits {
        references,
        credited,
        lines,
        left,
        of: credits_of(import.tx(), own).await?,
        new: Vec::new(),
    })
}

/// Loads the positions and VAT rates of lines, by their ids or those of their invoices.
pub(super) async fn positions(
    tx: &impl ConnectionTrait,
    by: invoice_line::Column,
    ids: BTreeSet<impl Into<Uuid> + Ord>,
) -> Result<Vec<invoice_line::Model>> {
    use invoice_line::Column::{Id, InvoiceId, Position, VatRate};
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let columns = [Id, InvoiceId, Position, VatRate];
    let theirs = among(tx.get_database_backend(), Expr::col(by), ids);
    rows(
        tx,
        &Query::select().columns(columns).from(invoice_line::Entity).and_where(theirs).take(),
        &columns,
    )
    .await
}

impl Credits {
    /// Resolves the key of a credited or corrected invoice.
    pub fn find(
        &self,
        line: &mut Line<Head>,
        column: &str,
        key: Option<&str>,
    ) -> Option<InvoiceId> {
        self.references.find(line, column, key)
    }

    /// Resolves the invoice that one corrects upwards. It must be issued and have the same buyer,
    /// and the correction must have a reason.
    pub fn corrected(
        &self,
        line: &mut Line<Head>,
        key: Option<&str>,
        document: &invoice::Model,
    ) -> Option<InvoiceId> {
        let id = self.references.find(line, "corrects", key)?;
        let corrected = self.credited.get(&id)?;
        let is_fit = corrected.kind == InvoiceKind::Invoice
            && corrected.issued_on.is_some()
            && corrected.id != document.id;
        line.errors.expect(is_fit, "corrects", "must be an issued invoice");
        let is_theirs = (corrected.member_id, corrected.organisation_id)
            == (document.member_id, document.organisation_id);
        line.errors.expect(is_theirs, "buyer", "must be that of the invoice that it corrects");
        line.errors.expect(
            document.reason.is_some(),
            "reason",
            "is required: state what is corrected, and why",
        );
        Some(id)
    }

    /// Returns the days and sums of the issued credit notes of one of the chunk's invoices.
    pub fn of(&self, invoice: InvoiceId) -> &[DatedAmount] {
        self.of.get(&invoice).map(Vec::as_slice).unwrap_or_default()
    }

    /// Resolves the line that a line of the document credits, which must have the same VAT rate.
    pub fn line(
        &self,
        incoming: &mut Incoming,
        index: usize,
        document: &invoice::Model,
    ) -> Option<InvoiceLineId> {
        let (_, line) = incoming.lines.get(index)?;
        let (position, vat_rate) = (line.credits_line?, line.vat_rate);
        if document.kind != InvoiceKind::CreditNote {
            incoming.error_line(
                index,
                "credits_line",
                "must be empty but for a line of a credit note",
            );
            return None;
        }
        // An invoice that doesn't exist has an error already.
        let credited = self.credited.get(&document.credits_id?)?;
        match self.lines.get(&(credited.id, position)) {
            None => {
                let number = number_of(credited.number.as_deref().unwrap_or_default());
                incoming.error_line(
                    index,
                    "credits_line",
                    format!("is no line of {number}, which has no line {position}"),
                );
                None
            }
            Some(own) if own.vat_rate != vat_rate => {
                incoming.error_line(
                    index,
                    "vat_rate",
                    format!("must be {}, that of the line that it credits", own.vat_rate),
                );
                None
            }
            Some(own) => Some(own.id),
        }
    }

    /// Checks a credit note against its invoice, and subtracts it from the amount that is left to
    /// credit.
    pub fn take(
        &mut self,
        incoming: &mut Incoming,
        before: Option<&InvoiceAggregate>,
        after: &InvoiceAggregate,
    ) {
        let is_old = before.is_some_and(|before| before.row.issued_on.is_some());
        let (note, Some(credited)) =
            (&after.row, after.row.credits_id.and_then(|id| self.credited.get(&id)))
        else {
            return;
        };
        if is_old {
            return;
        }
        if credited.kind != InvoiceKind::Invoice {
            incoming.error("credits", "must be an invoice, not a credit note");
            return;
        }
        if (credited.member_id, credited.organisation_id) != (note.member_id, note.organisation_id)
        {
            incoming.error("buyer", "must be that of the invoice that it credits");
        }
        let Some(issued_on) = note.issued_on else { return };
        match credited.issued_on {
            None => incoming.error("credits", "must be an issued invoice, not a draft"),
            Some(day) if issued_on < day => incoming.error(
                "issued_on",
                format!("must not be before {day}, when the invoice was issued"),
            ),
            Some(_) => {}
        }
        let left = self.left.entry(credited.id).or_default();
        if note.total <= Money::ZERO {
            incoming.error("", "must credit more than zero");
        } else if note.total > *left {
            let number = credited.number.as_deref().unwrap_or_default();
            incoming.error(
                "credits",
                format!(
                    "has {left} left of {} to credit, and this credits {}",
                    number_of(number),
                    note.total
                ),
            );
        } else if incoming.is_good() {
            *left = *left - note.total;
            let line = incoming.head.as_ref().map_or(0, |head| head.number);
            self.new.push(NewCredit { credited: credited.id, note: note.id, line });
        }
    }

    /// Settles the invoices that have new credit notes. Returns these invoices.
    pub async fn settle(self, import: &mut Import<'_>) -> Result<BTreeSet<InvoiceId>> {
        if self.new.is_empty() {
            return Ok(BTreeSet::new());
        }
        let touched: BTreeSet<InvoiceId> = self.new.iter().map(|new| new.credited).collect();
        staging::record_credits(import.tx(), self.new).await?;
        let notes = credits_of(import.tx(), touched.clone()).await?;
        let mut parts: BTreeMap<_, _> =
            parts_of(import.tx(), touched.clone()).await?.into_iter().collect();
        let rows = key_resolution::by_ids::<invoice::Model>(
            import.tx(),
            touched.iter().map(|id| id.0).collect(),
        )
        .await?;
        let mut changed = Vec::new();
        for &id in &touched {
            let Some(row) = rows.get(&id.0).cloned() else { continue };
            let (lines, payments, adjustments) = parts.remove(&id).unwrap_or_default();
            let before = InvoiceAggregate { row, lines, payments, adjustments };
            let mut after = before.clone();
            after.settle(notes.get(&id).map(Vec::as_slice).unwrap_or_default());
            if after != before {
                import.change.record(Some(&before), Some(&after))?;
                changed.push(after.row);
            }
        }
        replace(import.tx(), changed).await?;
        Ok(touched)
    }
}

/// Checks the new credit notes after all of them were imported: the limit of one depends on those
/// with lower numbers, wherever they are in the file.
pub(super) async fn check(import: &mut Import<'_>) -> Result<()> {
    let mut last = InvoiceId::default();
    // Without the notes of bad rows, others would have misleading errors.
    while import.is_good() {
        let new = staging::credits_after(import.tx(), last, CHUNK as u64).await?;
        let Some(end) = new.last() else { break };
        last = end.credited;
        let lines: HashMap<InvoiceId, u64> = new.iter().map(|new| (new.note, new.line)).collect();
        let mut credited_of: HashMap<InvoiceId, u64> = HashMap::new();
        for new in &new {
            credited_of.entry(new.credited).or_insert(new.line);
        }
        for violation in
            credit_notes::violations_of(import.tx(), credited_of.keys().copied().collect()).await?
        {
            // A stored note may violate the limit because of a new one with a lower number.
            let line = lines
                .get(&violation.note)
                .or_else(|| credited_of.get(&violation.credited))
                .copied()
                .unwrap_or_default();
            import.reject(BadRow::new(File::Invoices, line, "", violation.words));
        }
    }
    Ok(())
}

fn number_of(number: &str) -> String {
    format!("invoice {number}")
}
