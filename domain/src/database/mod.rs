//! Connections to the database: readers, and one writer that only `audit` uses.

mod announcement;
mod batch;
mod busy;
mod command_run;
mod command_runs;
mod committed;
mod common_commit;
mod connections;
mod copy;
mod history;
mod joined;
mod latest_series;
mod listening;
mod maintenance;
mod meters;
mod migrate;
mod part;
pub mod plan;
mod pool_state;
mod pools;
mod pooler;
mod primary;
pub(crate) mod private_copy;
mod replica;
pub mod replica_facts;
mod replica_reads;
mod replicas;
mod revision;
mod series;
mod servers;
mod session;
mod server_connection;
mod server_facts;
pub(crate) mod sql;
mod sqlite_file;
mod statements;
mod transaction;
mod usage;
mod write;
mod write_check;
mod write_health;
mod writer_state;
mod writers;

use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
    DbBackend, DbErr, IsolationLevel, Statement, TransactionTrait,
};
use tokio::{runtime::Handle, sync::watch};

pub(crate) use self::{
    batch::Batch,
    busy::{WRITE_LOCK_TIMEOUT, busy},
    common_commit::CommonCommit,
    part::Parts,
    series::LatestSeries,
    sql::{EACH, among_numbers, each, fixed_day, fixed_word},
    usage::note_rows,
    writers::Sharing,
};
pub use self::{
    command_run::{CommandRun, CommandRuns, RecordedCommand, last_check},
    committed::Committed,
    history::{Applied, StepStatus, ensure_new_enough},
    meters::{Listener, Meters, Observer},
    pool_state::{PoolState, Size},
    pooler::UnsupportedPooler,
    replica::ReplicaState,
    replicas::ReplicaStates,
    revision::LastEntry,
    server_connection::{ServerConnection, ServerVerification},
    servers::{are_readable, is_usable, urls},
    session::Session,
    sql::{among, among_words, analyze, rows, sum, total},
    transaction::Transaction,
    usage::Usage,
};
use self::{
    committed::{CheckedEnd, Continuity},
    connections::{Access, open, postgres, set_up, sqlite},
    meters::Readers,
    replicas::Replicas,
    revision::RevisionReader,
    servers::Servers,
    session::Plans,
    sqlite_file::SqliteFile,
    write_health::WriteHealth,
    writer_state::WriterState,
    writers::{SHARING_TIMES, Writers},
};
use crate::{
    audit::{pending_reads::Reads, signature::TrailKey, trail_head::TrailHead},
    error::{Error, Result},
};

