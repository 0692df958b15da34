//! A common commit: changes that wait for each other share a transaction. Each later one has a
//! savepoint of its own, to which it is rolled back without its neighbors.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseTransaction;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::Instant,
};

use super::{statements::Statements, write_health::WriteHealth, writer_state::WriterState};
use crate::error::{Error, Result};

/// Maximum number of changes that share a commit: PostgreSQL keeps track of 64 savepoints of a
/// transaction in memory.
const MAX_CHANGES: u32 = 64;

/// A transaction whose changes are done and wait for their common commit.
#[derive(Debug)]
pub(super) struct Group {
    tx: Arc<DatabaseTransaction>,
    state: Arc<WriterState>,
    health: Arc<WriteHealth>,
    outcome: watch::Sender<Option<Result<()>>>,
    /// Number of changes that have joined, refused ones included.
    changes: u32,
    /// Number of changes that wait for the commit.
    done: u32,
    /// The savepoint of the last change, if it is not released.
    savepoint: Option<String>,
    /// The last audit entry of the transaction, by revision and hash.
    end: Option<(i64, String)>,
    since: Instant,
}

/// The outcome of a common commit, when it is known.
#[derive(Clone, Debug)]
pub(crate) struct CommonCommit(watch::Receiver<Option<Result<()>>>);

impl CommonCommit {
    /// Waits for the outcome.
    ///
    /// # Errors
    /// INTERNAL if nothing was committed, or if the outcome is unknown.
    pub(crate) async fn wait(mut self) -> Result<()> {
        let outcome = self.0.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        outcome.ok().flatten().unwrap_or_else(|| {
            Err(Error::internal(std::io::Error::other("the program stopped before the commit")))
        })
    }

    /// `true` if the outcome is known, or will never be.
    pub(super) fn is_over(&self) -> bool {
        self.0.has_changed().is_err() || self.0.borrow().is_some()
    }
}

impl Group {
    /// Begins a group with the first change of a transaction.
    pub(super) fn new(tx: Arc<DatabaseTransaction>, statements: &Statements) -> Self {
        let (state, health) = statements.shared();
        Self {
            tx,
            state: Arc::clone(state),
            health: Arc::clone(health),
            outcome: watch::Sender::new(None),
            changes: 1,
            done: 0,
            savepoint: None,
            end: None,
            since: Instant::now(),
        }
    }

    /// Adds a change that is done, and the last audit entry that it wrote.
    pub(super) fn extend(&mut self, last: Option<(i64, &str)>) {
        self.done += 1;
        if let Some((revision, hash)) = last {
            self.end = Some((revision, hash.to_owned()));
        }
    }

    /// `true` if no further change may join, because there are many, or the first one has waited
    /// for this time.
    pub(super) fn is_full(&self, time: Duration) -> bool {
        self.changes >= MAX_CHANGES || self.since.elapsed() >= time
    }

    /// `true` if it has its first change only.
    pub(super) fn is_new(&self) -> bool {
        self.changes == 1
    }

    /// Returns the outcome that its changes wait for.
    pub(super) fn common_commit(&self) -> CommonCommit {
        CommonCommit(self.outcome.subscribe())
    }

    /// Adds a change, which is not done, and returns its number.
    pub(super) fn join(&mut self) -> u32 {
        self.changes += 1;
        self.changes
    }

    /// Replaces the savepoint that the next change releases, and returns the one before.
    pub(super) fn replace_savepoint(&mut self, savepoint: Option<String>) -> Option<String> {
        std::mem::replace(&mut self.savepoint, savepoint)
    }

    /// Returns the last audit entry of the transaction, by revision and hash.
    pub(super) fn end(&self) -> Option<(i64, String)> {
        self.end.clone()
    }

    /// Returns its transaction.
    pub(super) fn tx(&self) -> Arc<DatabaseTransaction> {
        Arc::clone(&self.tx)
    }

    /// Returns an empty list of statements for another change.
    pub(super) fn statements(&self) -> Statements {
        Statements::new(&self.state, &self.health)
    }

    /// Ends the group: returns its transaction, the last audit entry, and what notifies the
    /// changes.
    pub(super) fn close(self) -> (Arc<DatabaseTransaction>, Option<(i64, String)>, Closing) {
        let Self { tx, health, outcome, done, end, .. } = self;
        (tx, end, Closing { health, outcome, done })
    }

    /// Rolls back every change, and closes the connection.
    pub(super) fn fail(self, permit: OwnedSemaphorePermit) {
        self.state.suspect();
        let (tx, _, closing) = self.close();
        // Before the permit.
        drop(tx);
        drop(permit);
        closing.health.fail(&"the transaction of several changes was ended");
        closing.health.fail_too(closing.done.saturating_sub(1));
        closing.notify(Err(Error::internal(std::io::Error::other(
            "another change failed in the same transaction, which was rolled back",
        ))));
    }
}

/// What notifies the changes of a group of their outcome.
pub(super) struct Closing {
    health: Arc<WriteHealth>,
    outcome: watch::Sender<Option<Result<()>>>,
    done: u32,
}

impl Closing {
    /// Notifies the changes of the outcome of their COMMIT.
    pub(super) fn committed(self, outcome: Result<()>) {
        if outcome.is_err() {
            // The commit itself is counted already.
            self.health.fail_too(self.done.saturating_sub(1));
        }
        self.notify(outcome);
    }

    fn notify(self, outcome: Result<()>) {
        self.outcome.send_replace(Some(outcome));
    }
}
