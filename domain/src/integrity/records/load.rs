//! Records built from the rows of the register, in the form of audit entries.

use std::collections::{BTreeSet, HashMap};

use ::entity::{
    acknowledgement, activity, adjustment, agreement, agreement_document, allocation,
    archived_document, bank_payment, bank_payment_part, books_closing, contact, contact_area, cost,
    export_batch, fee_charge, fee_schedule, grant,
    id::{AgreementId, InvoiceId, InvoiceLineId},
    invoice, invoice_content, invoice_file, invoice_line,
    kind::{FileFormat, Form},
    member, organisation, reference_rate, reminder, requisition, status_report, tax_decision,
    template, template_text, template_version, token_revocation,
};
use documents::sha256;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    sea_query::{Alias, Expr, Query},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    audit::{
        Recorded,
        forms::{
            self, Activity, Agreement, AgreementHtml, CostFile, DocumentFile, FeeCharge,
            FeeSchedule, InvoiceContent, InvoicePdf, InvoiceXml, Member, SignatureFile,
            StatusReport,
        },
        to_value,
    },
    database::among,
    error::{Error, Result},
    invoices::{aggregate::InvoiceAggregate, loading},
    stored_files,
    templates::versions,
};

/// Records by their ids.
pub(super) type Records = HashMap<Uuid, Value>;

/// Collects records of any form.
pub(super) trait Collect {
    /// Adds one record.
    fn add<R: Recorded>(&mut self, record: &R) -> Result<()>;

    /// Adds several records, in their order.
    fn add_all<R: Recorded>(&mut self, records: impl IntoIterator<Item = R>) -> Result<()> {
        records.into_iter().try_for_each(|record| self.add(&record))
    }
}

impl Collect for Records {
    fn add<R: Recorded>(&mut self, record: &R) -> Result<()> {
        self.insert(record.record_id(), to_value(record).map_err(Error::internal)?);
        Ok(())
    }
}

/// Builds the records of a form with these ids; missing ones are skipped.
pub(super) async fn records(
    db: &impl ConnectionTrait,
    form: Form,
    ids: &[Uuid],
) -> Result<Records> {
    let mut found = Records::new();
    each(db, form, ids, &mut found).await?;
    Ok(found)
}

/// Builds the records of a form with these ids, and adds them to `found`.
pub(super) async fn each(
    db: &impl ConnectionTrait,
    form: Form,
    ids: &[Uuid],
    found: &mut impl Collect,
) -> Result<()> {
    match form {
        Form::Member => {
            found.add_all(forms::members(db, rows::<member::Entity>(db, ids).await?).await?)
        }
        Form::Allocation => found.add_all(rows::<allocation::Entity>(db, ids).await?),
        Form::ContactArea => found.add_all(rows::<contact_area::Entity>(db, ids).await?),
        Form::Contact => found.add_all(rows::<contact::Entity>(db, ids).await?),
        Form::Organisation => found.add_all(rows::<organisation::Entity>(db, ids).await?),
        Form::Activity => {
            found.add_all(forms::activities(db, rows::<activity::Entity>(db, ids).await?).await?)
        }
        Form::Cost => found.add_all(rows::<cost::Entity>(db, ids).await?),
        Form::Grant => found.add_all(rows::<grant::Entity>(db, ids).await?),
        Form::Requisition => found.add_all(rows::<requisition::Entity>(db, ids).await?),
        Form::FeeSchedule => found
            .add_all(forms::fee_schedules(db, rows::<fee_schedule::Entity>(db, ids).await?).await?),
        Form::TaxDecision => found.add_all(rows::<tax_decision::Entity>(db, ids).await?),
        Form::StatusReport => found.add_all(
            forms::status_reports(db, rows::<status_report::Entity>(db, ids).await?).await?,
        ),
        Form::Template => found.add_all(rows::<template::Entity>(db, ids).await?),
        Form::TemplateVersion => found.add_all(template_versions(db, ids).await?),
        Form::Agreement => {
            found.add_all(forms::agreements(db, rows::<agreement::Entity>(db, ids).await?).await?)
        }
        Form::AgreementHtml => found.add_all(htmls(db, ids).await?),
        Form::Acknowledgement => found.add_all(rows::<acknowledgement::Entity>(db, ids).await?),
        Form::Invoice => found.add_all(
            loading::by_ids(db, &ids.iter().copied().map(InvoiceId).collect()).await?.into_values(),
        ),
        Form::FeeCharge => found.add_all(fee_charges(db, ids).await?),
        Form::Reminder => found.add_all(rows::<reminder::Entity>(db, ids).await?),
        Form::Adjustment => found.add_all(rows::<adjustment::Entity>(db, ids).await?),
        Form::InvoiceContent => found.add_all(contents(db, ids).await?),
        Form::InvoicePdf => {
            let files = digests(db, ids, FileFormat::Pdf).await?;
            found.add_all(files.into_iter().map(|(invoice_id, number, sha256)| InvoicePdf {
                invoice_id,
                number,
                sha256,
            }))
        }
        Form::InvoiceXml => {
            let files = digests(db, ids, FileFormat::Xml).await?;
            found.add_all(files.into_iter().map(|(invoice_id, number, sha256)| InvoiceXml {
                invoice_id,
                number,
                sha256,
            }))
        }
        Form::SignatureFile => found.add_all(stored_files::signature_files(db, ids).await?),
        Form::CostFile => found.add_all(stored_files::cost_files(db, ids).await?),
        Form::ArchivedDocument => found.add_all(rows::<archived_document::Entity>(db, ids).await?),
        Form::DocumentFile => found.add_all(stored_files::document_files(db, ids).await?),
        Form::BankPayment => found.add_all(rows::<bank_payment::Entity>(db, ids).await?),
        Form::BankPaymentPart => found.add_all(bank_payment_parts(db, ids).await?),
        Form::ExportBatch => found.add_all(rows::<export_batch::Entity>(db, ids).await?),
        Form::BooksClosing => found.add_all(rows::<books_closing::Entity>(db, ids).await?),
        Form::ReferenceRate => found.add_all(rows::<reference_rate::Entity>(db, ids).await?),
        Form::TokenRevocation => found.add_all(rows::<token_revocation::Entity>(db, ids).await?),
        // Events without a row of their own.
        Form::TokenMinting
        | Form::Merger
        | Form::ContactReadsRemoval
        | Form::VoucherImport
        | Form::Erasure
        | Form::ClockAcceptance
        | Form::TrailMigration
        | Form::TrailKey => Ok(()),
    }
}