/// Connections to the register's database, with the key that signs what they commit. Cheap to
/// clone.
#[derive(Clone)]
pub struct Database {
    reader: DatabaseConnection,
    /// The pool of the reader.
    readers: Readers,
    /// Reads for expensive documents, so that cheap ones never wait for a connection behind them.
    costly_reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// Reads the last revision, even when every other connection is in use, and prevents SQLite
    /// from removing its log.
    probe: DatabaseConnection,
    /// Reads for readiness checks and metrics only, so that neither waits for requests. Opened by
    /// the first check: a connection to PostgreSQL is woken by the runtime that opened it.
    monitor: DatabaseConnection,
    /// Reads the last entry for requests. Opened by the first of them.
    revision_reader: Arc<RevisionReader>,
    /// Servers of a register on PostgreSQL; `None` for one on SQLite.
    servers: Option<Arc<Servers>>,
    /// Read replicas of a register on PostgreSQL; `None` if it has none.
    replicas: Option<Arc<Replicas>>,
    /// Name and time limits of its sessions on PostgreSQL.
    session: Arc<Session>,
    /// The writers, in order of arrival.
    writers: Arc<Writers>,
    /// Time for which the first change of a transaction waits for others to join it.
    sharing_time: Duration,
    /// State of the writer's connection: fit to be used or not.
    writer_state: Arc<WriterState>,
    /// Outcome of the last changes.
    health: Arc<WriteHealth>,
    /// Measurements of the connections.
    meters: Arc<Meters>,
    /// Files of a register on SQLite; `None` on PostgreSQL.
    file: Option<Arc<SqliteFile>>,
    /// `true` if the content of a removed log of SQLite was moved into the database file.
    is_log_saved: Arc<AtomicBool>,
    /// `true` while SQLite's log may hold erased data.
    is_truncation_due: Arc<AtomicBool>,
    /// Last revision that is known to be committed, by this or another program.
    changed: watch::Sender<Committed>,
    /// The entry up to which the trail was checked to continue.
    checked_end: Arc<CheckedEnd>,
    /// Reads of contacts that are not written to the database yet.
    pub(crate) reads: Arc<Reads>,
    /// Signs audit entries; without it nothing can be written.
    trail_key: Option<Arc<TrailKey>>,
    /// Records rows that an older trail does not contain; `None` for a program that migrates no
    /// such register.
    row_recorder: Option<RowRecorder>,
    /// End of the trail as this program last wrote or checked it.
    pub(crate) trail_head: Arc<TrailHead>,
    /// Series of the latest numbers that this program found, by kind of document.
    latest_series: Arc<std::sync::Mutex<BTreeMap<&'static str, LatestSeries>>>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

/// Number of reading connections, on SQLite and on PostgreSQL.
const READ_POOL_SIZE: (u32, u32) = (8, 16);

/// Number of reading connections for expensive documents, on SQLite and on PostgreSQL; opened when
/// needed.
const COSTLY_READ_POOL_SIZE: (u32, u32) = (4, 8);

/// Number of reading connections for readiness checks and metrics: one for each.
const MONITOR_POOL_SIZE: u32 = 2;

/// Time limit for a query to get a connection. Much longer than the default time limit of a
/// request, so that under load the latter decides.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// Time limit for a readiness check to get a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the options of the writer, the readers, the probe, the monitor and the reader of the
/// revision on SQLite.
fn sqlite_options(
    url: &str,
    file: Option<&Arc<SqliteFile>>,
    writer_state: &Arc<WriterState>,
    opened: &Arc<AtomicU64>,
) -> [ConnectOptions; 5] {
    [
        sqlite(url, 1, WRITE_LOCK_TIMEOUT, Access::Write(writer_state), file),
        sqlite(url, READ_POOL_SIZE.0, ACQUIRE_TIMEOUT, Access::Read, file),
        sqlite(url, 1, CONNECT_TIMEOUT, Access::Probe, file),
        sqlite(url, MONITOR_POOL_SIZE, CONNECT_TIMEOUT, Access::Read, file),
        sqlite(url, 1, CONNECT_TIMEOUT, Access::Revision(opened), file),
    ]
}

/// Returns the options of the writer, the readers, the probe, the monitor and the reader of the
/// revision on PostgreSQL.
fn postgres_options(servers: &Arc<Servers>) -> [ConnectOptions; 5] {
    [
        postgres(servers, 1, WRITE_LOCK_TIMEOUT),
        postgres(servers, READ_POOL_SIZE.1, ACQUIRE_TIMEOUT),
        postgres(servers, 1, CONNECT_TIMEOUT),
        postgres(servers, MONITOR_POOL_SIZE, CONNECT_TIMEOUT),
        postgres(servers, 1, CONNECT_TIMEOUT),
    ]
}

/// Returns the options of readers for expensive documents, from those of other readers.
fn costly(reader: &ConnectOptions, is_sqlite: bool) -> ConnectOptions {
    let mut options = reader.clone();
    let (on_sqlite, on_postgres) = COSTLY_READ_POOL_SIZE;
    options.max_connections(if is_sqlite { on_sqlite } else { on_postgres }).connect_lazy(true);
    options
}

impl Database {
    /// Connects to `url` (`sqlite://…`, `postgres://…` or a list of the latter) without changing
    /// anything there, with the sessions of a command.
    ///
    /// # Errors
    /// INTERNAL if the database can't be reached.
    pub async fn connect(url: &str, listener: Option<Listener>) -> Result<Self> {
        Self::connect_as(Session::default(), url, listener).await
    }

