//! The state of the writing connection: it is fit for another transaction, or closed.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use sea_orm::{
    ConnectOptions,
    sqlx::{self, Connection, sqlite::SqlitePoolOptions},
};

use super::{servers::Servers, session::Plans};

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
    /// Servers of a register on PostgreSQL.
    servers: OnceLock<Arc<Servers>>,
}

impl WriterState {
    /// Makes the pool of the writing connection check each connection before it is used again.
    pub(super) fn guard(
        self: &Arc<Self>,
        options: &mut ConnectOptions,
        servers: Option<&Arc<Servers>>,
    ) {
        if let Some(servers) = servers {
            self.servers.set(Arc::clone(servers)).ok();
            self.guard_postgres(options, servers);
        }
        let state = Arc::clone(self);
        options.map_sqlx_sqlite_before_acquire(move |connection, _| {
            let is_fit = state.is_fit(connection.is_in_transaction());
            Box::pin(async move { Ok(is_fit) })
        });
    }

    /// Does the same for the pool of a register on PostgreSQL, and sets up new connections.
    fn guard_postgres(self: &Arc<Self>, options: &mut ConnectOptions, servers: &Arc<Servers>) {
        let (state, chosen) = (Arc::clone(self), Arc::clone(servers));
        options.map_sqlx_postgres_pool_opts(move |pool| {
            let (new, used) = (Arc::clone(&state), Arc::clone(&state));
            let chosen = Arc::clone(&chosen);
            pool.after_connect(move |connection, _| {
                new.renew();
                let servers = Arc::clone(&chosen);
                Box::pin(async move {
                    servers.session.set_up(connection, Plans::Once).await?;
                    servers.expect_current(connection).await
                })
            })
            .after_release(move |connection, _| {
                // A rollback that was only queued is counted already; the pool sends it before the
                // next use, or closes the connection.
                let is_fit = used.end(connection.is_in_transaction());
                Box::pin(async move { Ok(is_fit) })
            })
        });
        let (state, servers) = (Arc::clone(self), Arc::clone(servers));
        options.map_sqlx_postgres_before_acquire(move |connection, used| {
            let is_fit = state.is_fit(connection.is_in_transaction());
            let servers = Arc::clone(&servers);
            Box::pin(async move { Ok(is_fit && servers.may_use(connection, used).await?) })
        });
    }

    /// Completes when another server of PostgreSQL becomes the primary: the statements that run
    /// have lost theirs, which may never answer.
    pub(super) async fn moved(&self) {
        match self.servers.get() {
            Some(servers) => drop(servers.moved().changed().await),
            None => std::future::pending().await,
        }
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

    /// `true` if the connection must not be used again.
    #[cfg(test)]
    pub(super) fn is_suspect(&self) -> bool {
        self.is_suspect.load(SeqCst)
    }

    /// Makes SQLite refuse commits, from BEGIN on.
    pub(super) fn refuse_commits(&self) {
        self.refuses_commits.store(true, SeqCst);
    }

    /// Allows a commit, and returns the number of those before.
    pub(super) fn allow_commit(&self) -> u64 {
        let commits = self.commits.load(SeqCst);
        self.refuses_commits.store(false, SeqCst);
        commits
    }

    /// `true` if SQLite began exactly one commit since there were so many.
    pub(super) fn has_committed_after(&self, commits: u64) -> bool {
        self.commits.load(SeqCst) == commits + 1
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