/// Converts the text of an entry to the newest version of its form.
pub(super) fn current(form: Form, version: i32, text: Value) -> serde_json::Result<Value> {
    match form {
        Form::Member => forms::current::<Member>(version, text),
        Form::Allocation => forms::current::<allocation::Model>(version, text),
        Form::ContactArea => forms::current::<contact_area::Model>(version, text),
        Form::Contact => forms::current::<contact::Model>(version, text),
        Form::Organisation => forms::current::<organisation::Model>(version, text),
        Form::Activity => forms::current::<Activity>(version, text),
        Form::Cost => forms::current::<cost::Model>(version, text),
        Form::Grant => forms::current::<grant::Model>(version, text),
        Form::Requisition => forms::current::<requisition::Model>(version, text),
        Form::FeeSchedule => forms::current::<FeeSchedule>(version, text),
        Form::TaxDecision => forms::current::<tax_decision::Model>(version, text),
        Form::StatusReport => forms::current::<StatusReport>(version, text),
        Form::Template => forms::current::<template::Model>(version, text),
        Form::TemplateVersion => forms::current::<versions::Snapshot>(version, text),
        Form::Agreement => forms::current::<Agreement>(version, text),
        Form::AgreementHtml => forms::current::<AgreementHtml>(version, text),
        Form::Acknowledgement => forms::current::<acknowledgement::Model>(version, text),
        Form::Invoice => forms::current::<InvoiceAggregate>(version, text),
        Form::FeeCharge => forms::current::<FeeCharge>(version, text),
        Form::Reminder => forms::current::<reminder::Model>(version, text),
        Form::Adjustment => forms::current::<adjustment::Model>(version, text),
        Form::InvoiceContent => forms::current::<InvoiceContent>(version, text),
        Form::InvoicePdf => forms::current::<InvoicePdf>(version, text),
        Form::InvoiceXml => forms::current::<InvoiceXml>(version, text),
        Form::SignatureFile => forms::current::<SignatureFile>(version, text),
        Form::CostFile => forms::current::<CostFile>(version, text),
        Form::ArchivedDocument => forms::current::<archived_document::Model>(version, text),
        Form::DocumentFile => forms::current::<DocumentFile>(version, text),
        Form::BankPayment => forms::current::<bank_payment::Model>(version, text),
        Form::BankPaymentPart => forms::current::<bank_payment_part::Model>(version, text),
        Form::ExportBatch => forms::current::<export_batch::Model>(version, text),
        Form::BooksClosing => forms::current::<books_closing::Model>(version, text),
        Form::ReferenceRate => forms::current::<reference_rate::Model>(version, text),
        Form::TokenRevocation => forms::current::<token_revocation::Model>(version, text),
        Form::TokenMinting
        | Form::Merger
        | Form::ContactReadsRemoval
        | Form::VoucherImport
        | Form::Erasure
        | Form::ClockAcceptance
        | Form::TrailMigration
        | Form::TrailKey => Ok(text),
    }
}

