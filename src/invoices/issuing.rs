//! Issuing: how a draft becomes an invoice with a number, and what it says is kept for ever.

use std::collections::BTreeSet;

use ::entity::{
    fee_charge,
    id::InvoiceId,
    invoice, invoice_content, invoice_file,
    kind::{FileFormat, InvoiceKind, SubjectKind, VatRate},
};
use chrono::{Days, NaiveDate};
use sea_orm::{EntityTrait, IntoActiveModel};

use super::{
    charges, documents,
    documents::Names,
    drafting,
    months::Growth,
    numbers::{self, Numbers},
    parties::{self, Buyers, buyer_of},
    whole::Whole,
};
use crate::{
    audit::{self, Change},
    auth::viewer::{Deed, Viewer},
    clock::day_of,
    config::Network,
    database::Database,
    documents::{invoice as document, peppol},
    error::{Error, Faults, Result},
    swedish,
};

/// Issues a draft: it gets the next number of its series and the reference that it is paid with, and from then on it never changes.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, NOT_FOUND, INVALID naming all that an invoice needs and the register lacks,
/// CONFLICT `ALREADY_ISSUED`, `CREDIT_NOTE` for an imported draft of one, or `OCR_TAKEN`.
pub async fn issue(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    id: InvoiceId,
    issued_on: Option<NaiveDate>,
    mut faults: Faults,
) -> Result<()> {
    viewer.require(Deed::KeepInvoices)?;
    let mut change = audit::begin(db, viewer, "invoiceIssue").await?;
    let issued_on = day_of_issue(&change, issued_on, &mut faults);
    let before = match drafting::find_draft(change.tx(), id).await {
        // The id itself was bad: all that is wrong with the input is told together.
        Err(Error::NotFound(_)) if !faults.is_empty() => return faults.finish(),
        found => found?,
    };
    faults.finish()?;
    if before.row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict("CREDIT_NOTE", "a credit note is not issued from a draft; credit its invoice instead"));
    }
    let mut press = Press::load(&change, network, InvoiceKind::Invoice, issued_on, std::slice::from_ref(&before)).await?;
    let mut whole = before.clone();
    whole.row.due_on = Some(due_on(network, issued_on, before.row.due_in_days));
    drafting::reckon(network, &mut whole);
    let issued = press.issue(whole)?;
    let charges = charges::of_invoice(&issued.whole).collect();
    audit::replace(&change, issued.whole.row.clone()).await.map_err(taken)?;
    change.record(SubjectKind::Invoice, id, Some(&before), Some(&issued.whole))?;
    keep(&change, vec![issued]).await?;
    charges::note(&change, charges).await?;
    change.commit().await
}

/// The day of issue, today unless somebody says another; never a day to come, since its number is given now.
pub(super) fn day_of_issue(change: &Change, given: Option<NaiveDate>, faults: &mut Faults) -> NaiveDate {
    let today = day_of(change.at());
    let day = given.unwrap_or(today);
    faults.expect(day <= today, "input.issuedOn", "must not be after today");
    day
}

/// The last day to pay.
pub(super) fn due_on(network: &Network, issued_on: NaiveDate, days: Option<i32>) -> NaiveDate {
    let days = days.and_then(|days| u64::try_from(days).ok()).unwrap_or(network.invoicing.due_days.into());
    issued_on.checked_add_days(Days::new(days)).unwrap_or(issued_on)
}

pub(super) fn taken(error: Error) -> Error {
    let message = "another invoice is paid with the reference that follows from the next number; it came with imported history";
    error.on_constraint("invoice__ocr", Error::conflict("OCR_TAKEN", message))
}

/// An issued document with all that is kept of it.
#[derive(Debug)]
pub(super) struct Issued {
    pub whole: Whole,
    content: String,
    xml: Vec<u8>,
}

/// Turns drafts into issued documents of one kind and day, one after the other, without asking the database for each.
pub(super) struct Press<'n> {
    network: &'n Network,
    issued_on: NaiveDate,
    numbers: Numbers,
    buyers: Buyers,
    names: Names,
}

