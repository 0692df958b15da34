//! Issue of documents: their numbers, contents and files, and the rows that are stored.

use std::collections::BTreeSet;

use ::documents::{invoice as document, peppol};
use ::entity::{
    fee_charge, invoice, invoice_content, invoice_file,
    kind::{FileFormat, InvoiceKind},
};
use chrono::NaiveDate;

use super::{
    aggregate::InvoiceAggregate,
    claim_terms::{self, Agreed, ClaimTerms},
    document_content::{self, Names},
    documents, fee_charges,
    number_series::{self, NumberSeries},
    parties::{self, Buyers, buyer_of},
    totals_delta::TotalsDelta,
};
use crate::{
    audit::Change,
    collation,
    config::Network,
    error::{ConflictReason, Error, Origin, Result, ValidationErrors},
};

/// Returns the error of a payment reference that is taken.
pub(crate) fn ocr_taken(error: Error) -> Error {
    let message = "an imported invoice already has the payment reference of the next number";
    error.on_constraint("invoice__ocr", Error::conflict(ConflictReason::OcrTaken, message))
}

/// An issued document with everything that is stored of it.
#[derive(Debug)]
pub(crate) struct Issued {
    pub aggregate: InvoiceAggregate,
    content: String,
    xml: Vec<u8>,
    /// Words of the search index; `None` if they must be read from the rows.
    words: Option<String>,
}

/// Turns drafts of one kind and day into issued documents, in order, without a statement for each.
pub(crate) struct IssueRenderer<'n> {
    network: &'n Network,
    issued_on: NaiveDate,
    numbers: NumberSeries,
    buyers: Buyers,
    names: Names,
    agreed: Agreed,
}

impl<'n> IssueRenderer<'n> {
    /// Loads what these drafts need, with a constant number of statements.
    pub(crate) async fn load(
        change: &Change,
        network: &'n Network,
        kind: InvoiceKind,
        issued_on: NaiveDate,
        drafts: &[InvoiceAggregate],
    ) -> Result<Self> {
        let tx = change.tx();
        let buyers: BTreeSet<_> = drafts.iter().filter_map(|draft| buyer_of(&draft.row)).collect();
        let numbers = NumberSeries::of(tx, kind, issued_on).await?;
        let buyers = Buyers::load(tx, buyers).await?;
        let names = Names::load(tx, drafts).await?;
        let agreed = Agreed::load(tx, drafts.iter().flat_map(|draft| &draft.lines)).await?;
        Ok(Self { network, issued_on, numbers, buyers, names, agreed })
    }

    /// Issues with facts that were loaded before.
    pub(super) fn new(
        network: &'n Network,
        issued_on: NaiveDate,
        numbers: NumberSeries,
        (buyers, names, agreed): (Buyers, Names, Agreed),
    ) -> Self {
        Self { network, issued_on, numbers, buyers, names, agreed }
    }

    /// Assigns a number to a draft and renders its documents. Its sums and its last day to pay must
    /// be set. No number is used if it fails.
    ///
    /// # Errors
    /// INVALID naming every required fact that is missing, CONFLICT `DOCUMENT_TOO_LONG` if its PDF
    /// could not be rendered.
    pub(crate) fn issue(&mut self, mut aggregate: InvoiceAggregate) -> Result<Issued> {
        let mut missing = ValidationErrors::of(Origin::Record);
        let (seller, buyer) = self.parties(&aggregate, &mut missing);
        missing.finish()?;
        let number = self.numbers.take();
        let row = &mut aggregate.row;
        row.number_key = collation::number_key(&number);
        if row.kind == InvoiceKind::Invoice {
            row.ocr = number_series::reference(&number, self.network.invoicing.ocr_length_digit);
        }
        row.number = Some(number);
        row.issued_on = Some(self.issued_on);
        row.line_count = i32::try_from(aggregate.lines.len()).ok();
        aggregate.settle(&[]);
        let terms = parties::terms(self.network, self.claim_terms(&aggregate));
        let document = document_content::document(&aggregate, seller, buyer, terms, &self.names);
        document.require_settable()?;
        let content = serde_json::to_string(&document).map_err(Error::internal)?;
        let words = self.buyers.search_words(&aggregate);
        Ok(Issued { xml: peppol::xml(&document)?, aggregate, content, words })
    }

    /// Returns the last day to pay of a draft: by its own days, else by its agreements, else by the
    /// settings.
    pub(super) fn due_on(&self, draft: &InvoiceAggregate) -> NaiveDate {
        let own = draft.row.due_in_days.and_then(|days| u16::try_from(days).ok());
        claim_terms::due_on(self.issued_on, own.unwrap_or_else(|| self.claim_terms(draft).days))
    }

    fn claim_terms(&self, aggregate: &InvoiceAggregate) -> ClaimTerms {
        self.agreed.terms(
            &self.network.invoicing,
            aggregate.row.member_id.is_some(),
            &aggregate.lines,
        )
    }

    /// Returns the seller and the buyer, and adds an error for each required fact that is missing.
    pub(super) fn parties(
        &self,
        aggregate: &InvoiceAggregate,
        missing: &mut ValidationErrors,
    ) -> (document::Seller, document::Buyer) {
        parties::parties_of(self.network, &self.buyers, aggregate, missing)
    }
}

/// Adds the contents, e-invoices and search words of issued documents to what the change writes,
/// and the documents to the totals.
pub(super) fn store(change: &mut Change, issued: Vec<Issued>) -> Result<()> {
    let mut delta = TotalsDelta::default();
    let (mut contents, mut files, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for Issued { aggregate, content, xml, words } in issued {
        let row = &aggregate.row;
        let issued = (row.kind, row.issued_on.unwrap_or_default());
        delta.issue(issued, row.member_id, &aggregate.lines);
        let number = row.number.as_deref();
        let sha256 = ::documents::sha256(content.as_bytes());
        documents::record(change, row.id, number, None, &sha256)?;
        contents.push(invoice_content::Model { invoice_id: row.id, content });
        let (format, sha256) = (FileFormat::Xml, ::documents::sha256(&xml));
        documents::record(change, row.id, number, Some(format), &sha256)?;
        files.push(invoice_file::Model { invoice_id: row.id, format, sha256, bytes: xml });
        found.extend(words.map(|words| (row.id.0, words)));
    }
    change.insert_later(contents);
    change.insert_later(files);
    change.index(found);
    delta.write_later(change);
    Ok(())
}

/// Writes documents that were never stored as drafts, with their audit entries and fee charges.
///
/// # Errors
/// CONFLICT `OCR_TAKEN`.
pub(crate) async fn write_new(
    change: &mut Change,
    issued: Vec<Issued>,
    charges: Vec<fee_charge::Model>,
) -> Result<()> {
    for issued in &issued {
        change.record(None, Some(&issued.aggregate))?;
    }
    change.flush().await?;
    let rows = issued.iter().map(|issued| issued.aggregate.row.clone()).collect();
    let lines: Vec<_> =
        issued.iter().flat_map(|issued| issued.aggregate.lines.iter().cloned()).collect();
    let invoices = lines.iter().map(|line| (line.id, line.invoice_id)).collect();
    change.insert_later::<invoice::Model, _>(rows);
    change.insert_later(lines);
    store(change, issued)?;
    fee_charges::write_later(change, charges, &invoices)?;
    change.write_now().await.map_err(ocr_taken)
}
