//! Contents of invoices as documents: created at issue, stored unchanged, and the source of the
//! files.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ::entity::{
    activity, agreement, id::InvoiceId, invoice, invoice::Column, invoice_content, invoice_file,
    kind::FileFormat,
};
use documents::{
    TIME_LIMIT,
    invoice::{self as document, Invoice, Reference},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, JoinType,
    sea_query::{Expr, Query},
};
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Duration, Instant, timeout},
};
use tracing::Instrument;

use super::{aggregate::InvoiceAggregate, document_content::Names};
use crate::{
    audit::{self, Action, Change, forms},
    auth::viewer::Viewer,
    clock::Clock,
    context::Context,
    database::{Database, Usage, among, busy, rows},
    error::{ConflictReason, Error, Result},
    worker_pool,
};

impl Names {
    /// Loads the names for these invoices, with at most three statements.
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
        names.invoices = references(db, invoices).await?;
        Ok(names)
    }
}

/// Returns the numbers and days of those of these invoices that are issued; without a statement if
/// there are none.
pub(super) async fn references(
    db: &impl ConnectionTrait,
    invoices: BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Reference>> {
    if invoices.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = [Column::Id, Column::Number, Column::IssuedOn];
    let theirs = among(db.get_database_backend(), Expr::col(Column::Id), invoices);
    let select = Query::select().columns(columns).from(invoice::Entity).and_where(theirs).take();
    let found: Vec<invoice::Model> = rows(db, &select, &columns).await?;
    let reference = |row: invoice::Model| {
        Some((row.id, Reference { number: row.number?, issued_on: row.issued_on? }))
    };
    Ok(found.into_iter().filter_map(reference).collect())
}

/// Returns the content of an invoice as it was issued; `None` if no document is stored, as for
/// imported history.
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

/// Returns the terms of late interest that each of these invoices was issued with, by one
/// statement; invoices without a document, such as imported history, are left out. The database
/// extracts them from the stored document, since a copy could differ from it.
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

/// Returns those of these invoices that have a document.
pub async fn with_content(ctx: Context<'_>, invoices: &[InvoiceId]) -> Result<BTreeSet<InvoiceId>> {
    let id = Expr::col(invoice_content::Column::InvoiceId);
    let select = Query::select()
        .column(invoice_content::Column::InvoiceId)
        .from(invoice_content::Entity)
        .and_where(among(ctx.db.backend(), id, invoices.iter().copied()))
        .take();
    let found = ctx.db.read().query_all(&select).await?;
    found.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}

/// Returns those of these invoices that have a document, with the SHA-256 of their file in this
/// format; none for a PDF that is not rendered yet.
pub async fn digests(
    ctx: Context<'_>,
    invoices: &[InvoiceId],
    format: FileFormat,
) -> Result<HashMap<InvoiceId, Option<String>>> {
    let id = (invoice_content::Entity, invoice_content::Column::InvoiceId);
    let is_its_file = Expr::col((invoice_file::Entity, invoice_file::Column::InvoiceId))
        .equals(id)
        .and(invoice_file::Column::Format.eq(format));
    let select = Query::select()
        .column(id)
        .column((invoice_file::Entity, invoice_file::Column::Sha256))
        .from(invoice_content::Entity)
        .join(JoinType::LeftJoin, invoice_file::Entity, is_its_file)
        .and_where(among(ctx.db.backend(), Expr::col(id), invoices.iter().copied()))
        .take();
    let mut found = HashMap::new();
    for row in ctx.db.read().query_all(&select).await? {
        found.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    }
    Ok(found)
}

/// A file of an invoice.
#[derive(Clone, Debug)]
pub struct File {
    /// The invoice's number.
    pub number: String,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Content of the file.
    pub bytes: Vec<u8>,
}

/// Records the digest of a document of an invoice: of a file, or of the content if no format is
/// named.
///
/// # Errors
/// INTERNAL if it can't be serialized as JSON.
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

/// Locks for rendering PDFs for the first time, so that each is rendered once despite concurrent
/// requests. Each invoice maps to a lock by its id: their number is bounded, and two invoices that
/// share a lock merely wait for each other.
static LOCKS: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

/// Returns a file of an issued invoice that the viewer may read; `None` if there is none, or if no
/// document is stored. Its e-invoice was stored at issue. Its PDF is rendered from the stored
/// content on the first request, and is stored from then on.
///
/// Storing it is a write, which waits for the write lock. A PDF that is not stored is not served:
/// the bytes must never change, and another version of this program may render them differently.
/// The request has nothing to validate again, unlike a mutation, so it waits for other writers for
/// at least `time`. A started rendering is stored even if the client disconnects, so that the next
/// request finds it.
///
/// # Errors
/// CONFLICT `BUSY` if other writers hold the lock for longer than that.
pub async fn file(
    ctx: Context<'_>,
    id: InvoiceId,
    format: FileFormat,
    time: Duration,
) -> Result<Option<File>> {
    let found = super::by_ids(ctx, &[id], &[Column::Id, Column::Number]).await?.pop();
    let Some(number) = found.and_then(|row| row.number) else { return Ok(None) };
    if let Some(stored) = stored(ctx.db.read(), id, format).await? {
        return Ok(Some(File { number, sha256: stored.sha256, bytes: stored.bytes }));
    }
    if format != FileFormat::Pdf {
        return Ok(None);
    }
    let is_begun = Arc::<AtomicBool>::default();
    let job = render_and_store(
        (ctx.db.clone(), ctx.clock),
        ctx.viewer.subject.clone(),
        id,
        number,
        time,
        Arc::clone(&is_begun),
    );
    let mut job =
        RenderJob { task: tokio::spawn(Usage::inherited(job.in_current_span())), is_begun };
    (&mut job.task).await.map_err(Error::internal)?
}

/// A PDF to be rendered. It is not rendered if this is dropped before a worker has begun.
struct RenderJob {
    task: JoinHandle<Result<Option<File>>>,
    is_begun: Arc<AtomicBool>,
}

impl Drop for RenderJob {
    fn drop(&mut self) {
        if !self.is_begun.load(Ordering::Relaxed) {
            self.task.abort();
        }
    }
}

/// Renders the PDF of an invoice with this number and stores it, unless another task has done so
/// meanwhile.
async fn render_and_store(
    (db, clock): (Database, Clock),
    subject: String,
    id: InvoiceId,
    number: String,
    time: Duration,
    is_begun: Arc<AtomicBool>,
) -> Result<Option<File>> {
    const FORMAT: FileFormat = FileFormat::Pdf;
    let permit = LOCKS[usize::from(id.0.as_bytes()[15]) % LOCKS.len()].lock();
    let _permit = timeout(time, permit).await.map_err(|_| busy())?;
    // The previous holder of the lock may have rendered it.
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
    let viewer = Viewer::operator("documents");
    let ctx = Context::new(&db, clock, &viewer);

    let mut change = loop {
        match audit::begin(ctx, Action::InvoicePdfKeep).await {
            Err(error) if error.is_busy() && Instant::now() < until => {}
            begun => break begun?,
        }
    };
    // Another process on the same database may have been faster.
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

/// Renders an invoice on the subject's permit: a small one does not wait behind another that takes
/// seconds.
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
            document::rendered(&invoice.0, invoice.1.clone(), Some(limit)).map_err(Error::from)
        }
    };
    if is_small {
        match worker_pool::run(subject, work(TIME_LIMIT)).await {
            // The estimate was too low.
            Err(Error::Conflict { reason: ConflictReason::DocumentTooLong, .. }) => {}
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
