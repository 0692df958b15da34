//! Writing: a change waits for earlier ones, and is answered when it is confirmed as committed.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    Database,
    busy::{WRITE_LOCK_TIMEOUT, busy},
    common_commit::{CommonCommit, Group},
    statements::is_locked,
    transaction::{Transaction, Uncommitted},
    writers::Sharing,
};
use crate::error::{Error, Result};

/// Time limit for finding out the outcome of a COMMIT without a response.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// Key of the advisory lock of writers on PostgreSQL, so that revisions and numbers have no gaps;
/// SQLite has one writer anyway.
pub(super) const WRITERS_LOCK: i64 = 0x5341_4d52_4547;

/// Returns an error of the database, or BUSY if another program holds the lock of writers.
pub(super) fn or_busy(cause: DbErr) -> Error {
    if is_locked(&cause) { busy() } else { cause.into() }
}

impl Database {
    /// Returns the same register with the same queue of writers, where changes join earlier ones
    /// that have waited for less than this time.
    #[must_use]
    pub fn with_sharing_time(self, time: Duration) -> Self {
        Self { sharing_time: time, ..self }
    }

    /// Counts a change that was not begun because another program writes, and returns its error.
    fn busy(&self) -> Error {
        self.meters.busy.inc();
        busy()
    }

    /// Returns the number of changes that wait for earlier ones.
    #[must_use]
    pub fn waiting_changes(&self) -> usize {
        self.writers.waiting()
    }

    /// Returns the number of changes that joined the transaction of earlier ones since the program
    /// started.
    #[must_use]
    pub fn joined_changes(&self) -> u64 {
        self.writers.joined()
    }

    /// Begins a writing transaction after earlier ones are done. For what has no entry of its own
    /// in the trail: logged reads, uploads that no mutation has taken, runs of commands. A change
    /// of the register begins with `audit::begin`, so that it has its entry.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY if others write for too long, or `PROGRAM_TOO_OLD` if a newer
    /// program has migrated the register.
    pub(crate) async fn write(&self) -> Result<Transaction> {
        let tx = self.write_unchecked(Sharing::Alone).await?;
        self.check_program(&tx).await?;
        Ok(tx)
    }

    /// Begins a writing transaction as [`Database::write`] does, or joins the one whose changes
    /// wait for a commit. The caller must check with its first statement that this program is new
    /// enough: [`Database::require_program`].
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY; with the time that an announced import still takes.
    pub(crate) async fn write_unchecked(&self, sharing: Sharing) -> Result<Transaction> {
        match self.begin_write(sharing).await {
            Err(error) if error.is_busy() => Err(Box::pin(self.with_announced_end(error)).await),
            begun => begun,
        }
    }

    async fn begin_write(&self, sharing: Sharing) -> Result<Transaction> {
        let (permit, group) = self.acquire(sharing, Some(WRITE_LOCK_TIMEOUT)).await?;
        if let Some(group) = group {
            let mut tx = Transaction::join(group, permit, &self.writers);
            self.writers.count_joined();
            tx.begin_savepoint().await?;
            return Ok(tx);
        }
        self.check_files().await?;
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let tx = self.writer.begin_with_options(options).await.map_err(|cause| {
            if is_locked(&cause) {
                return self.busy();
            }
            self.writer_state.suspect();
            self.health.fail(&cause);
            cause.into()
        })?;
        let tx = Transaction::new(tx, permit, sharing, &self.writer_state, &self.health);
        if self.backend() == DbBackend::Postgres {
            let limits = self.session.of_change();
            let lock = format!("{limits} SELECT pg_advisory_xact_lock({WRITERS_LOCK})");
            let locked = tx.execute_unprepared(&lock).await;
            locked.map_err(|cause| if is_locked(&cause) { self.busy() } else { cause.into() })?;
        }
        Ok(tx)
    }

