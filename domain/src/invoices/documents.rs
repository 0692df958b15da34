//! What an invoice says as a document: made once, when it is issued, kept as it was, and the source
//! of its files.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ::entity::{
    activity, agreement,
    id::{ActivityId, AgreementId, InvoiceId},
    invoice,
    invoice::Column,
    invoice_content, invoice_file,
    kind::FileFormat,
};
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait,
    sea_query::{Expr, Query},
};
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Duration, Instant, timeout},
};
use tracing::Instrument;

use super::{
    aggregate::InvoiceAggregate,
    amounts,
    interest_rows::{REASON_WITHOUT_VAT, is_interest},
};
use crate::{
    audit::{self, Change, forms},
    auth::viewer::Viewer,
    database::{BUSY, Database, among, busy, rows},
    documents::{
        TIME_LIMIT,
        invoice::{self as document, Invoice, Line, RateSum, Reference},
    },
    error::{Error, Result},
    worker_pool,
};

/// What documents are called that invoices speak of.
#[derive(Debug, Default)]
pub(super) struct Names {
    activities: HashMap<ActivityId, String>,
    agreements: HashMap<AgreementId, String>,
    invoices: HashMap<InvoiceId, Reference>,
}

impl Names {
    /// Those that these invoices speak of, by three statements at most.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub(super) async fn load(
        db: &impl ConnectionTrait,
        wholes: &[InvoiceAggregate],
    ) -> Result<Self> {
        let (backend, mut names) = (db.get_database_backend(), Self::default());
        let lines = || wholes.iter().flat_map(|aggregate| &aggregate.lines);
        let activities: BTreeSet<_> = lines().filter_map(|line| line.activity_id).collect();
        let agreements: BTreeSet<_> = lines().filter_map(|line| line.agreement_id).collect();
        let invoices: BTreeSet<_> = wholes
            .iter()
            .filter_map(|aggregate| aggregate.row.credits_id.or(aggregate.row.corrects_id))
            .collect();
        if !activities.is_empty() {
            let columns = [activity::Column::Id, activity::Column::Name];
            let theirs = among(backend, Expr::col(activity::Column::Id), activities);
            let select =
                Query::select().columns(columns).from(activity::Entity).and_where(theirs).take();
            let found: Vec<activity::Model> = rows(db, &select, &columns).await?;
            names.activities = found.into_iter().map(|row| (row.id, row.name)).collect();
        }
        if !agreements.is_empty() {
            let columns = [agreement::Column::Id, agreement::Column::Number];
            let theirs = among(backend, Expr::col(agreement::Column::Id), agreements);
            let select =
                Query::select().columns(columns).from(agreement::Entity).and_where(theirs).take();
            let found: Vec<agreement::Model> = rows(db, &select, &columns).await?;
            names.agreements =
                found.into_iter().filter_map(|row| Some((row.id, row.number?))).collect();
        }
        if !invoices.is_empty() {
            let columns = [Column::Id, Column::Number, Column::IssuedOn];
            let theirs = among(backend, Expr::col(Column::Id), invoices);
            let select =
                Query::select().columns(columns).from(invoice::Entity).and_where(theirs).take();
            let found: Vec<invoice::Model> = rows(db, &select, &columns).await?;
            let reference = |row: invoice::Model| {
                Some((row.id, Reference { number: row.number?, issued_on: row.issued_on? }))
            };
            names.invoices = found.into_iter().filter_map(reference).collect();
        }
        Ok(names)
    }
}

/// What an issued invoice says as a document.
pub(super) fn document(
    aggregate: &InvoiceAggregate,
    seller: document::Seller,
    buyer: document::Buyer,
    mut terms: document::Terms,
    names: &Names,
) -> Invoice {
    let line = |line: &::entity::invoice_line::Model| Line {
        description: line.description.clone(),
        activity: line.activity_id.and_then(|id| names.activities.get(&id).cloned()),
        agreement: line.agreement_id.and_then(|id| names.agreements.get(&id).cloned()),
        period: line.period_from.zip(line.period_to),
        quantity: line.quantity,
        unit: line.unit,
        unit_price: line.unit_price,
        vat_rate: line.vat_rate,
        exemption_reason: line.exemption_reason.clone(),
        exemption_code: line.exemption_code.clone(),
        net: line.net,
    };
    let row = &aggregate.row;
    let is_interest = is_interest(&aggregate.lines);
    if is_interest {
        REASON_WITHOUT_VAT.clone_into(&mut terms.outside_scope_reason);
    }
    Invoice {
        kind: row.kind,
        number: row.number.clone().unwrap_or_default(),
        ocr: row.ocr.clone(),
        issued_on: row.issued_on.unwrap_or_default(),
        due_on: row.due_on,
        seller,
        buyer,
        lines: aggregate.lines.iter().map(line).collect(),
        rates: amounts::by_rate(&aggregate.lines)
            .into_iter()
            .map(|sum| RateSum { rate: sum.rate, net: sum.net, vat: sum.vat })
            .collect(),
        net: row.net,
        vat: row.vat,
        rounding: row.rounding,
        total: row.total,
        refers_to: row
            .credits_id
            .or(row.corrects_id)
            .and_then(|id| names.invoices.get(&id).cloned()),
        reason: row.reason.clone(),
        order_reference: row.order_reference.clone(),
        is_interest,
        terms,
    }
}

