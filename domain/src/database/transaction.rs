//! The writing transaction: it is confirmed as committed, or it failed. A connection that failed is
//! never used again.

use std::{future::Future, sync::Arc};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    prelude::async_trait::async_trait,
};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    common_commit::{CommonCommit, Group},
    joined::Joined,
    part::{Part, Parts},
    statements::{Statements, Watch},
    write_health::WriteHealth,
    writer_state::WriterState,
    writers::{Sharing, Writers},
};

/// A transaction that writes, or the part of one that belongs to a change. Dropped without a
/// commit, it is rolled back.
#[derive(Debug)]
pub struct Transaction {
    tx: Arc<DatabaseTransaction>,
    statements: Arc<Statements>,
    /// Dropped last: with it, the connection and the permit are free.
    hold: Hold,
}

/// The hold that a change has on its transaction.
#[derive(Debug)]
enum Hold {
    /// The transaction has no other change.
    Alone(Alone),
    /// The transaction has earlier changes, which wait for its commit.
    Joined(Joined),
    /// The transaction belongs to a bulk mutation, and this change to one of its items.
    Part(Part),
}

/// The hold of the first change of a transaction.
#[derive(Debug)]
struct Alone {
    // Dropped first: it decides whether the connection may be used again, which must be known when
    // the connection returns to the pool.
    watch: Watch,
    tx: Arc<DatabaseTransaction>,
    sharing: Sharing,
    /// Held as long as the transaction runs: there is one connection to wait for.
    permit: OwnedSemaphorePermit,
}

/// Reason why a transaction was not committed.
#[derive(Debug)]
pub(super) enum Uncommitted {
    /// It was rolled back.
    RolledBack(DbErr),
    /// COMMIT was sent, and its outcome is not known.
    Unknown(DbErr),
}

impl Transaction {
    /// Wraps a transaction that has just begun.
    pub(super) fn new(
        tx: DatabaseTransaction,
        permit: OwnedSemaphorePermit,
        sharing: Sharing,
        state: &Arc<WriterState>,
        health: &Arc<WriteHealth>,
    ) -> Self {
        state.refuse_commits();
        let statements = Arc::new(Statements::new(state, health));
        Self::alone(Arc::new(tx), statements, permit, sharing)
    }

    fn alone(
        tx: Arc<DatabaseTransaction>,
        statements: Arc<Statements>,
        permit: OwnedSemaphorePermit,
        sharing: Sharing,
    ) -> Self {
        let watch = Watch::new(&statements);
        let hold = Hold::Alone(Alone { watch, tx: Arc::clone(&tx), sharing, permit });
        Self { tx, statements, hold }
    }

    /// Adds a change to a transaction with earlier ones. [`Transaction::begin_savepoint`] must be
    /// its first statement.
    pub(super) fn join(group: Group, permit: OwnedSemaphorePermit, writers: &Arc<Writers>) -> Self {
        let (tx, statements) = (group.tx(), Arc::new(group.statements()));
        let hold = Hold::Joined(Joined::new(group, permit, &statements, writers));
        Self { tx, statements, hold }
    }

    /// Continues a transaction whose changes are all done, to commit it.
    pub(super) fn of_done(
        tx: Arc<DatabaseTransaction>,
        statements: Statements,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self::alone(tx, Arc::new(statements), permit, Sharing::Alone)
    }

    /// Sets the savepoint to which a change that joined earlier ones is rolled back.
    pub(super) async fn begin_savepoint(&mut self) -> Result<(), DbErr> {
        let Hold::Joined(joined) = &mut self.hold else { return Ok(()) };
        let sql = joined.begin_savepoint();
        self.execute_unprepared(&sql).await?;
        Ok(())
    }

    /// Begins the change of an item in the transaction of a bulk mutation. The changes of the items
    /// before it have ended.
    pub(crate) async fn begin_part(&self, parts: &Arc<Parts>) -> Result<Self, DbErr> {
        self.end_part(parts).await?;
        self.execute_unprepared("SAVEPOINT item").await?;
        let hold = Hold::Part(Part::new(parts));
        Ok(Self { tx: Arc::clone(&self.tx), statements: Arc::clone(&self.statements), hold })
    }

