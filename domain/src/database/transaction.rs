//! The writing transaction: it is confirmed as committed, or it failed. A connection that failed is
//! never used again.

use std::{
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, Statement,
    prelude::async_trait::async_trait,
    sqlx::{
        self, Connection,
        error::DatabaseError,
        sqlite::{SqliteError, SqlitePoolOptions},
    },
};
use tokio::sync::OwnedSemaphorePermit;

use super::{statement_plans::plan_once, write_health::WriteHealth};

/// State that the pool of the writing connection shares with the transactions on it.
///
/// On a full disk or an I/O error SQLite rolls a transaction back automatically. The driver doesn't
/// notice: it still counts the transaction, and would make every later one a savepoint within it
/// that nothing ever commits.
#[derive(Debug, Default)]
pub(super) struct WriterState {
    /// `true` if an error made the connection unfit for another transaction.
    is_suspect: AtomicBool,
    /// `true` from BEGIN until COMMIT is sent: SQLite then refuses to commit, so that no statement
    /// commits automatically after a rollback.
    refuses_commits: AtomicBool,
    /// Number of commits that SQLite began on the connection.
    commits: AtomicU64,
}

impl WriterState {
    /// Makes the pool of the writing connection check each connection before it is used again.
    pub(super) fn guard(self: &Arc<Self>, options: &mut ConnectOptions) {
        let state = Arc::clone(self);
        options.map_sqlx_postgres_pool_opts(move |pool| {
            let (new, used) = (Arc::clone(&state), Arc::clone(&state));
            pool.after_connect(move |connection, _| {
                new.renew();
                Box::pin(plan_once(connection))
            })
            .after_release(move |connection, _| {
                // A rollback that was only queued is counted already; the pool sends it before the
                // next use, or closes the connection.
                let is_fit = used.end(connection.is_in_transaction());
                Box::pin(async move { Ok(is_fit) })
            })
        });
        let state = Arc::clone(self);
        options.map_sqlx_postgres_before_acquire(move |connection, _| {
            let is_fit = state.is_fit(connection.is_in_transaction());
            Box::pin(async move { Ok(is_fit) })
        });
        let state = Arc::clone(self);
        options.map_sqlx_sqlite_before_acquire(move |connection, _| {
            let is_fit = state.is_fit(connection.is_in_transaction());
            Box::pin(async move { Ok(is_fit) })
        });
    }

    /// Does the same for the pool of a register on SQLite, whose connections `check` may refuse.
    pub(super) fn guard_sqlite(
        self: &Arc<Self>,
        pool: SqlitePoolOptions,
        check: impl Fn() -> io::Result<()> + Clone + Send + Sync + 'static,
    ) -> SqlitePoolOptions {
        let (new, used) = (Arc::clone(self), Arc::clone(self));
        pool.after_connect(move |connection, _| {
            let (state, check) = (Arc::clone(&new), check.clone());
            Box::pin(async move {
                // Opens the log: as long as a connection has it open, another program that closes
                // the register does not remove it.
                sqlx::query("PRAGMA schema_version").fetch_optional(&mut *connection).await?;
                check()?;
                state.renew();
                connection.lock_handle().await?.set_commit_hook(move || state.begin_commit());
                Ok(())
            })
        })
        .after_release(move |connection, _| {
            let state = Arc::clone(&used);
            Box::pin(async move {
                // A queued rollback is done when the ping is answered.
                connection.ping().await?;
                Ok(state.end(connection.is_in_transaction()))
            })
        })
    }

    /// Records that the connection must not be used again.
    pub(super) fn suspect(&self) {
        self.is_suspect.store(true, SeqCst);
    }

    fn renew(&self) {
        self.refuses_commits.store(false, SeqCst);
        self.is_suspect.store(false, SeqCst);
    }

    /// Ends the use of a connection; returns `false` if it must be closed.
    fn end(&self, is_in_transaction: bool) -> bool {
        self.refuses_commits.store(false, SeqCst);
        self.is_fit(is_in_transaction)
    }

    fn is_fit(&self, is_in_transaction: bool) -> bool {
        !is_in_transaction && !self.is_suspect.load(SeqCst)
    }

    /// Allows SQLite to commit, or not. `false` makes it roll back.
    fn begin_commit(&self) -> bool {
        let is_allowed = !self.refuses_commits.load(SeqCst);
        self.commits.fetch_add(u64::from(is_allowed), SeqCst);
        is_allowed
    }
}

/// A transaction that writes. Dropped without a commit, it is rolled back.
#[derive(Debug)]
pub struct Transaction {
    // Dropped first: it decides whether the connection may be used again, which must be known when
    // the connection returns to the pool.
    watch: Watch,
    tx: DatabaseTransaction,
    /// Held as long as the transaction runs: there is one connection to wait for.
    permit: OwnedSemaphorePermit,
}

/// Outcome of the statements of one transaction.
#[derive(Debug)]
struct Watch {
    state: Arc<WriterState>,
    health: Arc<WriteHealth>,
    /// Number of statements without a response. A cancelled statement remains counted.
    running: AtomicUsize,
    /// The worst [`Failure`] so far.
    worst: AtomicU8,
}

