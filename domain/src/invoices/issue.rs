//! Issue of invoices: a draft gets a number, and its content is stored permanently.

use std::collections::BTreeSet;

use ::documents::{invoice as document, peppol};
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
    draft, draft_checks, draft_lines, fee_charges, line_taxes,
    monthly_totals::TotalsDelta,
    naming,
    numbers::{self, NumberSeries},
    parties::{self, Buyers, buyer_of},
    supply_date, vat_rates,
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::{Permission, Viewer},
    books::Closing,
    clock::day_of,
    config::Network,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Origin, Result, ValidationErrors},
    idempotency::{Outcome, Warnings},
    swedish,
};

/// Issues a draft: it gets the next number of its series and its payment reference, and never
/// changes afterwards. Returns a warning for each line without a stated day of supply, and for each
/// line whose VAT treatment differs from the tax decision in force.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage invoices; NOT_FOUND; INVALID naming every required fact
/// that is missing; CONFLICT `ALREADY_ISSUED`, `ALREADY_INVOICED` for a year's fee that has been
/// invoiced since, `CREDIT_NOTE` for an imported draft of a credit note, `OCR_TAKEN`, or
/// `LATEST_IN_FUTURE`.
pub async fn issue(
    ctx: Context<'_>,
    network: &Network,
    id: InvoiceId,
    issued_on: Option<NaiveDate>,
    mut errors: ValidationErrors,
) -> Result<Warnings> {
    ctx.require(Permission::ManageInvoices)?;
    let mut change = audit::begin(ctx, Action::InvoiceIssue).await?;
    let issued_on = day_of_issue(
        change.tx(),
        InvoiceKind::Invoice,
        issued_on,
        day_of(change.at()),
        &mut errors,
    )
    .await?;
    let before = match draft::find_draft(change.tx(), id).await {
        // The id itself was bad: return it with all other errors of the input.
        Err(Error::NotFound(_)) if !errors.is_empty() => {
            return errors.finish().map(|()| Warnings::default());
        }
        found => found?,
    };
    require_invoice(&before.row)?;
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
    // An imported draft may have what the API rejects, and the settings may have changed.
    errors.set_origin(Origin::Record);
    renderer.parties(&aggregate, &mut errors);
    vat_rates::check(&aggregate, issued_on, &mut errors);
    let mut warnings = supply_date::complete(&mut aggregate, issued_on);
    warnings.extend(line_taxes::complete_all(change.tx(), &mut aggregate, issued_on).await?);
    match aggregate.row.corrects_id {
        Some(corrected) => {
            draft::correct(change.tx(), "invoice", &aggregate, corrected, &mut errors).await?
        }
        None => refuse_twice(ctx, &change, &aggregate).await?,
    }
    draft_checks::check(network, "invoice", &mut aggregate, &mut errors);
    errors.finish()?;
    let issued = renderer.issue(aggregate)?;
    for (line, _) in
        issued.aggregate.lines.iter().zip(&before.lines).filter(|(line, drafted)| line != drafted)
    {
        audit::replace(&change, line.clone()).await?;
    }
    audit::replace(&change, issued.aggregate.row.clone()).await.map_err(ocr_taken)?;
    change.record(Some(&before), Some(&issued.aggregate))?;
    store(&mut change, vec![issued]).await?;
    let outcome = warnings.iter().fold(Outcome::of(id), |outcome, warning| {
        outcome.warning(warning.code, warning.message.clone())
    });
    change.commit_with(outcome).await?;
    Ok(Warnings(warnings))
}

/// Returns `true` if the viewer may issue the invoice: it is a draft, and no draft of a credit
/// note. Other facts, as missing billing details, may still prevent it.
#[must_use]
pub fn can_issue(viewer: &Viewer, row: &invoice::Model) -> bool {
    draft::can_update(viewer, row) && require_invoice(row).is_ok()
}

/// Fails with `CREDIT_NOTE` for an imported draft of a credit note.
fn require_invoice(row: &invoice::Model) -> Result<()> {
    match row.kind {
        InvoiceKind::Invoice => Ok(()),
        InvoiceKind::CreditNote => Err(Error::conflict(
            ConflictReason::CreditNote,
            "a credit note is not issued from a draft; credit its invoice instead",
        )),
    }
}

/// Rejects an invoice of fees that have been invoiced since it was drafted, for example by a run.
async fn refuse_twice(
    ctx: Context<'_>,
    change: &Change,
    aggregate: &InvoiceAggregate,
) -> Result<()> {
    let twice = fee_charges::charged_twice(ctx, change.tx(), aggregate).await?;
    if twice.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{}; discard the draft, or draft a correction (corrects) of the invoice whose amount is too small",
        twice.join("; ")
    );
    Err(Error::conflict(ConflictReason::AlreadyInvoiced, message))
}