/// Returns the rows of a table with these ids.
async fn rows<E>(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<E::Model>>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
{
    let theirs = among(db.get_database_backend(), Expr::col(Alias::new("id")), ids.iter().copied());
    Ok(E::find().filter(theirs).all(db).await?)
}

async fn template_versions(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<versions::Snapshot>> {
    let theirs = among(
        db.get_database_backend(),
        Expr::col(template_text::Column::VersionId),
        ids.iter().copied(),
    );
    let texts = template_text::Entity::find().filter(theirs).all(db).await?;
    let mut texts: HashMap<_, _> = texts.into_iter().map(|text| (text.version_id, text)).collect();
    let with_text = |version: template_version::Model| {
        let (body, parameters) =
            texts.remove(&version.id).map(|text| (text.body, text.parameters)).unwrap_or_default();
        versions::Snapshot { version, body, parameters }
    };
    Ok(rows::<template_version::Entity>(db, ids).await?.into_iter().map(with_text).collect())
}

async fn bank_payment_parts(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<bank_payment_part::Model>> {
    let theirs = among(
        db.get_database_backend(),
        Expr::col(bank_payment_part::Column::PaymentId),
        ids.iter().copied(),
    );
    Ok(bank_payment_part::Entity::find().filter(theirs).all(db).await?)
}

async fn fee_charges(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<FeeCharge>> {
    let backend = db.get_database_backend();
    let theirs = among(backend, Expr::col(fee_charge::Column::LineId), ids.iter().copied());
    let rows = fee_charge::Entity::find().filter(theirs).all(db).await?;
    let theirs =
        among(backend, Expr::col(invoice_line::Column::Id), rows.iter().map(|row| row.line_id));
    let lines = invoice_line::Entity::find()
        .select_only()
        .columns([invoice_line::Column::Id, invoice_line::Column::InvoiceId]);
    let invoices: HashMap<InvoiceLineId, InvoiceId> =
        lines.filter(theirs).into_tuple::<(_, _)>().all(db).await?.into_iter().collect();
    let charge = |row: fee_charge::Model| FeeCharge {
        invoice_id: invoices.get(&row.line_id).copied().unwrap_or_default(),
        row,
    };
    Ok(rows.into_iter().map(charge).collect())
}

async fn htmls(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<AgreementHtml>> {
    let theirs = among(
        db.get_database_backend(),
        Expr::col(agreement_document::Column::AgreementId),
        ids.iter().copied(),
    );
    let select = Query::select()
        .columns([agreement_document::Column::AgreementId, agreement_document::Column::Html])
        .from(agreement_document::Entity)
        .and_where(theirs)
        .take();
    let html = |row: &sea_orm::QueryResult| {
        let (agreement_id, html): (AgreementId, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok(AgreementHtml { agreement_id, sha256: sha256(html.as_bytes()) })
    };
    db.query_all(&select).await?.iter().map(html).collect()
}

async fn contents(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<InvoiceContent>> {
    let theirs = among(
        db.get_database_backend(),
        Expr::col(invoice_content::Column::InvoiceId),
        ids.iter().copied(),
    );
    let rows = invoice_content::Entity::find().filter(theirs).all(db).await?;
    let mut numbers = numbers(db, rows.iter().map(|row| row.invoice_id).collect()).await?;
    let content = |row: invoice_content::Model| InvoiceContent {
        invoice_id: row.invoice_id,
        number: numbers.remove(&row.invoice_id).flatten(),
        sha256: sha256(row.content.as_bytes()),
    };
    Ok(rows.into_iter().map(content).collect())
}

/// Returns the stored digests of files. The bytes are checked against them with the files.
async fn digests(
    db: &impl ConnectionTrait,
    ids: &[Uuid],
    format: FileFormat,
) -> Result<Vec<(InvoiceId, Option<String>, String)>> {
    use invoice_file::Column::{Format, InvoiceId as Id, Sha256};
    let select = Query::select()
        .columns([Id, Sha256])
        .from(invoice_file::Entity)
        .and_where(among(db.get_database_backend(), Expr::col(Id), ids.iter().copied()))
        .and_where(Format.eq(format))
        .take();
    let found = db.query_all(&select).await?;
    let found = found
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect::<Result<Vec<(InvoiceId, String)>>>()?;
    let mut numbers = numbers(db, found.iter().map(|(invoice, _)| *invoice).collect()).await?;
    Ok(found
        .into_iter()
        .map(|(invoice, sha256)| (invoice, numbers.remove(&invoice).flatten(), sha256))
        .collect())
}

async fn numbers(
    db: &impl ConnectionTrait,
    ids: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Option<String>>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let select = Query::select()
        .columns([invoice::Column::Id, invoice::Column::Number])
        .from(invoice::Entity)
        .and_where(among(db.get_database_backend(), Expr::col(invoice::Column::Id), ids))
        .take();
    db.query_all(&select)
        .await?
        .iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}