    /// Connects as [`Database::connect`] does; on PostgreSQL with these sessions.
    ///
    /// # Errors
    /// INTERNAL if the database can't be reached.
    pub async fn connect_as(
        session: Session,
        url: &str,
        listener: Option<Listener>,
    ) -> Result<Self> {
        let session = Arc::new(session);
        let (is_sqlite, writer_state) =
            (url.starts_with("sqlite:"), Arc::new(WriterState::default()));
        let file = if is_sqlite { SqliteFile::of(url).map(Arc::new) } else { None };
        let opened = Arc::default();
        let servers = if is_sqlite { None } else { Some(Servers::of_register(url, &session)?) };
        let servers = servers.map(Arc::new);
        let [mut writer, mut reader, mut probe, mut monitor, mut revision] = match &servers {
            None => sqlite_options(url, file.as_ref(), &writer_state, &opened),
            Some(servers) => {
                servers.find().await?;
                postgres_options(servers)
            }
        };
        writer_state.guard(&mut writer, servers.as_ref());
        // A connection that broke while unused says nothing about the database now.
        probe.test_before_acquire(true);
        monitor.test_before_acquire(true).connect_lazy(true);
        revision.connect_lazy(true);
        sqlite_file::create_privately(url);
        // The writer connects first: it creates the SQLite file and sets its journal mode, which
        // readers can't.
        let mut writer = open(writer).await?;
        let costly_reader = costly(&reader, is_sqlite);
        // Expensive documents gain nothing by plans that are made once, and may lose by them.
        if let Some(servers) = &servers {
            set_up(&mut reader, servers, Plans::Once);
        }
        let mut reader = open(reader).await?;
        let mut costly_reader = open(costly_reader).await?;
        let probe = open(probe).await?;
        let mut monitor = open(monitor).await?;
        if let Some(servers) = &servers {
            servers.is_pooled.store(pooler::is_pooled(&writer, &probe).await?, SeqCst);
        }
        let revision_reader = RevisionReader::new(open(revision).await?, file.clone(), opened);
        let meters = Arc::<Meters>::default();
        for connection in [&mut reader, &mut costly_reader, &mut writer] {
            meters.measure(connection, listener.clone());
        }
        meters.measure(&mut monitor, None);
        let replicas = Replicas::of_session(&session, &meters, listener.as_ref()).await?;
        if let Some(file) = &file {
            file.recognize();
        }
        Ok(Self {
            reader,
            readers: Readers::Requests,
            costly_reader,
            writer,
            probe,
            monitor,
            revision_reader: Arc::new(revision_reader),
            writers: Arc::new(Writers::new(Handle::current(), Arc::clone(&meters))),
            servers,
            replicas,
            session,
            sharing_time: if is_sqlite { SHARING_TIMES.0 } else { SHARING_TIMES.1 },
            writer_state,
            health: Arc::default(),
            meters,
            file,
            is_log_saved: Arc::default(),
            // A program that was killed may have left erased data in the log.
            is_truncation_due: Arc::new(AtomicBool::new(is_sqlite)),
            changed: watch::Sender::default(),
            checked_end: Arc::default(),
            reads: Arc::default(),
            trail_key: None,
            row_recorder: None,
            trail_head: Arc::default(),
            latest_series: Arc::default(),
        })
    }

    /// Returns the same register with the key that signs its trail, without which nothing can be
    /// written.
    #[must_use]
    pub fn with_trail_key(self, key: Arc<TrailKey>) -> Self {
        Self { trail_key: Some(key), ..self }
    }

    /// Returns the same register with the function that records rows which an older audit trail
    /// does not contain.
    #[must_use]
    pub fn with_row_recorder(self, record: RowRecorder) -> Self {
        Self { row_recorder: Some(record), ..self }
    }

    /// Returns the key that signs the trail; `None` for a program that only reads.
    #[must_use]
    pub fn trail_key(&self) -> Option<&TrailKey> {
        self.trail_key.as_deref()
    }

    /// Checks that the database responds, has every migration and none that needs a newer program.
    /// Waits for no connection that requests use.
    ///
    /// # Errors
    /// CONFLICT with the reason `PROGRAM_TOO_OLD` if a newer program migrated it, INTERNAL if it is
    /// not ready for another reason.
    pub async fn check(&self) -> Result<()> {
        self.check_file()?;
        self.check_schema().await
    }

    /// Returns the path of a register's file on SQLite; `None` on PostgreSQL.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| file.path().to_owned())
    }