impl<'n> Press<'n> {
    /// With all that it takes for these, by a handful of statements.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub(super) async fn load(
        change: &Change,
        network: &'n Network,
        kind: InvoiceKind,
        issued_on: NaiveDate,
        drafts: &[Whole],
    ) -> Result<Self> {
        let tx = change.tx();
        let buyers: BTreeSet<_> = drafts.iter().filter_map(|draft| buyer_of(&draft.row)).collect();
        Ok(Self {
            network,
            issued_on,
            numbers: Numbers::of(tx, kind, issued_on).await?,
            buyers: Buyers::load(tx, buyers).await?,
            names: Names::load(tx, drafts).await?,
        })
    }

    /// Gives a draft, whose sums and last day to pay are right, its number, and makes its documents. An error takes no number.
    ///
    /// # Errors
    /// INVALID naming all that it needs and the register lacks.
    pub(super) fn issue(&mut self, mut whole: Whole) -> Result<Issued> {
        let (seller, buyer) = self.parties(&whole)?;
        let number = self.numbers.take();
        let row = &mut whole.row;
        row.number_key = swedish::number_key(&number);
        if row.kind == InvoiceKind::Invoice {
            row.ocr = numbers::reference(&number, self.network.invoicing.ocr_length_digit);
        }
        row.number = Some(number);
        row.issued_on = Some(self.issued_on);
        row.line_count = i32::try_from(whole.lines.len()).ok();
        whole.settle(&[]);
        let document = documents::document(&whole, seller, buyer, parties::terms(self.network), &self.names);
        let content = serde_json::to_string(&document).map_err(Error::internal)?;
        Ok(Issued { xml: peppol::xml(&document)?, whole, content })
    }

    fn parties(&self, whole: &Whole) -> Result<(document::Seller, document::Buyer)> {
        lacks(self.network, &self.buyers, whole)
    }
}

/// Seller and buyer of an invoice.
///
/// # Errors
/// INVALID naming all that it needs and the register lacks.
pub(super) fn lacks(network: &Network, buyers: &Buyers, whole: &Whole) -> Result<(document::Seller, document::Buyer)> {
    let mut lacks = Faults::default();
    // Outside the scope of VAT stands alone, so that one line tells for all.
    let is_taxed = whole.lines.iter().any(|line| line.vat_rate != VatRate::OutsideScope);
    let seller = parties::seller(network, is_taxed, &mut lacks);
    let buyer = buyer_of(&whole.row).map(|buyer| buyers.buyer(buyer, &mut lacks)).unwrap_or_default();
    lacks.finish()?;
    Ok((seller, buyer))
}

/// Keeps what issued documents say and their e-invoices, and adds them to the totals. Their rows and lines must be written.
pub(super) async fn keep(change: &Change, issued: Vec<Issued>) -> Result<()> {
    let mut growth = Growth::default();
    let (mut contents, mut files) = (Vec::new(), Vec::new());
    for Issued { whole, content, xml } in issued {
        growth.issue(whole.row.kind, whole.row.issued_on.unwrap_or_default(), &whole.lines);
        contents.push(invoice_content::Model { invoice_id: whole.row.id, content });
        let sha256 = crate::documents::sha256(&xml);
        files.push(invoice_file::Model { invoice_id: whole.row.id, format: FileFormat::Xml, sha256, bytes: xml });
    }
    let contents = contents.into_iter().map(IntoActiveModel::into_active_model);
    invoice_content::Entity::insert_many(contents).exec_without_returning(change.tx()).await?;
    let files = files.into_iter().map(IntoActiveModel::into_active_model);
    invoice_file::Entity::insert_many(files).exec_without_returning(change.tx()).await?;
    growth.write(change).await
}

/// Writes documents that were no drafts before, with their audit entries and the fees that they are of.
pub(super) async fn write_new(change: &mut Change, issued: Vec<Issued>, charges: Vec<fee_charge::Model>) -> Result<()> {
    let rows = issued.iter().map(|issued| issued.whole.row.clone().into_active_model());
    invoice::Entity::insert_many(rows).exec_without_returning(change.tx()).await.map_err(|error| taken(error.into()))?;
    let lines: Vec<_> = issued.iter().flat_map(|issued| issued.whole.lines.iter().cloned()).collect();
    drafting::insert_lines(change, &lines).await?;
    for issued in &issued {
        change.record(SubjectKind::Invoice, issued.whole.row.id, None::<&()>, Some(&issued.whole))?;
    }
    change.flush().await?;
    keep(change, issued).await?;
    charges::write(change, charges).await
}
