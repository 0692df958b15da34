//! The outcome of a change's statements, by which it is committed or not, and its connection used
//! again or not.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
    },
};

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError, sqlite::SqliteError},
};
use tokio::{runtime::Handle, sync::Notify};
use tracing::Instrument as _;

use super::{usage::Usage, write_health::WriteHealth, writer_state::WriterState};

/// Outcome of the statements of one change.
#[derive(Debug)]
pub(super) struct Statements {
    state: Arc<WriterState>,
    health: Arc<WriteHealth>,
    /// Number of statements without a response. A cancelled statement remains counted, except in a
    /// transaction with earlier changes, where it runs to its end.
    running: AtomicUsize,
    /// Notified when no statement runs.
    ended: Notify,
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

impl Statements {
    pub(super) fn new(state: &Arc<WriterState>, health: &Arc<WriteHealth>) -> Self {
        Self {
            state: Arc::clone(state),
            health: Arc::clone(health),
            running: AtomicUsize::new(0),
            ended: Notify::new(),
            worst: AtomicU8::new(0),
        }
    }

    /// Returns the state of the connection, and the health of writes.
    pub(super) fn shared(&self) -> (&Arc<WriterState>, &Arc<WriteHealth>) {
        (&self.state, &self.health)
    }

    /// `true` if the database, its disk or the connection failed: nothing of the transaction can be
    /// committed.
    pub(super) fn has_lost_database(&self) -> bool {
        self.worst.load(SeqCst) >= Failure::Database as u8
    }

    /// `true` if a statement failed so that SQLite may have ended the transaction.
    pub(super) fn has_broken(&self) -> bool {
        self.worst.load(SeqCst) >= Failure::Statement as u8
    }

    /// Waits until no statement runs.
    pub(super) async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            if self.running.load(SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Fails after a statement that may have ended the transaction.
    pub(super) fn expect_usable(&self) -> Result<(), DbErr> {
        if self.has_broken() {
            return Err(DbErr::Custom(
                "a statement of the transaction failed before this one".to_owned(),
            ));
        }
        Ok(())
    }

    /// Forgets statements that were refused, after a rollback to the savepoint before them.
    pub(super) fn forget_refused(&self) {
        self.worst.compare_exchange(Failure::Refused as u8, 0, SeqCst, SeqCst).ok();
    }

    /// Fails unless every statement was successful.
    pub(super) fn expect_success(&self) -> Result<(), DbErr> {
        if self.worst.load(SeqCst) != 0 {
            return Err(DbErr::Custom(
                "a statement of the transaction failed before its COMMIT".to_owned(),
            ));
        }
        if self.running.load(SeqCst) > 0 {
            return Err(DbErr::Custom(
                "a statement of the transaction was cancelled before its COMMIT".to_owned(),
            ));
        }
        Ok(())
    }

    /// Runs a statement to its end in a runtime, even if the caller stops waiting: then the change
    /// can't be committed.
    pub(super) async fn run_to_end<T: Send + 'static>(
        self: &Arc<Self>,
        runtime: &Handle,
        statement: impl Future<Output = Result<T, DbErr>> + Send + 'static,
    ) -> Result<T, DbErr> {
        let counted = Counted::new(self);
        let cancellation = Cancellation(Some(self));
        let statement = statement.in_current_span();
        let running = runtime.spawn(Usage::inherited(async move {
            // Until the statement and its transaction are dropped.
            let counted = counted;
            let statement = counted.0.until_moved(statement).await;
            counted.0.note(statement)
        }));
        let result = running.await;
        cancellation.disarm();
        result.unwrap_or_else(|failed| {
            self.note(Err(DbErr::Custom(format!("a statement failed: {failed}"))))
        })
    }

    /// Runs a statement.
    pub(super) async fn observe<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        self.running.fetch_add(1, SeqCst);
        let result = self.until_moved(statement).await;
        self.running.fetch_sub(1, SeqCst);
        self.note(result)
    }

    /// Runs a statement, which fails if another server becomes the primary meanwhile.
    async fn until_moved<T>(
        &self,
        statement: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, DbErr> {
        tokio::select! {
            biased;
            result = statement => result,
            () = self.state.moved() => {
                Err(DbErr::Conn(RuntimeErr::Internal("the primary was lost".to_owned())))
            }
        }
    }

    /// Records the outcome of a statement.
    fn note<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
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

/// Closes the connection after the transaction unless its statements left it fit for another one.
#[derive(Debug)]
pub(super) struct Watch(Arc<Statements>);

impl Watch {
    pub(super) fn new(statements: &Arc<Statements>) -> Self {
        Self(Arc::clone(statements))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.0.running.load(SeqCst) > 0 || self.0.has_broken() {
            self.0.state.suspect();
        }
    }
}

/// Counts a statement of a joined change until it has ended.
struct Counted(Arc<Statements>);

impl Counted {
    fn new(statements: &Arc<Statements>) -> Self {
        statements.running.fetch_add(1, SeqCst);
        Self(Arc::clone(statements))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

/// Refuses a joined change if the caller stops waiting for a statement.
struct Cancellation<'s>(Option<&'s Statements>);

impl Cancellation<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Cancellation<'_> {
    fn drop(&mut self) {
        if let Some(statements) = self.0 {
            statements.worst.fetch_max(Failure::Refused as u8, SeqCst);
        }
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