    /// Ends the savepoint of the last part; rolls back to it if its change failed.
    pub(crate) async fn end_part(&self, parts: &Parts) -> Result<(), DbErr> {
        if let Some(sql) = parts.end_savepoint() {
            self.execute_unprepared(sql).await?;
            self.statements.forget_refused();
        }
        Ok(())
    }

    /// `true` if the change is that of an item of a bulk mutation.
    pub(super) fn is_part(&self) -> bool {
        matches!(self.hold, Hold::Part(_))
    }

    /// Ends the change of an item, which is to be committed with the others. `last` is the last
    /// audit entry that it wrote, by revision and hash.
    pub(super) fn finish_part(self, last: Option<(i64, &str)>) -> Result<(), DbErr> {
        self.statements.expect_success()?;
        if let Hold::Part(part) = self.hold {
            part.finish(last);
        }
        Ok(())
    }

    /// `true` if the change must be committed together with earlier ones.
    pub(super) fn is_joined(&self) -> bool {
        matches!(self.hold, Hold::Joined(_))
    }

    /// `true` if later changes may join it.
    pub(super) fn is_shared(&self) -> bool {
        match &self.hold {
            Hold::Alone(alone) => alone.sharing == Sharing::Shared,
            Hold::Joined(_) => true,
            Hold::Part(_) => false,
        }
    }

    /// Returns the common commit that a change depends on because it read what earlier changes
    /// wrote; `None` without such changes.
    pub(crate) fn common_commit(&self) -> Option<CommonCommit> {
        match &self.hold {
            Hold::Alone(_) | Hold::Part(_) => None,
            Hold::Joined(joined) => joined.common_commit(),
        }
    }

    /// Returns the end of the trail that earlier changes of the transaction wrote, by revision and
    /// hash; `None` if none of them wrote an entry.
    pub(crate) fn trail_end(&self) -> Option<(i64, String)> {
        match &self.hold {
            Hold::Alone(_) => None,
            Hold::Joined(joined) => joined.trail_end(),
            Hold::Part(part) => part.trail_end(),
        }
    }

    /// Sets the point to which [`Transaction::undo`] rolls back.
    pub(crate) async fn allow_undo(&self) -> Result<(), DbErr> {
        if let Hold::Alone(_) = self.hold {
            self.execute_unprepared("SAVEPOINT change").await?;
        }
        Ok(())
    }

    /// Rolls back what was written since [`Transaction::allow_undo`].
    pub(crate) async fn undo(&self) -> Result<(), DbErr> {
        let savepoint = match &self.hold {
            Hold::Alone(_) => "change".to_owned(),
            Hold::Joined(joined) => joined.savepoint(),
            Hold::Part(_) => "item".to_owned(),
        };
        self.execute_unprepared(&format!("ROLLBACK TO SAVEPOINT {savepoint}")).await?;
        Ok(())
    }

    /// Leaves the transaction open for another change, and ends this one without a commit. `last`
    /// is the last audit entry that it wrote, by revision and hash.
    pub(super) fn share(
        self,
        last: Option<(i64, &str)>,
    ) -> Result<(Group, OwnedSemaphorePermit), Uncommitted> {
        self.statements.expect_success().map_err(Uncommitted::RolledBack)?;
        let Self { hold, statements, .. } = self;
        let shared = match hold {
            Hold::Alone(Alone { tx, permit, .. }) => Some((Group::new(tx, &statements), permit)),
            Hold::Joined(mut joined) => joined.leave(),
            Hold::Part(_) => None,
        };
        let lost = || DbErr::Custom("the transaction was ended before".to_owned());
        let (mut group, permit) = shared.ok_or_else(|| Uncommitted::RolledBack(lost()))?;
        group.extend(last);
        Ok((group, permit))
    }