/// What an invoice says, as it was issued; null when the register has no document of it, as of
/// imported history.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn content(db: &impl ConnectionTrait, id: InvoiceId) -> Result<Option<Invoice>> {
    let found = invoice_content::Entity::find_by_id(id).one(db).await?;
    found.map(|found| serde_json::from_str(&found.content).map_err(Error::internal)).transpose()
}

/// The terms of late interest that an invoice was issued with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterestTerms {
    /// Percentage points above the reference rate.
    pub points: u16,
    /// `true` if interest runs from the last day to pay, as agreed.
    pub is_agreed: bool,
    /// `true` for an invoice of interest, which bears none.
    pub is_interest: bool,
}

/// The terms of late interest that each of these invoices was issued with, by one statement; those
/// without a document, as imported history, are left out. The database takes them out of the
/// document, which is kept as it was issued: a copy of them could only come to differ.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn interest_terms(
    db: &impl ConnectionTrait,
    invoices: &[InvoiceId],
) -> Result<HashMap<InvoiceId, InterestTerms>> {
    let backend = db.get_database_backend();
    let (points, is_agreed, is_interest) = if backend == DbBackend::Postgres {
        (
            "CAST(content AS json) #>> '{terms,interest_points}'",
            "CASE WHEN CAST(content AS json) #>> '{terms,interest_is_agreed}' = 'true' THEN 1 ELSE 0 END",
            "CASE WHEN CAST(content AS json) #>> '{is_interest}' = 'true' THEN 1 ELSE 0 END",
        )
    } else {
        (
            "json_extract(content, '$.terms.interest_points')",
            "COALESCE(json_extract(content, '$.terms.interest_is_agreed'), 0)",
            "COALESCE(json_extract(content, '$.is_interest'), 0)",
        )
    };
    let id = Expr::col(invoice_content::Column::InvoiceId);
    let select = Query::select()
        .column(invoice_content::Column::InvoiceId)
        .expr(Expr::cust(format!("CAST({points} AS bigint)")))
        .expr(Expr::cust(format!("CAST({is_agreed} AS bigint)")))
        .expr(Expr::cust(format!("CAST({is_interest} AS bigint)")))
        .from(invoice_content::Entity)
        .and_where(among(backend, id, invoices.iter().copied()))
        .take();
    let mut found = HashMap::new();
    for row in db.query_all(&select).await? {
        if let Some(points) = row.try_get_by_index::<Option<i64>>(1)? {
            let is_agreed = row.try_get_by_index::<i64>(2)? == 1;
            let is_interest = row.try_get_by_index::<i64>(3)? == 1;
            let terms = InterestTerms {
                points: u16::try_from(points).map_err(Error::internal)?,
                is_agreed,
                is_interest,
            };
            found.insert(row.try_get_by_index(0)?, terms);
        }
    }
    Ok(found)
}

/// Which of these invoices have a document.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn with_content(db: &Database, invoices: &[InvoiceId]) -> Result<BTreeSet<InvoiceId>> {
    let id = Expr::col(invoice_content::Column::InvoiceId);
    let select = Query::select()
        .column(invoice_content::Column::InvoiceId)
        .from(invoice_content::Entity)
        .and_where(among(db.backend(), id, invoices.iter().copied()))
        .take();
    db.read().query_all(&select).await?.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// A file of an invoice.
