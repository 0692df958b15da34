//! Issuing: how a draft becomes an invoice with a number, and what it says is kept for ever.

use std::collections::BTreeSet;

use ::entity::{
    fee_charge,
    id::InvoiceId,
    invoice::{self, Column},
    invoice_content, invoice_file,
    kind::{FileFormat, InvoiceKind, VatRate},
};
use chrono::{Datelike, Days, NaiveDate};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Order, sea_query::Query,
};

use super::{
    aggregate::InvoiceAggregate,
    claim_terms::{Agreed, ClaimTerms},
    documents::{self, Names},
    draft, fee_charges, integrity, line_taxes,
    monthly_totals::TotalsDelta,
    numbers::{self, Numbers},
    parties::{self, Buyers, buyer_of},
    supply_date, vat_rates,
};
use crate::{
    audit::{self, Change},
    auth::viewer::{Permission, Viewer},
    books::Closing,
    clock::day_of,
    config::Network,
    database::Database,
    documents::{invoice as document, peppol},
    error::{Error, Result, ValidationErrors},
    idempotency::{Outcome, Warnings},
    swedish,
};

/// Issues a draft: it gets the next number of its series and the reference that it is paid with,
/// and from then on it never changes. Returns a warning for each line of which no one said when it
/// was supplied, and for each whose VAT treatment is not that of the tax decision in force.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the invoices, NOT_FOUND, INVALID naming all that an invoice
/// needs and the register lacks, CONFLICT `ALREADY_ISSUED`, `ALREADY_INVOICED` for a year's fee
/// that has been invoiced since, `CREDIT_NOTE` for an imported draft of one, `OCR_TAKEN`, or
/// `LATEST_IN_FUTURE`.
pub async fn issue(
    db: &Database,
    viewer: &Viewer,
    network: &Network,
    id: InvoiceId,
    issued_on: Option<NaiveDate>,
    mut errors: ValidationErrors,
) -> Result<Warnings> {
    viewer.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(db, viewer, "invoiceIssue").await?;
    let issued_on = day_of_issue(
        change.tx(),
        InvoiceKind::Invoice,
        issued_on,
        day_of(change.at()),
        &mut errors,
    )
    .await?;
    let before = match draft::find_draft(change.tx(), id).await {
        // The id itself was bad: all that is wrong with the input is told together.
        Err(Error::NotFound(_)) if !errors.is_empty() => {
            return errors.finish().map(|()| Warnings::default());
        }
        found => found?,
    };
    if before.row.kind == InvoiceKind::CreditNote {
        return Err(Error::conflict(
            "CREDIT_NOTE",
            "a credit note is not issued from a draft; credit its invoice instead",
        ));
    }
    let mut renderer = IssueRenderer::load(
        &change,
        network,
        InvoiceKind::Invoice,
        issued_on,
        std::slice::from_ref(&before),
    )
    .await?;
    let mut aggregate = before.clone();
    aggregate.row.due_on = Some(renderer.due_on(&before));
    // An import may have brought what nobody could have drafted, and the settings may be others
    // than they were.
    renderer.parties(&aggregate, &mut errors);
    vat_rates::check(&aggregate, issued_on, &mut errors);
    let mut warnings = supply_date::complete(&mut aggregate, issued_on);
    warnings.extend(line_taxes::complete_all(change.tx(), &mut aggregate, issued_on).await?);
    match aggregate.row.corrects_id {
        Some(corrected) => {
            draft::correct(change.tx(), "invoice", &aggregate, corrected, &mut errors).await?
        }
        None => refuse_twice(db, &change, &aggregate).await?,
    }
    draft::check(network, "invoice", &mut aggregate, &mut errors);
    errors.finish()?;
    let issued = renderer.issue(aggregate)?;
    for (line, _) in
        issued.aggregate.lines.iter().zip(&before.lines).filter(|(line, drafted)| line != drafted)
    {
        audit::replace(&change, line.clone()).await?;
    }
    audit::replace(&change, issued.aggregate.row.clone()).await.map_err(taken)?;
    change.record(Some(&before), Some(&issued.aggregate))?;
    keep(&mut change, vec![issued]).await?;
    let outcome = warnings.iter().fold(Outcome::of(id), |outcome, warning| {
        outcome.warning(&warning.code, warning.message.clone())
    });
    change.commit_with(outcome).await?;
    Ok(Warnings(warnings))
}

/// Refuses an invoice of fees that have been invoiced since it was drafted, as by a run.
async fn refuse_twice(db: &Database, change: &Change, aggregate: &InvoiceAggregate) -> Result<()> {
    let twice = fee_charges::charged_twice(db, change.tx(), aggregate).await?;
    if twice.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{}; discard the draft, or draft a correction (corrects) of the invoice that has too little",
        twice.join("; ")
    );
    Err(Error::conflict("ALREADY_INVOICED", message))
}