    /// Commits, and returns when the commit is confirmed. Calls `committed` then, before another
    /// transaction can begin: not before the permit is dropped.
    ///
    /// SQLite has committed if it began exactly one commit and COMMIT succeeded. PostgreSQL's
    /// COMMIT also succeeds when a statement failed before, and then rolls back; such a transaction
    /// is refused here.
    pub(super) async fn commit(
        self,
        committed: impl FnOnce(),
    ) -> Result<OwnedSemaphorePermit, Uncommitted> {
        self.statements.expect_success().map_err(Uncommitted::RolledBack)?;
        let Self { tx, statements, hold } = self;
        drop(tx);
        let shared = || DbErr::Custom("the transaction belongs to several changes".to_owned());
        let Hold::Alone(Alone { watch, tx, permit, .. }) = hold else {
            return Err(Uncommitted::RolledBack(shared()));
        };
        let tx = Arc::into_inner(tx).ok_or_else(|| Uncommitted::RolledBack(shared()))?;
        let is_sqlite = tx.get_database_backend() == DbBackend::Sqlite;
        let state = Arc::clone(statements.shared().0);
        let commits = state.allow_commit();
        let ended = statements.observe(async {
            tx.commit().await?;
            if is_sqlite && !state.has_committed_after(commits) {
                return Err(DbErr::Custom("COMMIT ended no transaction of SQLite's".to_owned()));
            }
            Ok(())
        });
        // Dropped before the permit, also when the caller stops waiting.
        let (permit, _watch) = (permit, watch);
        ended.await.map_err(|cause| {
            // After any error of COMMIT, the connection is not used again.
            state.suspect();
            Uncommitted::Unknown(cause)
        })?;
        committed();
        Ok(permit)
    }

    /// Rolls back. A change that joined earlier ones is rolled back alone, in the background.
    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        let Self { tx, statements, hold } = self;
        drop(tx);
        // The last field is dropped first, as in `Alone`.
        let Hold::Alone(Alone { permit: _permit, tx, watch: _watch, .. }) = hold else {
            return Ok(());
        };
        // After a failure there may be nothing to roll back; the connection is closed.
        if statements.has_broken() {
            return Ok(());
        }
        match Arc::into_inner(tx) {
            Some(tx) => statements.observe(tx.rollback()).await,
            None => Ok(()),
        }
    }

    /// Runs a statement. In a transaction with earlier changes it runs to its end, even if the
    /// caller stops waiting: they depend on its outcome.
    async fn run<T, F>(
        &self,
        statement: impl FnOnce(Arc<DatabaseTransaction>) -> F + Send,
    ) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        self.statements.expect_usable()?;
        let statement = statement(Arc::clone(&self.tx));
        match &self.hold {
            Hold::Alone(_) | Hold::Part(_) => self.statements.observe(statement).await,
            Hold::Joined(joined) => self.statements.run_to_end(joined.runtime(), statement).await,
        }
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.tx.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(|tx| async move { tx.execute_raw(statement).await }).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        self.run(|tx| async move { tx.execute_unprepared(&sql).await }).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(|tx| async move { tx.query_one_raw(statement).await }).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(|tx| async move { tx.query_all_raw(statement).await }).await
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, task::Poll};

    use sea_orm::TransactionTrait;
    use tokio::sync::Semaphore;

    use super::*;

    /// A statement that takes some time.
    const LONG: &str = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n";

    async fn begin(state: &Arc<WriterState>) -> Transaction {
        let db = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        db.execute_unprepared("CREATE TABLE t (a INTEGER)").await.unwrap();
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let tx = db.begin().await.unwrap();
        Transaction::new(tx, permit, Sharing::Alone, state, &Arc::default())
    }

    #[tokio::test]
    async fn a_transaction_with_a_cancelled_statement_is_not_committed_and_its_connection_not_used_again()
     {
        let state = Arc::new(WriterState::default());
        let tx = begin(&state).await;
        {
            let mut statement = pin!(tx.execute_unprepared(LONG));
            let is_pending =
                poll_fn(|context| Poll::Ready(statement.as_mut().poll(context).is_pending())).await;
            assert!(is_pending, "it was not cancelled");
        }
        let refused = tx.commit(|| {}).await;
        assert!(
            matches!(&refused, Err(Uncommitted::RolledBack(cause)) if cause.to_string().contains("cancelled")),
            "{refused:?}"
        );
        assert!(state.is_suspect());
    }
}