    /// Checks that the files of a register on SQLite are those that were opened.
    ///
    /// # Errors
    /// INTERNAL until the database file is back; if its log was removed, until the program is
    /// restarted.
    pub fn check_file(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.check().map_err(Error::internal))
    }

    /// Returns the last entry of the trail that was committed, by this or another program, when
    /// this was called. Concurrent callers share a read that begins after all their calls, and is
    /// finished even if they no longer wait. A listener does not get its statement.
    ///
    /// # Errors
    /// INTERNAL if the database can't be read, or a file of a register on SQLite is gone.
    pub async fn last_entry(&self) -> Result<LastEntry> {
        self.revision_reader.read().await
    }

    /// Returns the same register for reading what changes with the revision: it reads through the
    /// connection of [`Database::last_entry`].
    #[must_use]
    pub(crate) fn for_revision(&self) -> Self {
        let reader = self.revision_reader.connection().clone();
        Self { reader, readers: Readers::Revision, ..self.clone() }
    }

    /// Logs a warning if other users than its owner may read the file of a register on SQLite, as
    /// one that an older program created.
    pub fn warn_of_shared_file(&self) {
        #[cfg(unix)]
        if let Some((file, mode)) = self.file.as_ref().and_then(|file| Some((file, file.shared()?)))
        {
            let file = file.path().display();
            tracing::warn!(
                "other users of this machine may read the register's file {file} (its mode is {mode:o}); run chmod 600 on it"
            );
        }
    }

    /// Returns the kind of database.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.reader.get_database_backend()
    }

    /// Returns the same register for an expensive document: it reads through separate connections.
    #[must_use]
    pub fn for_costly_document(&self) -> Self {
        let reader = self.costly_reader.clone();
        Self { reader, readers: Readers::Expensive, ..self.clone() }
    }

    /// Returns the same register for metrics: it reads through the connections of readiness checks.
    #[must_use]
    pub fn for_monitoring(&self) -> Self {
        Self { reader: self.monitor.clone(), readers: Readers::Monitor, ..self.clone() }
    }

    /// Returns a connection for reading.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        self.note_wait();
        &self.reader
    }

    /// Begins a read-only transaction with a consistent snapshot, unaffected by concurrent writes.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction> {
        // SQLite has no isolation levels: every transaction reads from one snapshot.
        let level =
            (self.backend() == DbBackend::Postgres).then_some(IsolationLevel::RepeatableRead);
        let access = level.map(|_| AccessMode::ReadOnly);
        Ok(self.read().begin_with_config(level, access).await?)
    }

    /// Returns a receiver of the last revision that is known to be committed.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<Committed> {
        self.changed.subscribe()
    }

    /// Returns the last revision that is known to be committed, without asking the database.
    #[must_use]
    pub fn known_revision(&self) -> i64 {
        self.changed.borrow().revision
    }

    /// Notifies all subscribers in this program that the trail was committed up to this revision.
    pub(crate) fn notify_local(&self, revision: i64) {
        self.changed.send_if_modified(|last| last.advance(revision));
    }

    /// Reads the last entry, checks that the trail still has the one that was checked before, and
    /// notifies all subscribers in this program. Returns the last revision.
    pub(crate) async fn check_end(
        &self,
        connection: &impl ConnectionTrait,
    ) -> std::result::Result<i64, DbErr> {
        loop {
            let before = self.checked_end.get();
            let select = format!(
                "SELECT revision, hash, (SELECT hash FROM audit_entry WHERE revision = {}) AS known FROM audit_entry ORDER BY revision DESC LIMIT 1",
                before.0
            );
            let select = Statement::from_string(self.backend(), select);
            let (revision, hash, known): (i64, String, Option<String>) = match connection
                .query_one_raw(select)
                .await?
            {
                Some(row) => {
                    (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?)
                }
                None => Default::default(),
            };
            match self.checked_end.replace(&before, (revision, hash), known.as_deref()) {
                Continuity::Continues => {
                    self.notify_local(revision);
                    return Ok(revision);
                }
                Continuity::Restored => {
                    self.changed.send_modify(|last| last.restore(revision));
                    tracing::warn!(
                        "the audit trail continues from an earlier revision than {}, which it has lost; its last one is {revision}",
                        before.0
                    );
                }
                Continuity::Outdated => {}
            }
            // What was committed and notified meanwhile is read.
        }
    }

    /// Closes every connection when it is no longer in use.
    ///
    /// # Errors
    /// INTERNAL if a connection fails to close.
    pub async fn close(self) -> Result<()> {
        // Commits changes that wait for their common commit.
        drop(self.acquire_alone(Some(WRITE_LOCK_TIMEOUT)).await);
        if let Some(file) = &self.file {
            file.close();
        }
        self.reader.close().await?;
        self.costly_reader.close().await?;
        self.writer.close().await?;
        self.monitor.close().await?;
        self.revision_reader.connection().clone().close().await?;
        for replica in self.replicas.iter().flat_map(|replicas| replicas.all()) {
            for connection in replica.connections() {
                connection.clone().close().await?;
            }
        }
        // Last, because it holds the content of a removed log of SQLite.
        Ok(self.probe.close().await?)
    }
}

/// Records rows that an older audit trail does not contain, within the transaction of its step.
pub type RowRecorder =
    for<'a> fn(&'a Database, &'a DatabaseTransaction, DateTime<Utc>) -> BoxFuture<'a, Result<()>>;