    /// Waits for the permit of the writer, without a time limit if there is none. Returns with it
    /// the transaction that the change joins; one that it can't join is committed before.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY.
    async fn acquire(
        &self,
        sharing: Sharing,
        time: Option<Duration>,
    ) -> Result<(OwnedSemaphorePermit, Option<Group>)> {
        let deadline = time.map(|time| Instant::now() + time);
        loop {
            let permit = self.writers.acquire(sharing, deadline).await?;
            let Some(group) = self.writers.take() else { return Ok((permit, None)) };
            if sharing == Sharing::Shared && !group.is_full(self.sharing_time) {
                return Ok((permit, Some(group)));
            }
            // In a task of its own, because others depend on the commit.
            let committed = self.writers.runtime().spawn(self.clone().commit_group(group, permit));
            if let Some(permit) = committed.await.map_err(Error::internal)? {
                return Ok((permit, None));
            }
        }
    }

    /// Waits for the permit of the writer, and until nothing waits for a commit.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY.
    pub(super) async fn acquire_alone(
        &self,
        time: Option<Duration>,
    ) -> Result<OwnedSemaphorePermit> {
        Ok(self.acquire(Sharing::Alone, time).await?.0)
    }

    /// Commits, and returns when the commit is confirmed. `last` is the last audit entry that the
    /// transaction wrote, by revision and hash. A change that may share its commit leaves it to the
    /// next one if another waits; that of an item of a bulk mutation, to the bulk mutation.
    ///
    /// # Errors
    /// INTERNAL if nothing was committed, or if the outcome is unknown.
    pub(crate) async fn commit(&self, tx: Transaction, last: Option<(i64, &str)>) -> Result<()> {
        if tx.is_part() {
            return Ok(tx.finish_part(last)?);
        }
        let is_shared = tx.is_joined() || (tx.is_shared() && self.writers.may_share());
        if !is_shared {
            return self.commit_now(tx, last).await.map(drop);
        }
        let (group, permit) = match tx.share(last) {
            Ok(shared) => shared,
            Err(Uncommitted::RolledBack(cause) | Uncommitted::Unknown(cause)) => {
                return Err(cause.into());
            }
        };
        let (is_new, commit) = (group.is_new(), group.common_commit());
        self.writers.leave(group, permit);
        if is_new {
            self.commit_later(commit.clone());
        }
        commit.wait().await
    }

    /// Ends a change that wrote nothing. If it joined others, what it read may not be committed
    /// yet: then it waits for that.
    ///
    /// # Errors
    /// INTERNAL if what it read was not committed, or a file of a register on SQLite is gone.
    pub(crate) async fn leave_unchanged(&self, tx: Transaction) -> Result<()> {
        if tx.is_part() {
            return Ok(tx.rollback().await?);
        }
        if let Some(commit) = tx.common_commit() {
            drop(tx);
            return commit.wait().await;
        }
        self.check_file()?;
        Ok(tx.rollback().await?)
    }

    /// Commits a group after the changes that wait for the permit now, unless one of them does it.
    fn commit_later(&self, commit: CommonCommit) {
        let db = self.clone();
        self.writers.runtime().spawn(async move {
            while let Some(permit) = db.writers.acquire_for_commit().await {
                if commit.is_over() {
                    return;
                }
                match db.writers.take() {
                    None => return,
                    Some(group) if db.writers.may_share() && !group.is_full(db.sharing_time) => {
                        db.writers.leave(group, permit);
                        tokio::task::yield_now().await;
                    }
                    Some(group) => {
                        db.commit_group(group, permit).await;
                        return;
                    }
                }
            }
        });
    }

