//! The check of the whole register that `samregister verify` runs: all of it in one state, in parts that run concurrently.

mod catalog;
mod concerned;
mod file;
mod records;
mod snapshot;
mod spelling;

use ::entity::id::InvoiceId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use tokio::{sync::mpsc, task::JoinHandle};

pub use self::{
    catalog::tables,
    records::{FORMS, baseline::record_rows},
    spelling::{Dated, dated_columns},
};
use self::{concerned::Concerned, records::Scope};
use crate::{
    agreements,
    audit::{self, Checkpoint, Link, TrailCheck, TrustedKeys},
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
#[derive(Debug, Default)]
struct Checked(Vec<Findings>);

impl Checked {
    /// Adds what the check of `what` found. If it could not be finished, that is a violation: others may have been found.
    fn add(&mut self, what: &str, found: Result<impl Into<Findings>>) {
        self.0.push(found.map_or_else(|error| unfinished(what, &error.cause()), Into::into));
    }
}

fn unfinished(what: &str, cause: &str) -> Findings {
    Findings::from(vec![format!("the check of {what} could not be finished: {cause}")])
}

/// Checks the register. Every check sees the same state of it, whatever is written meanwhile.
///
/// # Errors
/// INTERNAL when the database can't be read at all. A check that fails later is a violation.
pub async fn verify(db: &Database, request: Request) -> Result<Report> {
    let parts = match &request.since {
        None => everything(db, request).await?,
        Some(checkpoint) => {
            let revision = checkpoint.revision;
            since(db, revision, request).await?
        }
    };
    let mut report = Report::default();
    for Part { what, running } in parts {
        let checked = running.await.unwrap_or_else(|cause| Checked(vec![unfinished(what, &cause.to_string())]));
        for findings in checked.0 {
            report.checks += 1;
            report.findings.extend(findings);
        }
    }
    Ok(report)
}

/// A check that runs.
struct Part {
    what: &'static str,
    running: JoinHandle<Checked>,
}

impl Part {
    fn spawn(what: &'static str, check: impl Future<Output = Checked> + Send + 'static) -> Self {
        Self { what, running: tokio::spawn(check) }
    }
}

async fn everything(db: &Database, request: Request) -> Result<Vec<Part>> {
    let (_, [trail, links, rest, earlier, later, documents, file]) = snapshot::open(db).await?;
    // Without an invoice, or with one whose id can't be read, the first half is all there is.
    let middle = invoices::breaches::middle(&rest).await.ok().flatten();
    let middle = Some(middle.unwrap_or(InvoiceId(uuid::Uuid::max())));
    let is_ordered = db.clock.is_ordered();
    Ok(vec![
        Part::spawn("the audit trail", of_trail(trail, links, request, is_ordered)),
        Part::spawn("the schema, numbers and agreements", of_rest(db.clone(), rest)),
        Part::spawn("rows against the audit trail", of_records(earlier, None, middle)),
        Part::spawn("rows against the audit trail", of_records(later, middle, None)),
        Part::spawn("documents", of_documents(documents)),
        Part::spawn("the database file", of_file(file)),
    ])
}

async fn since(db: &Database, revision: i64, request: Request) -> Result<Vec<Part>> {
    let (_, [trail, links, rest, invoices]) = snapshot::open(db).await?;
    let is_ordered = db.clock.is_ordered();
    Ok(vec![
        Part::spawn("the audit trail", of_trail(trail, links, request, is_ordered)),
        Part::spawn("the schema and rows", of_later_rows(db.clone(), rest, revision)),
        Part::spawn("invoices", async move {
            let mut checked = Checked::default();
            match Concerned::since(&invoices, revision).await {
                Ok(concerned) => checked.add("invoices", concerned.invoices(&invoices).await),
                Err(error) => checked.0.push(unfinished("invoices", &error.cause())),
            }
            invoices.rollback().await.ok();
            checked
        }),
    ])
}

async fn of_later_rows(db: Database, tx: DatabaseTransaction, revision: i64) -> Checked {
    let mut checked = Checked::default();
    checked.add("the schema", catalog::violations(&db, &tx).await);
    checked.add("rows against the audit trail", records::differing(&tx, Scope::Since(revision)).await);
    match Concerned::since(&tx, revision).await {
        Ok(concerned) => {
            checked.add("agreements", concerned.agreements(&tx).await);
            checked.add("the search", concerned.search(&tx).await);
        }
        Err(error) => checked.0.push(unfinished("agreements", &error.cause())),
    }
    tx.rollback().await.ok();
    checked
}

/// The trail, and the trail against checkpoints. `links` reads the entries that may not continue from the one before, while the trail is read.
async fn of_trail(tx: DatabaseTransaction, links: DatabaseTransaction, request: Request, is_ordered: bool) -> Checked {
    let Request { trusted, checkpoints, since } = request;
    let trusted = trusted.as_ref();
    let after = since.as_ref().map_or(0, |checkpoint| checkpoint.revision);
    let (sender, mut receiver) = mpsc::unbounded_channel::<Vec<Link>>();
    let continued = tokio::spawn(async move {
        let mut found = Vec::new();
        while let Some(some) = receiver.recv().await {
            found.extend(records::discontinuities(&links, &some).await?);
        }
        links.rollback().await.ok();
        Ok::<_, Error>(found)
    });
    let send = |some: Vec<Link>| {
        if !some.is_empty() {
            // Nobody receives any more when the comparison has failed, which is found below.
            sender.send(some).ok();
        }
    };
    let mut checked = Checked::default();
    checked.add("the audit trail", audit::violations(&tx, TrailCheck { trusted, after, is_ordered }, send).await);
    drop(sender);
    let continued = continued.await.map_err(Error::internal).and_then(|found| found);
    checked.add("each record from entry to entry", continued);
    if let Some(checkpoints) = checkpoints {
        checked.add("checkpoints", audit::departures(&tx, &checkpoints, trusted).await);
    }
    if let Some(checkpoint) = since {
        let mut findings = Checked::default();
        findings.add("the checkpoint", audit::departures(&tx, std::slice::from_ref(&checkpoint), trusted).await);
        findings.0.iter_mut().for_each(|findings| {
            findings.note(format!(
                "only what entries after revision {} concern was checked; a row that was changed without an entry, and that none of them concerns, is \
                 found by `samregister verify` without --since alone",
                checkpoint.revision
            ));
        });
        checked.0.extend(findings.0);
    }
    tx.rollback().await.ok();
    checked
}

/// Runs the checks that take little time.
async fn of_rest(db: Database, tx: DatabaseTransaction) -> Checked {
    let mut checked = Checked::default();
    checked.add("the schema", catalog::violations(&db, &tx).await);
    checked.add("rows without an entry", records::without_entry(&tx).await);
    checked.add("agreements", agreements::breaches::findings(&tx).await);
    checked.add("the search", search::violations(&tx).await);
    checked.add("numbers of invoices", invoices::breaches::series(&tx).await);
    checked.add("bank payments", invoices::bank::breaches::breaches(&tx).await);
    checked.add("the totals by month", revenue::of_months(&tx).await);
    tx.rollback().await.ok();
    checked
}

/// Records against the trail and the sums of invoices, of those with an id after `after` and up to `last`.
async fn of_records(tx: DatabaseTransaction, after: Option<InvoiceId>, last: Option<InvoiceId>) -> Checked {
    let scope = Scope::Between(after.map(Into::into), last.map(Into::into));
    let mut checked = Checked::default();
    checked.add("rows against the audit trail", records::differing(&tx, scope).await);
    checked.add("invoices", invoices::breaches::sums(&tx, after, last).await);
    tx.rollback().await.ok();
    checked
}

async fn of_documents(tx: DatabaseTransaction) -> Checked {
    let mut checked = Checked::default();
    checked.add("documents", invoices::kept::breaches(&tx).await);
    tx.rollback().await.ok();
    checked
}

async fn of_file(tx: DatabaseTransaction) -> Checked {
    let mut checked = Checked::default();
    if tx.get_database_backend() == DbBackend::Sqlite {
        let found = async { Ok([file::violations(&tx).await?, spelling::violations(&tx).await?].concat()) };
        checked.add("the database file", found.await);
    }
    tx.rollback().await.ok();
    checked
}