#[derive(Clone, Debug)]
pub struct File {
    /// The invoice's number.
    pub number: String,
    /// Of the bytes, in hexadecimal.
    pub sha256: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Records the digest of a document of an invoice: of a file, or of what the invoice says when
/// there is no format.
///
/// # Errors
/// INTERNAL when it can't be written as JSON.
pub(crate) fn record(
    change: &mut Change,
    id: InvoiceId,
    number: Option<&str>,
    format: Option<FileFormat>,
    sha256: &str,
) -> Result<()> {
    let (invoice_id, number, sha256) = (id, number.map(str::to_owned), sha256.to_owned());
    match format {
        None => change.record(None, Some(&forms::InvoiceContent { invoice_id, number, sha256 })),
        Some(FileFormat::Pdf) => {
            change.record(None, Some(&forms::InvoicePdf { invoice_id, number, sha256 }))
        }
        Some(FileFormat::Xml) => {
            change.record(None, Some(&forms::InvoiceXml { invoice_id, number, sha256 }))
        }
    }
}

/// Those that set PDFs for the first time take turns, so that each is set once however many ask for
/// it. Every invoice has one of these turns by its id: there are never more of them, and two
/// invoices that share one merely wait for each other.
static LOCKS: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

/// A file of an issued invoice that the viewer sees; null when there is no such invoice, or the
/// register has no document of it. Its e-invoice was kept when it was issued. Its PDF is set when
/// somebody first asks for it, from what was kept, and kept from then on.
///
/// Keeping it is a write, which takes its turn. What is not kept is not served: the bytes must be
/// the same ever after, and another version of this program may set them otherwise. But nobody has
/// anything to decide anew meanwhile, as one who changes something may have, so that it goes on
/// waiting while others write, for `time` at least. Once it is being set it is kept even when
/// nobody waits for it any more, so that the next who asks has it.
///
/// # Errors
/// CONFLICT with the reason BUSY when others write for longer than that.
pub async fn file(
    db: &Database,
    viewer: &Viewer,
    id: InvoiceId,
    format: FileFormat,
    time: Duration,
) -> Result<Option<File>> {
    let found = super::by_ids(db, viewer, &[id], &[Column::Id, Column::Number]).await?.pop();
    let Some(number) = found.and_then(|row| row.number) else { return Ok(None) };
    if let Some(stored) = stored(db.read(), id, format).await? {
        return Ok(Some(File { number, sha256: stored.sha256, bytes: stored.bytes }));
    }
    if format != FileFormat::Pdf {
        return Ok(None);
    }
    let is_begun = Arc::<AtomicBool>::default();
    let making = make(db.clone(), viewer.subject.clone(), id, number, time, Arc::clone(&is_begun));
    let mut making = Making { task: tokio::spawn(making.in_current_span()), is_begun };
    (&mut making.task).await.map_err(Error::internal)?
}

/// A PDF that is being made. When it is dropped before a worker has begun, it is not made.
struct Making {
    task: JoinHandle<Result<Option<File>>>,
    is_begun: Arc<AtomicBool>,
}

impl Drop for Making {
    fn drop(&mut self) {
        if !self.is_begun.load(Ordering::Relaxed) {
            self.task.abort();
        }
    }
}

/// Sets the PDF of an invoice with this number and keeps it, unless somebody else has done so
/// meanwhile.
async fn make(
    db: Database,
    subject: String,
    id: InvoiceId,
    number: String,
    time: Duration,
    is_begun: Arc<AtomicBool>,
) -> Result<Option<File>> {
    const FORMAT: FileFormat = FileFormat::Pdf;
    let permit = LOCKS[usize::from(id.0.as_bytes()[15]) % LOCKS.len()].lock();
    let _permit = timeout(time, permit).await.map_err(|_| busy())?;
    // Whoever had the turn before may have set it.
    if let Some(stored) = stored(db.read(), id, FORMAT).await? {
        return Ok(Some(File { number, sha256: stored.sha256, bytes: stored.bytes }));
    }
    let (Some(content), Some(xml)) =
        (content(db.read(), id).await?, stored(db.read(), id, FileFormat::Xml).await?)
    else {
        return Ok(None);
    };
    let rendered = set(&subject, content, xml.bytes, &is_begun).await?;
    let until = Instant::now() + time;

    let mut change = loop {
        match audit::begin(&db, &Viewer::operator("documents"), "invoicePdfKeep").await {
            Err(Error::Conflict { reason: BUSY, .. }) if Instant::now() < until => {}
            begun => break begun?,
        }
    };
    // Another program over the same register may have been faster.
    if let Some(stored) = stored(change.tx(), id, FORMAT).await? {
        return Ok(Some(File { number, sha256: stored.sha256, bytes: stored.bytes }));
    }
    let row = invoice_file::Model {
        invoice_id: id,
        format: FORMAT,
        sha256: rendered.sha256,
        bytes: rendered.bytes,
    };
    audit::insert(&change, row.clone()).await?;
    record(&mut change, id, Some(&number), Some(FORMAT), &row.sha256)?;
    change.commit().await?;
    Ok(Some(File { number, sha256: row.sha256, bytes: row.bytes }))
}

/// Sets an invoice when it is the subject's turn: a small one where it does not wait for another's
/// that takes seconds.
async fn set(
    subject: &str,
    content: Invoice,
    xml: Vec<u8>,
    is_begun: &Arc<AtomicBool>,
) -> Result<document::Pdf> {
    let is_small = content.is_small();
    let invoice = Arc::new((content, xml));
    let work = |limit| {
        let (invoice, is_begun) = (Arc::clone(&invoice), Arc::clone(is_begun));
        move || {
            is_begun.store(true, Ordering::Relaxed);
            document::rendered(&invoice.0, invoice.1.clone(), Some(limit))
        }
    };
    if is_small {
        match worker_pool::run(subject, work(TIME_LIMIT)).await {
            // It was estimated to take less.
            Err(Error::Conflict { reason: "DOCUMENT_TOO_LONG", .. }) => {}
            done => return done,
        }
    }
    worker_pool::run_long(subject, work(document::TIME_LIMIT)).await
}

async fn stored(
    db: &impl ConnectionTrait,
    id: InvoiceId,
    format: FileFormat,
) -> Result<Option<invoice_file::Model>> {
    Ok(invoice_file::Entity::find_by_id((id, format)).one(db).await?)
}
