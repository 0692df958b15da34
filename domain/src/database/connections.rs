//! Opening of connections: the one that writes, those that read, and the one that probes whether
//! the database responds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::{
    WRITE_LOCK_TIMEOUT,
    sqlite_file::SqliteFile,
    transaction::{WriterState, is_locked},
};

/// The size to which SQLite cuts its log back, in bytes, when all that it holds is in the
/// register's file.
const LOG_SIZE: u32 = 16 << 20;

/// Rows that SQLite's thread reads ahead of the one that takes them: with fewer the two wait for
/// each other at every row.
const ROW_BUFFER: usize = 1000;

/// Connects, and tries again while another program that starts at the same time sets the journal of
/// a new file: SQLite's busy timeout doesn't wait for that lock.
pub(super) async fn open(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let give_up_at = Instant::now() + WRITE_LOCK_TIMEOUT;
    loop {
        match sea_orm::Database::connect(options.clone()).await {
            Err(cause) if is_locked(&cause) && Instant::now() < give_up_at => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            connected => return connected,
        }
    }
}

pub(super) fn options(url: &str, connections: u32, patience: Duration) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(patience)
        // A ping before each use costs a round trip, of which one that was in use a moment ago has
        // no need; if it broke since, it fails its statement and is replaced.
        .test_before_acquire_if_idle_for(Duration::from_secs(1))
        .sqlx_logging(false);
    options
}

/// The purpose of a connection to SQLite.
pub(super) enum Access<'a> {
    Read,
    Write(&'a Arc<WriterState>),
    /// Reading by a connection that is never replaced: SQLite removes its log when the last one is
    /// closed.
    Probe,
}

pub(super) fn sqlite(
    url: &str,
    connections: u32,
    patience: Duration,
    access: Access<'_>,
    file: Option<&Arc<SqliteFile>>,
) -> ConnectOptions {
    let mut options = options(url, connections, patience);
    let is_writer = matches!(access, Access::Write(_));
    options.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL would leave the last commits to the system's memory, and a power cut would
            // lose changes that were reported as done. An import is one commit, and so none the
            // slower.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WRITE_LOCK_TIMEOUT)
            .statement_cache_capacity(200);
        if is_writer {
            // Deleted or replaced rows are overwritten in the file, since they may be data that a
            // person asked us to erase.
            sqlite.pragma("secure_delete", "ON").pragma("journal_size_limit", LOG_SIZE.to_string())
        } else {
            sqlite.pragma("query_only", "ON").row_buffer_size(ROW_BUFFER)
        }
    });
    let file = file.cloned();
    // A new connection that found another log than the others have would read and write nonsense.
    let check = move || file.as_ref().map_or(Ok(()), |file| file.check());
    match access {
        Access::Read => options.map_sqlx_sqlite_pool_opts(move |pool| {
            let check = check.clone();
            pool.after_connect(move |_, _| {
                let checked = check();
                Box::pin(async move { Ok(checked?) })
            })
        }),
        Access::Write(state) => {
            let state = Arc::clone(state);
            options.map_sqlx_sqlite_pool_opts(move |pool| state.guard_sqlite(pool, check.clone()))
        }
        Access::Probe => {
            options.map_sqlx_sqlite_pool_opts(|pool| pool.max_lifetime(None).idle_timeout(None))
        }
    };
    options
}
