//! The check of the whole register that `samregister verify` runs: on one snapshot, in parts that
//! run concurrently.

mod catalog;
mod concerned;
mod file;
mod number_series;
mod records;
mod snapshot;
mod spelling;

use std::{collections::HashMap, sync::Arc};

use ::entity::{id::InvoiceId, kind::Form};
use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

pub use self::{
    catalog::tables,
    file::violations as file_violations,
    records::{FORMS, baseline::record_rows},
    spelling::{Dated, dated_columns},
};
use self::{concerned::Concerned, records::Scope};
use crate::{
    agreements,
    audit::{self, Checkpoint, Link, RecordHead, TextDigest, TrailCheck, TrustedKeys},
    clock::Clock,
    database::Database,
    error::{Error, Result},
    findings::Findings,
    invoices::{self, aggregate::InvoiceAggregate},
    ledger, revenue, search, tax_decisions,
};

/// The scope of a check, and the data to check the trail against.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Keys whose signatures of the trail are accepted; null: signatures are not checked.
    pub trusted: Option<TrustedKeys>,
    /// Earlier ends of the trail that it must contain; null: none were specified.
    pub checkpoints: Option<Vec<Checkpoint>>,
    /// Checks only the entries after this checkpoint and the objects that they concern; null:
    /// everything.
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
    /// Adds the findings of the check of `subject`. An unfinished check is a violation, because it
    /// may have missed others.
    fn add(&mut self, subject: &str, found: Result<impl Into<Findings>>) {
        self.0.push(found.map_or_else(|error| unfinished(subject, &error.cause()), Into::into));
    }
}

fn unfinished(subject: &str, cause: &str) -> Findings {
    Findings::from(vec![format!("the check of {subject} could not be finished: {cause}")])
}

/// Checks the register. All checks read the same snapshot, whatever is written meanwhile.
///
/// # Errors
/// INTERNAL if the database can't be read at all. A check that fails later is a violation.
pub async fn verify(db: &Database, clock: Clock, request: Request) -> Result<Report> {
    let parts = match &request.since {
        None => everything(db, clock, request).await?,
        Some(checkpoint) => {
            let revision = checkpoint.revision;
            since(db, clock, revision, request).await?
        }
    };
    let mut report = Report::default();
    for Part { subject, running } in parts {
        let checked = running
            .await
            .unwrap_or_else(|cause| Checked(vec![unfinished(subject, &cause.to_string())]));
        for findings in checked.0 {
            report.checks += 1;
            report.findings.extend(findings);
        }
    }
    Ok(report)
}

/// The last entry about each record, after the trail was read; null: reading failed, and each part
/// reads them itself.
type Heads = Option<Arc<[RecordHead]>>;

/// A running check.
struct Part {
    subject: &'static str,
    running: JoinHandle<Checked>,
}

impl Part {
    fn spawn(subject: &'static str, check: impl Future<Output = Checked> + Send + 'static) -> Self {
        Self { subject, running: tokio::spawn(check) }
    }
}

async fn everything(db: &Database, clock: Clock, request: Request) -> Result<Vec<Part>> {
    let (_, [trail, links, rest, earlier, later, documents, file]) = snapshot::open(db).await?;
    // Without an invoice, or with one whose id can't be read, the first half contains all.
    let middle = invoices::integrity::middle(&rest).await.ok().flatten();
    let middle = Some(middle.unwrap_or(InvoiceId(uuid::Uuid::max())));
    let is_ordered = clock.is_ordered();
    let (sender, heads) = watch::channel(None);
    let [earlier, later] = [
        Half { tx: earlier, after: None, last: middle, remainder: 0, heads: heads.clone() },
        Half { tx: later, after: middle, last: None, remainder: 1, heads },
    ];
    Ok(vec![
        Part::spawn("the audit trail", of_trail(trail, links, request, is_ordered, Some(sender))),
        Part::spawn("the schema, numbers and agreements", of_rest(db.clone(), rest, clock.today())),
        Part::spawn("rows against the audit trail", earlier.check()),
        Part::spawn("rows against the audit trail", later.check()),
        Part::spawn("documents", of_documents(documents)),
        Part::spawn("the database file", of_file(file)),
    ])
}

