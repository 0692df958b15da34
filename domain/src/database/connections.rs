//! Opens the connections: the writer, the readers, and the probe that checks whether the database
//! responds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::{
    busy::WRITE_LOCK_TIMEOUT,
    servers::Servers,
    session::{Plans, STATEMENTS},
    sqlite_file::SqliteFile,
    statements::is_locked,
    writer_state::WriterState,
};

/// Size to which SQLite truncates its write-ahead log, in bytes, when the database file holds all
/// of its content.
const LOG_SIZE: u32 = 16 << 20;

/// Rows that SQLite's thread reads ahead of the consumer. With fewer rows the two wait for each
/// other at every row.
const ROW_BUFFER: usize = 1000;

/// Connects, and retries while another program that starts at the same time sets the journal mode
/// of a new file: SQLite's busy timeout does not wait for that lock.
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

fn options(url: &str, connections: u32, acquire_timeout: Duration) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(connections).acquire_timeout(acquire_timeout).sqlx_logging(false);
    options
}

/// Returns the options of a pool on PostgreSQL.
pub(super) fn postgres(
    servers: &Arc<Servers>,
    connections: u32,
    acquire_timeout: Duration,
) -> ConnectOptions {
    let mut options = options(&servers.url, connections, acquire_timeout);
    let chosen = Arc::clone(servers);
    options.test_before_acquire(false).map_sqlx_postgres_opts(move |_| chosen.pooled());
    let chosen = Arc::clone(servers);
    options.map_sqlx_postgres_before_acquire(move |connection, used| {
        let servers = Arc::clone(&chosen);
        Box::pin(async move { servers.may_use(connection, used).await })
    });
    set_up(&mut options, servers, Plans::Auto);
    options
}

/// Makes a pool on PostgreSQL set up each new connection. A later call replaces an earlier one.
pub(super) fn set_up(options: &mut ConnectOptions, servers: &Arc<Servers>, plans: Plans) {
    let servers = Arc::clone(servers);
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let servers = Arc::clone(&servers);
        pool.after_connect(move |connection, _| {
            let servers = Arc::clone(&servers);
            Box::pin(async move {
                servers.session.set_up(connection, plans).await?;
                servers.expect_current(connection).await
            })
        })
    });
}

/// Purpose of a connection to SQLite.
pub(super) enum Access<'a> {
    Read,
    Write(&'a Arc<WriterState>),
    /// Reads of the revision. The number counts the connections that were opened.
    Revision(&'a Arc<AtomicU64>),
    /// Reads by a connection that is never replaced: SQLite removes its log when the last
    /// connection closes.
    Probe,
}

pub(super) fn sqlite(
    url: &str,
    connections: u32,
    acquire_timeout: Duration,
    access: Access<'_>,
    file: Option<&Arc<SqliteFile>>,
) -> ConnectOptions {
    let mut options = options(url, connections, acquire_timeout);
    // A ping before each use would take longer than a small statement.
    options.test_before_acquire_if_idle_for(Duration::from_secs(1));
    let is_writer = matches!(access, Access::Write(_));
    options.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL would leave the last commits in the system's memory, and a power cut would
            // lose changes that were reported as done. An import is one commit, so it is no slower.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WRITE_LOCK_TIMEOUT)
            .statement_cache_capacity(STATEMENTS);
        if is_writer {
            // Deleted or replaced rows are overwritten in the file, because they may be personal
            // data that a person asked to erase.
            sqlite.pragma("secure_delete", "ON").pragma("journal_size_limit", LOG_SIZE.to_string())
        } else {
            sqlite.pragma("query_only", "ON").row_buffer_size(ROW_BUFFER)
        }
    });
    let file = file.cloned();
    // A new connection that found another log than the other connections have would read and write
    // garbage.
    let check = move || file.as_ref().map_or(Ok(()), |file| file.check());
    match access {
        Access::Read => options.map_sqlx_sqlite_pool_opts(move |pool| {
            let check = check.clone();
            pool.after_connect(move |_, _| {
                let checked = check();
                Box::pin(async move { Ok(checked?) })
            })
        }),
        Access::Revision(opened) => {
            let opened = Arc::clone(opened);
            options.map_sqlx_sqlite_pool_opts(move |pool| {
                let (check, opened) = (check.clone(), Arc::clone(&opened));
                pool.after_connect(move |_, _| {
                    opened.fetch_add(1, SeqCst);
                    let checked = check();
                    Box::pin(async move { Ok(checked?) })
                })
            })
        }
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