/// Kinds of failed statements, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Failure {
    /// It violated a constraint, or waited too long for a lock: the connection is not affected.
    Refused = 1,
    /// The statement could not be run, because of an error in it.
    Statement = 2,
    /// The database, its disk or the connection failed.
    Database = 3,
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
        state: &Arc<WriterState>,
        health: &Arc<WriteHealth>,
    ) -> Self {
        state.refuses_commits.store(true, SeqCst);
        let watch = Watch {
            state: Arc::clone(state),
            health: Arc::clone(health),
            running: AtomicUsize::new(0),
            worst: AtomicU8::new(0),
        };
        Self { watch, tx, permit }
    }

    /// Commits, and returns when the commit is confirmed. Calls `committed` then, before another
    /// transaction can begin.
    ///
    /// SQLite has committed if it began exactly one commit and COMMIT succeeded. PostgreSQL's
    /// COMMIT also succeeds when a statement failed before, and then rolls back; such a transaction
    /// is refused here.
    pub(super) async fn commit(self, committed: impl FnOnce()) -> Result<(), Uncommitted> {
        // The last field is dropped first, as in `Transaction`.
        let Self { permit: _permit, tx, watch } = self;
        if watch.worst.load(SeqCst) != 0 {
            return Err(Uncommitted::RolledBack(DbErr::Custom(
                "a statement of the transaction failed before its COMMIT".to_owned(),
            )));
        }
        if watch.running.load(SeqCst) > 0 {
            return Err(Uncommitted::RolledBack(DbErr::Custom(
                "a statement of the transaction was cancelled before its COMMIT".to_owned(),
            )));
        }
        let is_sqlite = tx.get_database_backend() == DbBackend::Sqlite;
        let state = Arc::clone(&watch.state);
        let commits = state.commits.load(SeqCst);
        state.refuses_commits.store(false, SeqCst);
        let ended = watch.observe(async {
            tx.commit().await?;
            if is_sqlite && state.commits.load(SeqCst) != commits + 1 {
                return Err(DbErr::Custom("COMMIT ended no transaction of SQLite's".to_owned()));
            }
            Ok(())
        });
        ended.await.map_err(|cause| {
            // After any error of COMMIT, the connection is not used again.
            state.suspect();
            Uncommitted::Unknown(cause)
        })?;
        committed();
        Ok(())
    }

    /// Rolls back.
    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        // The last field is dropped first, as in `Transaction`.
        let Self { permit: _permit, tx, watch } = self;
        // After a failure there may be nothing to roll back; the connection is closed.
        if watch.worst.load(SeqCst) >= Failure::Statement as u8 {
            Ok(())
        } else {
            watch.observe(tx.rollback()).await
        }
    }
}

impl Watch {
    /// Runs a statement, unless an earlier one failed so that SQLite may have ended the
    /// transaction.
    async fn run<T>(&self, statement: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        if self.worst.load(SeqCst) >= Failure::Statement as u8 {
            return Err(DbErr::Custom(
                "a statement of the transaction failed before this one".to_owned(),
            ));
        }
        self.observe(statement).await
    }

    async fn observe<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        self.running.fetch_add(1, SeqCst);
        let result = statement.await;
        self.running.fetch_sub(1, SeqCst);
        if let Err(cause) = &result {
            let failure = failure(cause);
            let worst = self.worst.fetch_max(failure as u8, SeqCst);
            if failure == Failure::Database && worst < Failure::Database as u8 {
                self.health.fail(cause);
            }
        }
        result
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.running.load(SeqCst) > 0 || self.worst.load(SeqCst) >= Failure::Statement as u8 {
            self.state.suspect();
        }
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.tx.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.watch.run(self.tx.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.watch.run(self.tx.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.watch.run(self.tx.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.watch.run(self.tx.query_all_raw(statement)).await
    }
}

/// Classifies an error of a statement.
pub(super) fn failure(cause: &DbErr) -> Failure {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = cause
    else {
        return Failure::Database;
    };
    match &**error {
        sqlx::Error::Database(error) => failure_of(&**error),
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => Failure::Statement,
        _ => Failure::Database,
    }
}

fn failure_of(error: &dyn DatabaseError) -> Failure {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        // The lowest byte is the kind; the others refine it. SQLITE_CONSTRAINT_COMMITHOOK: a
        // statement would have committed automatically, because SQLite had rolled back before.
        if code == "531" {
            return Failure::Database;
        }
        return match code.parse::<u32>().map(|code| code & 0xff) {
            // SQLITE_BUSY and SQLITE_CONSTRAINT.
            Ok(5 | 19) => Failure::Refused,
            // SQLITE_ERROR, _INTERRUPT, _TOOBIG, _MISMATCH and _RANGE.
            Ok(1 | 9 | 18 | 20 | 25) => Failure::Statement,
            _ => Failure::Database,
        };
    }
    match code.get(..2) {
        // Constraints, errors that triggers raise, and lock_not_available.
        Some("23" | "P0") => Failure::Refused,
        _ if code == "55P03" => Failure::Refused,
        // A server that refuses changes, as a standby.
        _ if code == "25006" => Failure::Database,
        // Data, transactions, syntax, programs' limits and prerequisites.
        Some("21" | "22" | "25" | "40" | "42" | "54" | "55") => Failure::Statement,
        _ => Failure::Database,
    }
}

/// Returns `true` if an error means that another program holds the lock of writers.
pub(super) fn is_locked(cause: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = cause
    else {
        return false;
    };
    let Some(error) = error.as_database_error() else { return false };
    let code = error.code().unwrap_or_default();
    match error.try_downcast_ref::<SqliteError>() {
        Some(_) => code.parse::<u32>().is_ok_and(|code| code & 0xff == 5),
        None => code == "55P03",
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
        Transaction::new(db.begin().await.unwrap(), permit, state, &Arc::default())
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
        assert!(state.is_suspect.load(SeqCst));
    }
}
