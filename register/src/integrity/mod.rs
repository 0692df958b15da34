//! The check of the whole register that `samregister verify` runs: all of it in one state, in parts that run concurrently.

mod catalog;
mod concerned;
mod file;
mod records;
mod snapshot;

use ::entity::id::InvoiceId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use tokio::task::JoinHandle;

pub use self::{catalog::tables, records::FORMS};
use self::{concerned::Concerned, records::Scope};
use crate::{
    agreements,
    audit::{self, Checkpoint, TrustedKeys},
    database::Database,
    error::{Error, Result},
    findings::Findings,
    invoices, revenue, search,
};

/// The scope of a check, and what to check the trail against.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Keys whose signatures of the trail are accepted; null: signatures are not checked.
    pub trusted: Option<TrustedKeys>,
    /// Earlier ends of the trail, to be checked against it; null: none are given.
    pub checkpoints: Option<Vec<Checkpoint>>,
    /// Checks only the entries after this checkpoint and what they concern; null: everything.
    pub since: Option<Checkpoint>,
}

/// The result of a check of the register.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Number of checks.
    pub checks: usize,
    /// Findings of all checks.
    pub findings: Findings,
}

/// The results of some checks.
type Checked = Vec<Findings>;

/// Checks the register. Every check sees the same state of it, whatever is written meanwhile.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn verify(db: &Database, request: Request) -> Result<Report> {
    let parts = match &request.since {
        None => everything(db, request).await?,
        Some(checkpoint) => {
            let revision = checkpoint.revision;
            since(db, revision, request).await?
        }
    };
    let mut report = Report::default();
    for part in parts {
        for findings in finished(part).await? {
            report.checks += 1;
            report.findings.extend(findings);
        }
    }
    Ok(report)
}

/// A check that runs.
type Part = JoinHandle<Result<Checked>>;

async fn finished(part: Part) -> Result<Checked> {
    part.await.map_err(Error::internal)?
}

async fn everything(db: &Database, request: Request) -> Result<Vec<Part>> {
    let (_, [trail, rest, earlier, later, documents, file]) = snapshot::open(db).await?;
    // Without an invoice, the first half is all there is.
    let middle = Some(invoices::breaches::middle(&rest).await?.unwrap_or(InvoiceId(uuid::Uuid::max())));
    Ok(vec![
        tokio::spawn(of_trail(trail, request)),
        tokio::spawn(of_rest(db.clone(), rest)),
        tokio::spawn(of_records(earlier, None, middle)),
        tokio::spawn(of_records(later, middle, None)),
        tokio::spawn(of_documents(documents)),
        tokio::spawn(of_file(file)),
    ])
}

async fn since(db: &Database, revision: i64, request: Request) -> Result<Vec<Part>> {
    let (_, [trail, rest, invoices]) = snapshot::open(db).await?;
    let db = db.clone();
    Ok(vec![
        tokio::spawn(of_trail(trail, request)),
        tokio::spawn(async move {
            let mut checked =
                vec![catalog::violations(&db, &rest).await?.into(), records::differing(&rest, Scope::Since(revision)).await?.into()];
            checked.extend(Concerned::since(&rest, revision).await?.agreements(&rest).await?);
            rest.rollback().await?;
            Ok(checked)
        }),
        tokio::spawn(async move {
            let checked = Concerned::since(&invoices, revision).await?.invoices(&invoices).await?;
            invoices.rollback().await?;
            Ok(checked)
        }),
    ])
}

/// The trail, and the trail against checkpoints.
async fn of_trail(tx: DatabaseTransaction, request: Request) -> Result<Checked> {
    let Request { trusted, checkpoints, since } = request;
    let trusted = trusted.as_ref();
    let after = since.as_ref().map_or(0, |checkpoint| checkpoint.revision);
    let mut checked = vec![Findings::from(audit::violations(&tx, trusted, after).await?)];
    if let Some(checkpoints) = checkpoints {
        checked.push(audit::departures(&tx, &checkpoints, trusted).await?.into());
    }
    if let Some(checkpoint) = since {
        let mut findings = Findings::from(audit::departures(&tx, std::slice::from_ref(&checkpoint), trusted).await?);
        findings.note(format!(
            "only what entries after revision {} concern was checked; a row that was changed without an entry, and that none of them concerns, is \
             found by `samregister verify` without --since alone",
            checkpoint.revision
        ));
        checked.push(findings);
    }
    tx.rollback().await?;
    Ok(checked)
}

/// Runs the checks that take little time.
async fn of_rest(db: Database, tx: DatabaseTransaction) -> Result<Checked> {
    let mut of_invoices = invoices::breaches::series(&tx).await?;
    of_invoices.violations.extend(invoices::bank::breaches::breaches(&tx).await?);
    of_invoices.violations.extend(revenue::of_months(&tx).await?);
    let checked = vec![
        catalog::violations(&db, &tx).await?.into(),
        records::without_entry(&tx).await?,
        agreements::breaches::findings(&tx).await?,
        search::violations(&tx).await?.into(),
        of_invoices,
    ];
    tx.rollback().await?;
    Ok(checked)
}

/// Records against the trail and the sums of invoices, of those with an id after `after` and up to `last`.
async fn of_records(tx: DatabaseTransaction, after: Option<InvoiceId>, last: Option<InvoiceId>) -> Result<Checked> {
    let scope = Scope::Between(after.map(Into::into), last.map(Into::into));
    let checked = vec![records::differing(&tx, scope).await?.into(), invoices::breaches::sums(&tx, after, last).await?.into()];
    tx.rollback().await?;
    Ok(checked)
}

async fn of_documents(tx: DatabaseTransaction) -> Result<Checked> {
    let checked = vec![invoices::kept::breaches(&tx).await?.into()];
    tx.rollback().await?;
    Ok(checked)
}

async fn of_file(tx: DatabaseTransaction) -> Result<Checked> {
    let mut checked = Vec::new();
    if tx.get_database_backend() == DbBackend::Sqlite {
        checked.push(file::violations(&tx).await?.into());
    }
    tx.rollback().await?;
    Ok(checked)
}
