//! A change that joins earlier ones in their transaction: it has a savepoint of its own, to which
//! it is rolled back without its neighbors.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};

use super::{
    common_commit::{CommonCommit, Group},
    statements::Statements,
    writers::Writers,
};

/// The part of a group's transaction that belongs to one later change. Dropped before
/// [`Joined::leave`], it rolls this change back, and leaves the transaction to the next one.
#[derive(Debug)]
pub(super) struct Joined {
    /// `None` when the change has left.
    group: Option<(Group, OwnedSemaphorePermit)>,
    statements: Arc<Statements>,
    writers: Arc<Writers>,
    number: u32,
    /// `true` if the savepoint was begun.
    has_savepoint: bool,
}

impl Joined {
    pub(super) fn new(
        mut group: Group,
        permit: OwnedSemaphorePermit,
        statements: &Arc<Statements>,
        writers: &Arc<Writers>,
    ) -> Self {
        Self {
            number: group.join(),
            group: Some((group, permit)),
            statements: Arc::clone(statements),
            writers: Arc::clone(writers),
            has_savepoint: false,
        }
    }

    /// Returns the name of the savepoint: no other of the transaction has it.
    pub(super) fn savepoint(&self) -> String {
        format!("change_{}", self.number)
    }

    /// Returns the statement that begins the savepoint, and releases the one before. It must be run
    /// at once.
    pub(super) fn begin_savepoint(&mut self) -> String {
        self.has_savepoint = true;
        let begin = format!("SAVEPOINT {}", self.savepoint());
        match self.group.as_mut().and_then(|(group, _)| group.replace_savepoint(None)) {
            Some(before) => format!("RELEASE SAVEPOINT {before}; {begin}"),
            None => begin,
        }
    }

    /// Returns the runtime of its statements, on whose outcome earlier changes depend.
    pub(super) fn runtime(&self) -> &Handle {
        self.writers.runtime()
    }

    pub(super) fn common_commit(&self) -> Option<CommonCommit> {
        self.group.as_ref().map(|(group, _)| group.common_commit())
    }

    pub(super) fn trail_end(&self) -> Option<(i64, String)> {
        self.group.as_ref().and_then(|(group, _)| group.end())
    }

    /// Ends the change, which is to be committed with the group.
    pub(super) fn leave(&mut self) -> Option<(Group, OwnedSemaphorePermit)> {
        let (mut group, permit) = self.group.take()?;
        group.replace_savepoint(self.has_savepoint.then(|| self.savepoint()));
        Some((group, permit))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let Some((group, permit)) = self.group.take() else { return };
        let (statements, writers) = (Arc::clone(&self.statements), Arc::clone(&self.writers));
        let savepoint = self.has_savepoint.then(|| self.savepoint());
        let runtime = self.runtime().clone();
        runtime.spawn(async move {
            statements.idle().await;
            let tx = group.tx();
            let is_intact = !statements.has_lost_database()
                && match savepoint {
                    // SQLite has no savepoint if it has rolled the transaction back.
                    Some(name) => roll_back(&tx, &statements, &name).await,
                    None => true,
                };
            if statements.has_broken() {
                // It is closed after the commit of the others.
                statements.shared().0.suspect();
            }
            drop(tx);
            if is_intact { writers.leave(group, permit) } else { group.fail(permit) }
        });
    }
}

/// Rolls back to a savepoint and releases it. Returns `false` if that failed.
async fn roll_back(tx: &DatabaseTransaction, statements: &Statements, name: &str) -> bool {
    let sql = format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}");
    statements.observe(tx.execute_unprepared(&sql)).await.is_ok()
}