async fn since(db: &Database, clock: Clock, revision: i64, request: Request) -> Result<Vec<Part>> {
    let (_, [trail, links, rest, invoices]) = snapshot::open(db).await?;
    let is_ordered = clock.is_ordered();
    Ok(vec![
        Part::spawn("the audit trail", of_trail(trail, links, request, is_ordered, None)),
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
    checked
        .add("rows against the audit trail", records::differing(&tx, Scope::Since(revision)).await);
    checked.add("costs and grants", ledger::integrity::violations(&tx).await);
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

/// Checks the trail, and the trail against checkpoints. While the trail is read, `links` reads the
/// entries that may not continue from the previous one; afterwards `heads` receives the last entry
/// about each record.
async fn of_trail(
    tx: DatabaseTransaction,
    links: DatabaseTransaction,
    request: Request,
    is_ordered: bool,
    heads: Option<watch::Sender<Heads>>,
) -> Checked {
    let Request { trusted, checkpoints, since } = request;
    let trusted = trusted.as_ref();
    let after = since.as_ref().map_or(0, |checkpoint| checkpoint.revision);
    let (sender, mut receiver) = mpsc::unbounded_channel::<Vec<Link>>();
    let continued = tokio::spawn(async move {
        let mut found = Vec::new();
        while let Some(some) = receiver.recv().await {
            found.extend(records::continuity::violations(&links, &some).await?);
        }
        links.rollback().await.ok();
        Ok::<_, Error>(found)
    });
    let send = |some: Vec<Link>| {
        if !some.is_empty() {
            // There is no receiver if the comparison has failed, which is reported below.
            sender.send(some).ok();
        }
    };
    let mut checked = Checked::default();
    let trail = audit::violations(&tx, TrailCheck { trusted, after, is_ordered }, send).await;
    let trail = trail.map(|trail| {
        if let (Some(sender), Some(found)) = (&heads, trail.heads) {
            sender.send_replace(Some(found.into()));
        }
        trail.violations
    });
    // Without heads, the checks of records read them themselves.
    drop(heads);
    checked.add("the audit trail", trail);
    drop(sender);
    let continued = continued.await.map_err(Error::internal).and_then(|found| found);
    checked.add("each record from entry to entry", continued);
    if let Some(checkpoints) = checkpoints {
        checked.add("checkpoints", audit::departures(&tx, &checkpoints, trusted).await);
    }
    if let Some(checkpoint) = since {
        let mut findings = Checked::default();
        findings.add(
            "the checkpoint",
            audit::departures(&tx, std::slice::from_ref(&checkpoint), trusted).await,
        );
        findings.0.iter_mut().for_each(|findings| {
            findings.note(format!(
                "only objects with entries after revision {} were checked; a change of another row without an entry is \
                 found only by `samregister verify` without --since",
                checkpoint.revision
            ));
        });
        checked.0.extend(findings.0);
    }
    tx.rollback().await.ok();
    checked
}

/// Runs the short checks.
async fn of_rest(db: Database, tx: DatabaseTransaction, today: NaiveDate) -> Checked {
    let mut checked = Checked::default();
    checked.add("the schema", catalog::violations(&db, &tx).await);
    checked.add("rows without an entry", records::without_entry(&tx).await);
    checked.add("agreements", of_agreements(&tx, today).await);
    checked.add("the search", search::violations(&tx).await);
    checked.add("numbers of invoices", number_series::findings(&tx).await);
    checked.add("interest invoices", of_interest(&tx, today).await);
    checked.add("bank payments", crate::payments::bank::integrity::violations(&tx).await);
    checked.add("the totals by month and by year", revenue::of_months(&tx).await);
    checked.add("costs and grants", ledger::integrity::violations(&tx).await);
    tx.rollback().await.ok();
    checked
}

/// Checks agreements, and notes those whose end after a notice is undecided, and prices whose VAT
/// treatment no tax decision confirms.
async fn of_agreements(tx: &DatabaseTransaction, today: NaiveDate) -> Result<Findings> {
    let mut findings = agreements::integrity::findings(tx).await?;
    findings.notes.extend(agreements::notice_ends::notes(tx, today).await?);
    findings.notes.extend(tax_decisions::integrity::notes(tx, today).await?);
    Ok(findings)
}

async fn of_interest(tx: &DatabaseTransaction, today: NaiveDate) -> Result<Findings> {
    Ok(Findings {
        violations: Vec::new(),
        notes: crate::receivables::interest_invoices::overclaims::notes(tx, today).await?,
    })
}

/// Half of the records, to be compared with the trail, and the sums of half of the invoices.
struct Half {
    tx: DatabaseTransaction,
    /// Invoices with an id after this one; null: from the beginning.
    after: Option<InvoiceId>,
    /// Invoices with an id up to this one; null: to the end.
    last: Option<InvoiceId>,
    /// Of other records, those whose position has this remainder when divided by two.
    remainder: usize,
    /// Receives the heads after the trail was read.
    heads: watch::Receiver<Heads>,
}

impl Half {
    async fn check(mut self) -> Checked {
        let (mut checked, mut digests) = (Checked::default(), HashMap::new());
        let (after, last) = (self.after, self.last);
        // Most records of a register are invoices, so they are read only one time.
        let read = |invoice: &InvoiceAggregate| {
            digests.extend(TextDigest::of(invoice).ok().map(|digest| (invoice.row.id.0, digest)));
        };
        checked.add("invoices", invoices::integrity::sums(&self.tx, after, last, read).await);
        let heads = self.heads.wait_for(Option::is_some).await.ok().and_then(|heads| heads.clone());
        let found = match heads {
            Some(heads) => records::differing_from(&self.tx, &self.own(&heads), &digests).await,
            None => {
                records::differing(
                    &self.tx,
                    Scope::Between(after.map(Into::into), last.map(Into::into)),
                )
                .await
            }
        };
        checked.add("rows against the audit trail", found);
        self.tx.rollback().await.ok();
        checked
    }

    fn own(&self, heads: &[RecordHead]) -> Vec<RecordHead> {
        let is_own = |(position, head): &(usize, &RecordHead)| {
            let invoice = InvoiceId(head.record);
            match head.form {
                Form::Invoice => {
                    self.after.is_none_or(|after| after < invoice)
                        && self.last.is_none_or(|last| invoice <= last)
                }
                _ => position % 2 == self.remainder,
            }
        };
        heads.iter().enumerate().filter(is_own).map(|(_, head)| head.clone()).collect()
    }
}

async fn of_documents(tx: DatabaseTransaction) -> Checked {
    let mut checked = Checked::default();
    checked.add("documents", invoices::integrity::documents::violations(&tx).await);
    checked.add("uploaded files", crate::stored_files::integrity::violations(&tx).await);
    tx.rollback().await.ok();
    checked
}

async fn of_file(tx: DatabaseTransaction) -> Checked {
    let mut checked = Checked::default();
    if tx.get_database_backend() == DbBackend::Sqlite {
        let found =
            async { Ok([file::violations(&tx).await?, spelling::violations(&tx).await?].concat()) };
        checked.add("the database file", found.await);
    }
    tx.rollback().await.ok();
    checked
}