/// Returns the day of issue, today unless one is given; never a day to come, since its number is
/// given now, and never before the latest document of its kind, so that numbers follow days.
///
/// # Errors
/// CONFLICT `LATEST_IN_FUTURE` without a given day when the latest document of its series is dated
/// after today.
pub(super) async fn day_of_issue(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    given: Option<NaiveDate>,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<NaiveDate> {
    let Some(day) = given else {
        refuse_after_future(db, kind, today).await?;
        return Ok(today);
    };
    check_day(db, kind, day, today, errors).await?;
    Ok(day)
}

/// Refuses to date a document by the clock when the latest of its series is dated after today: one
/// of the two is wrong.
async fn refuse_after_future(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    today: NaiveDate,
) -> Result<()> {
    let numbers = Numbers::of(db, kind, today).await?;
    let latest = Query::select()
        .columns([Column::IssuedOn, Column::Number])
        .from(invoice::Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.gt(today))
        .cond_where(numbers.is_of_series())
        .order_by(Column::IssuedOn, Order::Desc)
        .limit(1)
        .take();
    let Some(row) = db.query_one(&latest).await? else { return Ok(()) };
    let (day, number): (NaiveDate, Option<String>) =
        (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let name = integrity::name(&invoice::Model { kind, number, ..invoice::Model::default() });
    let message = format!(
        "{name} is dated {day}, which is after today, {today}; give the day of issue to issue the next all the same"
    );
    Err(Error::conflict("LATEST_IN_FUTURE", message))
}

/// Checks a day of issue that somebody says.
pub(super) async fn check_day(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    day: NaiveDate,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<()> {
    Closing::load(db).await?.require_open(day)?;
    errors.expect(day <= today, "input.issuedOn", "must not be after today");
    let in_known_year = u16::try_from(day.year()).is_ok_and(|year| numbers::YEARS.contains(&year));
    errors.expect(
        in_known_year,
        "input.issuedOn",
        "must not be before 1990, when the series of numbers begin",
    );
    let latest = Query::select()
        .column(Column::IssuedOn)
        .from(invoice::Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.gt(day))
        // A document dated after today is itself wrong, and must not stop a caller who gives a day.
        .and_where(Column::IssuedOn.lte(today))
        .order_by(Column::IssuedOn, Order::Desc)
        .limit(1)
        .take();
    if let Some(row) = db.query_one(&latest).await? {
        let latest: NaiveDate = row.try_get_by_index(0)?;
        errors.add(
            "input.issuedOn",
            format!("must not be before {latest}, the day of the latest one: numbers follow days"),
        );
    }
    Ok(())
}

/// The last day to pay, so many days after the day of issue.
pub(super) fn due_on(issued_on: NaiveDate, days: u16) -> NaiveDate {
    issued_on.checked_add_days(Days::new(days.into())).unwrap_or(issued_on)
}

pub(super) fn taken(error: Error) -> Error {
    let message = "another invoice is paid with the reference that follows from the next number; it came with imported history";
    error.on_constraint("invoice__ocr", Error::conflict("OCR_TAKEN", message))
}

/// An issued document with all that is kept of it.
#[derive(Debug)]
pub(super) struct Issued {
    pub aggregate: InvoiceAggregate,
    content: String,
    xml: Vec<u8>,
}

/// Turns drafts into issued documents of one kind and day, one after the other, without asking the
/// database for each.
pub(super) struct IssueRenderer<'n> {
    network: &'n Network,
    issued_on: NaiveDate,
    numbers: Numbers,
    buyers: Buyers,
    names: Names,
    agreed: Agreed,
}

impl<'n> IssueRenderer<'n> {
    /// With all that it takes for these, by a handful of statements.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub(super) async fn load(
        change: &Change,
        network: &'n Network,
        kind: InvoiceKind,
        issued_on: NaiveDate,
        drafts: &[InvoiceAggregate],
    ) -> Result<Self> {
        let tx = change.tx();
        let buyers: BTreeSet<_> = drafts.iter().filter_map(|draft| buyer_of(&draft.row)).collect();
        Ok(Self {
            network,
            issued_on,
            numbers: Numbers::of(tx, kind, issued_on).await?,
            buyers: Buyers::load(tx, buyers).await?,
            names: Names::load(tx, drafts).await?,
            agreed: Agreed::load(tx, drafts.iter().flat_map(|draft| &draft.lines)).await?,
        })
    }

    /// Gives a draft, whose sums and last day to pay are right, its number, and makes its
    /// documents. An error takes no number.
    ///
    /// # Errors
    /// INVALID naming all that it needs and the register lacks, CONFLICT `DOCUMENT_TOO_LONG` when
    /// its PDF could not be made.
    pub(super) fn issue(&mut self, mut aggregate: InvoiceAggregate) -> Result<Issued> {
        let mut lacks = ValidationErrors::default();
        let (seller, buyer) = self.parties(&aggregate, &mut lacks);
        lacks.finish()?;
        let number = self.numbers.take();
        let row = &mut aggregate.row;
        row.number_key = swedish::number_key(&number);
        if row.kind == InvoiceKind::Invoice {
            row.ocr = numbers::reference(&number, self.network.invoicing.ocr_length_digit);
        }
        row.number = Some(number);
        row.issued_on = Some(self.issued_on);
        row.line_count = i32::try_from(aggregate.lines.len()).ok();
        aggregate.settle(&[]);
        let terms = parties::terms(self.network, self.claim_terms(&aggregate));
        let document = documents::document(&aggregate, seller, buyer, terms, &self.names);
        document.require_settable()?;
        let content = serde_json::to_string(&document).map_err(Error::internal)?;
        Ok(Issued { xml: peppol::xml(&document)?, aggregate, content })
    }

    /// The last day to pay of a draft: as it says itself, else as its agreements have it, else as
    /// the settings do.
    fn due_on(&self, draft: &InvoiceAggregate) -> NaiveDate {
        let own = draft.row.due_in_days.and_then(|days| u16::try_from(days).ok());
        due_on(self.issued_on, own.unwrap_or_else(|| self.claim_terms(draft).days))
    }

    fn claim_terms(&self, aggregate: &InvoiceAggregate) -> ClaimTerms {
        self.agreed.terms(
            &self.network.invoicing,
            aggregate.row.member_id.is_some(),
            &aggregate.lines,
        )
    }

    fn parties(
        &self,
        aggregate: &InvoiceAggregate,
        lacks: &mut ValidationErrors,
    ) -> (document::Seller, document::Buyer) {
        parties_of(self.network, &self.buyers, aggregate, lacks)
    }
}

/// Seller and buyer of an invoice, with all noted that it needs and the register lacks.
pub(super) fn parties_of(
    network: &Network,
    buyers: &Buyers,
    aggregate: &InvoiceAggregate,
    lacks: &mut ValidationErrors,
) -> (document::Seller, document::Buyer) {
    // Outside the scope of VAT stands alone, so that one line tells for all.
    let is_taxed = aggregate.lines.iter().any(|line| line.vat_rate != VatRate::OutsideScope);
    let seller = document::Seller {
        reference: aggregate.row.our_reference.clone(),
        ..parties::seller(network, is_taxed, lacks)
    };
    let buyer = buyer_of(&aggregate.row)
        .map(|buyer| buyers.buyer(buyer, &aggregate.row, lacks))
        .unwrap_or_default();
    (seller, buyer)
}

/// Keeps what issued documents say and their e-invoices, and adds them to the totals. Their rows
/// and lines must be written.
pub(super) async fn keep(change: &mut Change, issued: Vec<Issued>) -> Result<()> {
    let mut delta = TotalsDelta::default();
    let (mut contents, mut files) = (Vec::new(), Vec::new());
    for Issued { aggregate, content, xml } in issued {
        delta.issue(
            aggregate.row.kind,
            aggregate.row.issued_on.unwrap_or_default(),
            &aggregate.lines,
        );
        let number = aggregate.row.number.as_deref();
        let sha256 = crate::documents::sha256(content.as_bytes());
        documents::record(change, aggregate.row.id, number, None, &sha256)?;
        contents.push(invoice_content::Model { invoice_id: aggregate.row.id, content });
        let sha256 = crate::documents::sha256(&xml);
        documents::record(change, aggregate.row.id, number, Some(FileFormat::Xml), &sha256)?;
        files.push(invoice_file::Model {
            invoice_id: aggregate.row.id,
            format: FileFormat::Xml,
            sha256,
            bytes: xml,
        });
    }
    let contents = contents.into_iter().map(IntoActiveModel::into_active_model);
    invoice_content::Entity::insert_many(contents).exec_without_returning(change.tx()).await?;
    let files = files.into_iter().map(IntoActiveModel::into_active_model);
    invoice_file::Entity::insert_many(files).exec_without_returning(change.tx()).await?;
    delta.write(change).await
}

/// Writes documents that were no drafts before, with their audit entries and the fees that they are
/// of.
pub(super) async fn write_new(
    change: &mut Change,
    issued: Vec<Issued>,
    charges: Vec<fee_charge::Model>,
) -> Result<()> {
    let rows = issued.iter().map(|issued| issued.aggregate.row.clone().into_active_model());
    invoice::Entity::insert_many(rows)
        .exec_without_returning(change.tx())
        .await
        .map_err(|error| taken(error.into()))?;
    let lines: Vec<_> =
        issued.iter().flat_map(|issued| issued.aggregate.lines.iter().cloned()).collect();
    draft::insert_lines(change, &lines).await?;
    for issued in &issued {
        change.record(None, Some(&issued.aggregate))?;
    }
    change.flush().await?;
    keep(change, issued).await?;
    let invoices = lines.iter().map(|line| (line.id, line.invoice_id)).collect();
    fee_charges::write(change, charges, &invoices).await
}