/// Returns the day of issue, by default today. It is never after today, since the number is
/// assigned now, and never before the latest document of its kind, so that numbers follow days.
///
/// # Errors
/// CONFLICT `LATEST_IN_FUTURE` if no day is stated and the latest document of its series is dated
/// after today.
pub(crate) async fn day_of_issue(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    stated: Option<NaiveDate>,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<NaiveDate> {
    let Some(day) = stated else {
        refuse_after_future(db, kind, today).await?;
        return Ok(today);
    };
    check_day(db, kind, day, today, errors).await?;
    Ok(day)
}

/// Refuses to date a document by the clock if the latest of its series is dated after today: one of
/// the two is wrong.
async fn refuse_after_future(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    today: NaiveDate,
) -> Result<()> {
    let numbers = NumberSeries::of(db, kind, today).await?;
    let latest = Query::select()
        .columns([Column::IssuedOn, Column::Number])
        .from(invoice::Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.gt(today))
        .cond_where(numbers.in_series())
        .order_by(Column::IssuedOn, Order::Desc)
        .limit(1)
        .take();
    let Some(row) = db.query_one(&latest).await? else { return Ok(()) };
    let (day, number): (NaiveDate, Option<String>) =
        (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let name = naming::name(&invoice::Model { kind, number, ..invoice::Model::default() });
    let message = format!(
        "{name} is dated {day}, which is after today, {today}; state the day of issue to issue the next one anyway"
    );
    Err(Error::conflict(ConflictReason::LatestInFuture, message))
}

/// Checks a day of issue that the caller states.
pub(crate) async fn check_day(
    db: &impl ConnectionTrait,
    kind: InvoiceKind,
    day: NaiveDate,
    today: NaiveDate,
    errors: &mut ValidationErrors,
) -> Result<()> {
    Closing::load(db).await?.require_open(day)?;
    errors.expect(
        day <= today,
        "issued_on",
        FieldErrorCode::TooLate.problem("must not be after today"),
    );
    let in_known_year = u16::try_from(day.year()).is_ok_and(|year| numbers::YEARS.contains(&year));
    errors.expect(
        in_known_year,
        "issued_on",
        FieldErrorCode::TooEarly
            .problem("must not be before 1990, the first year of the number series"),
    );
    let latest = Query::select()
        .column(Column::IssuedOn)
        .from(invoice::Entity)
        .and_where(Column::Kind.eq(kind))
        .and_where(Column::IssuedOn.gt(day))
        // A document dated after today is itself wrong, and must not block a caller who states a
        // day.
        .and_where(Column::IssuedOn.lte(today))
        .order_by(Column::IssuedOn, Order::Desc)
        .limit(1)
        .take();
    if let Some(row) = db.query_one(&latest).await? {
        let latest: NaiveDate = row.try_get_by_index(0)?;
        errors.add(
            "issued_on",
            FieldErrorCode::TooEarly
                .problem(format!(
                    "must not be before {latest}, the day of the latest one: numbers follow days"
                ))
                .with("min", latest),
        );
    }
    Ok(())
}

/// Returns the last day to pay: this many days after the day of issue.
pub(crate) fn due_on(issued_on: NaiveDate, days: u16) -> NaiveDate {
    issued_on.checked_add_days(Days::new(days.into())).unwrap_or(issued_on)
}

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
        Ok(Self {
            network,
            issued_on,
            numbers: NumberSeries::of(tx, kind, issued_on).await?,
            buyers: Buyers::load(tx, buyers).await?,
            names: Names::load(tx, drafts).await?,
            agreed: Agreed::load(tx, drafts.iter().flat_map(|draft| &draft.lines)).await?,
        })
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

    /// Returns the last day to pay of a draft: by its own days, else by its agreements, else by the
    /// settings.
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
        missing: &mut ValidationErrors,
    ) -> (document::Seller, document::Buyer) {
        parties_of(self.network, &self.buyers, aggregate, missing)
    }
}

/// Returns the seller and the buyer of an invoice, and adds an error for each required fact that is
/// missing.
pub(crate) fn parties_of(
    network: &Network,
    buyers: &Buyers,
    aggregate: &InvoiceAggregate,
    missing: &mut ValidationErrors,
) -> (document::Seller, document::Buyer) {
    // Lines outside the scope of VAT are never mixed with others, so one line decides for all.
    let is_taxed = aggregate.lines.iter().any(|line| line.vat_rate != VatRate::OutsideScope);
    let seller = document::Seller {
        reference: aggregate.row.our_reference.clone(),
        ..parties::seller(network, is_taxed, missing)
    };
    let buyer = buyer_of(&aggregate.row)
        .map(|buyer| buyers.buyer(buyer, &aggregate.row, missing))
        .unwrap_or_default();
    (seller, buyer)
}

/// Stores the contents and e-invoices of issued documents and adds them to the totals. Their rows
/// and lines must have been written.
pub(crate) async fn store(change: &mut Change, issued: Vec<Issued>) -> Result<()> {
    let mut delta = TotalsDelta::default();
    let (mut contents, mut files) = (Vec::new(), Vec::new());
    for Issued { aggregate, content, xml } in issued {
        delta.issue(
            aggregate.row.kind,
            aggregate.row.issued_on.unwrap_or_default(),
            &aggregate.lines,
        );
        let number = aggregate.row.number.as_deref();
        let sha256 = ::documents::sha256(content.as_bytes());
        documents::record(change, aggregate.row.id, number, None, &sha256)?;
        contents.push(invoice_content::Model { invoice_id: aggregate.row.id, content });
        let sha256 = ::documents::sha256(&xml);
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

/// Writes documents that were never stored as drafts, with their audit entries and fee charges.
pub(crate) async fn write_new(
    change: &mut Change,
    issued: Vec<Issued>,
    charges: Vec<fee_charge::Model>,
) -> Result<()> {
    let rows = issued.iter().map(|issued| issued.aggregate.row.clone().into_active_model());
    invoice::Entity::insert_many(rows)
        .exec_without_returning(change.tx())
        .await
        .map_err(|error| ocr_taken(error.into()))?;
    let lines: Vec<_> =
        issued.iter().flat_map(|issued| issued.aggregate.lines.iter().cloned()).collect();
    draft_lines::insert_lines(change, &lines).await?;
    for issued in &issued {
        change.record(None, Some(&issued.aggregate))?;
    }
    change.flush().await?;
    store(change, issued).await?;
    let invoices = lines.iter().map(|line| (line.id, line.invoice_id)).collect();
    fee_charges::write(change, charges, &invoices).await
}