    /// Commits a group and notifies its changes. Returns the permit, unless it was needed to find
    /// out the outcome.
    fn commit_group(
        self,
        group: Group,
        permit: OwnedSemaphorePermit,
    ) -> BoxFuture<'static, Option<OwnedSemaphorePermit>> {
        Box::pin(async move {
            let statements = group.statements();
            let (tx, end, closing) = group.close();
            let tx = Transaction::of_done(tx, statements, permit);
            let last = end.as_ref().map(|(revision, hash)| (*revision, hash.as_str()));
            let (permit, outcome) = match self.commit_now(tx, last).await {
                Ok(permit) => (permit, Ok(())),
                Err(error) => (None, Err(error)),
            };
            closing.committed(outcome);
            permit
        })
    }

    /// Commits, and returns when the commit is confirmed. Returns the permit unless it was needed
    /// to find that out.
    async fn commit_now(
        &self,
        tx: Transaction,
        last: Option<(i64, &str)>,
    ) -> Result<Option<OwnedSemaphorePermit>> {
        if let Err(cause) = self.check_file() {
            // Rolled back first, because saving the log waits for writers.
            drop(tx);
            self.check_files().await.ok();
            return Err(cause);
        }
        if let Some((revision, _)) = last {
            self.notify_remote(&tx, revision).await?;
        }
        let known = || {
            if let Some((revision, hash)) = last {
                self.trail_head.advance(revision, hash.to_owned());
            }
        };
        let permit = match tx.commit(known).await {
            Ok(permit) => Some(permit),
            Err(Uncommitted::RolledBack(cause)) => return Err(cause.into()),
            Err(Uncommitted::Unknown(cause)) => match last {
                // A connection to PostgreSQL may break after the server has committed.
                Some((revision, hash)) if self.backend() == DbBackend::Postgres => {
                    if !Box::pin(self.was_committed(revision, hash)).await? {
                        return Err(cause.into());
                    }
                    self.trail_head.advance(revision, hash.to_owned());
                    tracing::warn!(%cause, revision, "COMMIT was not answered, but the change is in the database");
                    None
                }
                _ => return Err(cause.into()),
            },
        };
        // If the log was removed meanwhile, the commit went to the removed file.
        self.check_files().await?;
        self.health.succeed();
        self.meters.commits.inc();
        if let Some((revision, _)) = last {
            self.notify_local(revision);
        }
        Ok(permit)
    }

    /// Returns `true` if a change was committed whose COMMIT was not answered. Waits until its
    /// transaction has ended.
    async fn was_committed(&self, revision: i64, hash: &str) -> Result<bool> {
        let (values, began) = ([revision.into(), hash.into()], Instant::now());
        let find = "SELECT 1 FROM audit_entry WHERE revision = $1 AND hash = $2";
        let find = Statement::from_sql_and_values(self.backend(), find, values);
        loop {
            // The lock of writers is free when that transaction has ended.
            let found = async {
                let tx = self.write().await?;
                let found = tx.query_one_raw(find.clone()).await?.is_some();
                tx.rollback().await?;
                Ok(found)
            };
            match found.await {
                Err(cause) if began.elapsed() >= OUTCOME_TIMEOUT => {
                    tracing::error!(
                        revision,
                        "COMMIT was not answered, and whether the change was made could not be found out"
                    );
                    return Err(cause);
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                found => return found,
            }
        }
    }

    /// Checks the files of a register on SQLite before and after each change.
    async fn check_files(&self) -> Result<()> {
        let Err(cause) = self.check_file() else { return Ok(()) };
        self.health.fail(&format!("{cause:?}"));
        self.save_log().await;
        Err(cause)
    }

    /// Moves the content of a removed log of SQLite into the database file, so that no confirmed
    /// change is lost.
    ///
    /// The probe's connection does it, because it is as old as the log: a new connection would take
    /// the index of the old log for that of the new one.
    pub(super) async fn save_log(&self) {
        if self.file.as_ref().is_none_or(|file| !file.lost_its_log())
            || self.is_log_saved.load(SeqCst)
        {
            return;
        }
        match self
            .probe
            .query_one_raw(Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(FULL)"))
            .await
        {
            Ok(Some(row)) if row.try_get_by_index::<i64>(0).is_ok_and(|is_busy| is_busy == 0) => {
                self.is_log_saved.store(true, SeqCst);
                tracing::error!(
                    "the register's write-ahead log was removed; what it held is in the register's file; start the program again"
                );
            }
            failed => tracing::error!(
                ?failed,
                "the register's write-ahead log was removed, and what it holds could not be saved yet"
            ),
        }
    }
}
