//! The connections: readers, and one writer that only `audit` hands out.

mod migrate;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use ::entity::sparse::{Column, Sparse};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, QueryResult,
    RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
    sea_query::{ArrayType, Expr, ExprTrait, Func, PgFunc, SelectStatement, SimpleExpr},
    sqlx::{
        self, ConnectOptions as _, Connection,
        postgres::{PgConnectOptions, PgListener, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteError, SqliteJournalMode, SqliteSynchronous},
    },
};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};
use uuid::Uuid;

pub use self::migrate::{Applied, Conversion, PROGRAM_TOO_OLD, Plan, StepStatus};
use crate::{
    audit::reads::Reads,
    clock::Clock,
    error::{Error, Result},
    files,
    idempotency::MutationField,
};

/// Is told of every statement as it is run.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// The register's database and clock. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// Asks whether the database is ready, when every other connection is taken too.
    probe: DatabaseConnection,
    /// PostgreSQL's server, which one at a time asks whether it is there; none of a register on SQLite.
    server: Option<Arc<Mutex<PgConnectOptions>>>,
    /// Who writes takes it, in the order of coming: there is one connection to wait for, and a wait for that can't be told from a
    /// database that is away.
    turn: Arc<Semaphore>,
    /// Where a register on SQLite is; none on PostgreSQL.
    file: Option<Arc<File>>,
    /// The last revision that is known to be committed, whoever wrote it.
    changed: watch::Sender<i64>,
    /// The mutation that writes through it; none for commands.
    pub(crate) mutation: Option<MutationField>,
    /// Who read contacts, until it is written.
    pub(crate) reads: Arc<Reads>,
    /// What time it is for this register.
    pub clock: Clock,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

/// Connections that read beside the one that writes, on SQLite and on PostgreSQL.
const READERS: (u32, u32) = (8, 16);

/// How long a question waits for one of them: much longer than its request may take by default, so that under load that limit decides.
const LOAD: Duration = Duration::from_secs(60);

/// How long a change waits for those before it in this program, and then for those of other programs, before the register is called busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long whoever asks whether the database is ready waits for a connection to it.
const REACH: Duration = Duration::from_secs(5);

/// The channel on which writers on PostgreSQL wake those who follow the trail on other servers.
const CHANNEL: &str = "samregister";

/// How often the last revision is asked for: on SQLite, which tells nobody what other programs write, and on PostgreSQL, where a wake-up may
/// be lost on the way.
const ASKED: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Names the lock that writers on PostgreSQL take in turn, so that revisions and numbers have no gaps; SQLite has one writer anyway.
const WRITERS_LOCK: i64 = 0x5341_4d52_4547;

impl Database {
    /// Connects to `url` (`sqlite://…` or `postgres://…`) without changing anything there.
    ///
    /// # Errors
    /// INTERNAL when the database can't be reached.
    pub async fn connect(url: &str, clock: Clock, listener: Option<Listener>) -> Result<Self> {
        let (writer, reader, mut probe) = if url.starts_with("sqlite:") {
            (sqlite(url, 1, PATIENCE, false), sqlite(url, READERS.0, LOAD, true), sqlite(url, 1, REACH, true))
        } else {
            (options(url, 1, PATIENCE), options(url, READERS.1, LOAD), options(url, 1, REACH))
        };
        // What broke while nobody looked says nothing of what is there now.
        probe.test_before_acquire(true);
        create_privately(url);
        // The writer comes first: it makes a file of SQLite's and sets its journal, which readers can't.
        let mut writer = open(writer).await?;
        let mut reader = open(reader).await?;
        let probe = open(probe).await?;
        if let Some(listener) = listener {
            for connection in [&mut reader, &mut writer] {
                let listener = Arc::clone(&listener);
                connection.set_metric_callback(move |info| listener(&info.statement.sql));
            }
        }
        let (server, file) = if url.starts_with("sqlite:") {
            (None, File::of(url).map(Arc::new))
        } else {
            (url.parse().ok().map(|server| Arc::new(Mutex::new(server))), None)
        };
        let (turn, changed) = (Arc::new(Semaphore::new(1)), watch::Sender::new(0));
        Ok(Self { reader, writer, probe, server, turn, file, changed, mutation: None, reads: Arc::default(), clock })
    }

    /// Returns the same register for the rule of this mutation, whose change is committed with its outcome.
    #[must_use]
    pub fn for_mutation(&self, mutation: MutationField) -> Self {
        Self { mutation: Some(mutation), ..self.clone() }
    }

    /// Brings up to date what the database knows of its tables' contents, by which it chooses among indexes; worth its time after
    /// much was written.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn analyze(&self) -> Result<()> {
        // SQLite looks only at tables that have changed much.
        let statement = if self.backend() == DbBackend::Sqlite { "PRAGMA optimize=0x10002" } else { "ANALYZE" };
        self.writer.execute_unprepared(statement).await?;
        Ok(())
    }

    /// Lets go of what SQLite's journal still holds of rows as they were before they were written anew, unless somebody is reading them:
    /// then it goes with time. In its file nothing is left of them. PostgreSQL's VACUUM does the same by itself, in time.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn forget(&self) -> Result<()> {
        if self.backend() == DbBackend::Sqlite {
            self.writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        }
        Ok(())
    }

    /// Whether the database answers, has every change of the schema and none that needs a newer program, however many wait for a connection.
    ///
    /// # Errors
    /// CONFLICT with the reason `PROGRAM_TOO_OLD` when a newer program migrated it, INTERNAL when it is not ready for another reason.
    pub async fn check(&self) -> Result<()> {
        self.find()?;
        self.check_schema().await
    }

    /// Whether the database is there, however long it takes to answer: a server that is down can't be told from one with much to do by
    /// waiting for a connection, since the pool tries again and again.
    ///
    /// # Errors
    /// INTERNAL when nobody listens there, or the file is gone.
    pub async fn reach(&self) -> Result<()> {
        self.find()?;
        let Some(server) = &self.server else { return Ok(()) };
        match server.lock().await.connect().await {
            Ok(connection) => connection.close().await.map_err(Error::internal),
            // It is there; what it has to say, it says to those who wait too.
            Err(sqlx::Error::Database(_)) => Ok(()),
            Err(cause) => Err(Error::internal(cause)),
        }
    }

    /// The path of a register's file on SQLite; `None` on PostgreSQL.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| file.path.clone())
    }

    /// Whether the file of a register on SQLite is where it was: one that was moved, removed or replaced under the running program
    /// would still be read and written by the connections that have it open, and nobody would find again what they write.
    ///
    /// # Errors
    /// INTERNAL until it is back.
    pub fn find(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.find().map_err(Error::internal))
    }

    /// Says in the log when others than its owner may read the file of a register on SQLite, as one that was made by an older program.
    pub fn warn_of_shared_file(&self) {
        #[cfg(unix)]
        if let Some((file, mode)) = self.file.as_ref().and_then(|file| Some((file, file.shared()?))) {
            let file = file.path.display();
            tracing::warn!(
                "other users of this machine may read the register's file {file} (its mode is {mode:o}); chmod 600 keeps them out"
            );
        }
    }

    /// Which of the two databases it is.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.reader.get_database_backend()
    }

    /// A connection for reading.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// A transaction for reading alone, in which everything fits together whatever is written meanwhile.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction> {
        // SQLite knows no levels: what a transaction has begun to read stays as it is.
        let level = (self.backend() == DbBackend::Postgres).then_some(IsolationLevel::RepeatableRead);
        let access = level.map(|_| AccessMode::ReadOnly);
        Ok(self.reader.begin_with_config(level, access).await?)
    }

    /// What is broken in a register on SQLite: rows that refer to others that are not there, and the file itself. PostgreSQL never lets it
    /// come to that, and has none.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn breaches(&self) -> Result<Vec<String>> {
        if self.backend() == DbBackend::Postgres {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for row in self.pragma("PRAGMA foreign_key_check").await? {
            let (table, parent): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
            let id = row.try_get_by_index::<Option<i64>>(1)?.map_or_else(|| "?".to_owned(), |id| id.to_string());
            found.push(format!("table {table}: row {id} refers to a row of {parent} that is not there"));
        }
        for row in self.pragma("PRAGMA integrity_check").await? {
            let text: String = row.try_get_by_index(0)?;
            if text != "ok" {
                found.push(format!("database file: {text}"));
            }
        }
        Ok(found)
    }

    async fn pragma(&self, text: &str) -> Result<Vec<QueryResult>> {
        Ok(self.reader.query_all_raw(Statement::from_string(DbBackend::Sqlite, text)).await?)
    }

    /// A transaction for writing, begun when those who came before are done, and the turn, to be kept as long as it runs; for `audit`
    /// alone, so that nothing is written without its entry.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY when others write for too long, or `PROGRAM_TOO_OLD` when a newer program has migrated the register;
    /// INTERNAL when the database fails.
    pub(crate) async fn write(&self) -> Result<(DatabaseTransaction, OwnedSemaphorePermit)> {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turn).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(Error::internal)?;
        self.find()?;
        let options = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
        let tx = self.writer.begin_with_options(options).await.map_err(or_busy)?;
        if self.backend() == DbBackend::Postgres {
            let wait = PATIENCE.as_millis();
            let lock = format!("SET LOCAL lock_timeout = {wait}; SELECT pg_advisory_xact_lock({WRITERS_LOCK})");
            tx.execute_unprepared(&lock).await.map_err(or_busy)?;
        }
        self.check_program(&tx).await?;
        Ok((tx, turn))
    }

    /// The last revision that is known to be committed, and every later one when it is. What comes before it can be read.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<i64> {
        self.changed.subscribe()
    }

    /// Lets everybody know who follows the trail in this program that it was committed as far as this.
    pub(crate) fn tell(&self, revision: i64) {
        self.changed.send_if_modified(|last| {
            let is_later = revision > *last;
            *last = Ord::max(revision, *last);
            is_later
        });
    }

    /// Lets other servers know of a revision when, and only if, it is committed.
    pub(crate) async fn announce(&self, tx: &DatabaseTransaction, revision: i64) -> Result<()> {
        if self.backend() == DbBackend::Postgres {
            tx.execute_unprepared(&format!("SELECT pg_notify('{CHANNEL}', '{revision}')")).await?;
        }
        Ok(())
    }

    /// Hears what others write, for as long as it is polled: other servers on PostgreSQL, other programs at the same file on SQLite.
    pub async fn listen(&self) {
        loop {
            let Err(cause) = self.hear().await;
            tracing::warn!(%cause, "changes of others are not heard of; trying again");
            tokio::time::sleep(ASKED.0).await;
        }
    }

    async fn hear(&self) -> std::result::Result<std::convert::Infallible, DbErr> {
        let Some(server) = &self.server else {
            loop {
                self.catch_up().await?;
                tokio::time::sleep(ASKED.0).await;
            }
        };
        let lost = |cause| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(cause)));
        let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
        let pool = pool.connect_lazy_with(server.lock().await.clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(lost)?;
        listener.listen(CHANNEL).await.map_err(lost)?;
        loop {
            // Nobody was told of what was written before, or while the connection was lost.
            self.catch_up().await?;
            while let Ok(heard) = tokio::time::timeout(ASKED.1, listener.try_recv()).await {
                let Some(heard) = heard.map_err(lost)? else { break };
                self.tell(heard.payload().parse().unwrap_or_default());
            }
        }
    }

    async fn catch_up(&self) -> std::result::Result<(), DbErr> {
        let last = Statement::from_string(self.backend(), "SELECT COALESCE(MAX(revision), 0) FROM audit_entry");
        if let Some(last) = self.probe.query_one_raw(last).await? {
            self.tell(last.try_get_by_index(0)?);
        }
        Ok(())
    }

    /// Closes every connection when nobody uses it any more.
    ///
    /// # Errors
    /// INTERNAL when a connection fails to close.
    pub async fn close(self) -> Result<()> {
        self.probe.close().await?;
        self.reader.close().await?;
        Ok(self.writer.close().await?)
    }
}

/// Why a change was not begun: others write for too long.
pub const BUSY: &str = "BUSY";

/// The error of what was not begun since others write for too long.
pub(crate) fn busy() -> Error {
    Error::conflict(BUSY, "the register is busy with other changes and this one was not begun; try again in a while")
}

/// An error of the database, or what it says when another program holds the lock that writers take in turn.
fn or_busy(cause: DbErr) -> Error {
    if is_locked(&cause) { busy() } else { cause.into() }
}

/// Returns `true` if another program holds a lock that the statement waited for.
fn is_locked(cause: &DbErr) -> bool {
    let (DbErr::Conn(error) | DbErr::Exec(error) | DbErr::Query(error)) = cause else { return false };
    let RuntimeErr::SqlxError(error) = error else { return false };
    let Some(error) = error.as_database_error() else { return false };
    let code = error.code().unwrap_or_default();
    // PostgreSQL's lock_not_available; SQLite's SQLITE_BUSY in the lowest byte, with more in the others.
    match error.try_downcast_ref::<SqliteError>() {
        Some(_) => code.parse::<u32>().is_ok_and(|code| code & 0xff == 5),
        None => code == "55P03",
    }
}

/// The file of a register on SQLite, known by more than its name.
struct File {
    path: PathBuf,
    identity: Identity,
}

/// Creates the file of a register on SQLite that is to be made, for its owner alone; SQLite gives its other files the same rights, and says
/// itself what is wrong when it can't be created.
fn create_privately(url: &str) {
    let is_file = url.starts_with("sqlite:") && url.contains("mode=rwc") && !url.contains(":memory:") && !url.contains("mode=memory");
    if let Some(options) = url.parse::<SqliteConnectOptions>().ok().filter(|_| is_file) {
        drop(files::create_unless_there(options.get_filename()));
    }
}

/// What no other file of the machine has: its device and its number there.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

impl File {
    /// The file that `url` names, as it is now; none of a database in memory.
    fn of(url: &str) -> Option<Self> {
        let path = url.parse::<SqliteConnectOptions>().ok()?.get_filename().to_owned();
        let identity = identify(&path).ok()?;
        Some(Self { path, identity })
    }

    /// The rights that others than its owner have on the file, as `chmod` writes all of them; null when they have none.
    #[cfg(unix)]
    fn shared(&self) -> Option<u32> {
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&self.path).ok()?) & 0o777;
        Some(mode).filter(|mode| mode & 0o077 != 0)
    }

    fn find(&self) -> io::Result<()> {
        let trouble = match identify(&self.path) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Ok(_) => "another file stands in its place; put it back, or start again to use the other".to_owned(),
            Err(cause) => format!("{cause}; put it back"),
        };
        Err(io::Error::other(format!("the register's file {} is gone: {trouble}", self.path.display())))
    }
}

fn identify(path: &Path) -> io::Result<Identity> {
    let found = std::fs::metadata(path)?;
    #[cfg(unix)]
    return Ok((std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found)));
    #[cfg(not(unix))]
    return Ok(drop(found));
}

/// Connects, and tries again while another program that starts at the same time sets the journal of a new file: SQLite's busy timeout doesn't
/// wait for that lock.
async fn open(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        match sea_orm::Database::connect(options.clone()).await {
            Err(cause) if is_locked(&cause) && Instant::now() < give_up_at => tokio::time::sleep(Duration::from_millis(20)).await,
            connected => return connected,
        }
    }
}

fn options(url: &str, connections: u32, patience: Duration) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(patience)
        // A ping before each use costs a round trip, of which one that was in use a moment ago has no need; if it broke since, it fails
        // its statement and is replaced.
        .test_before_acquire_if_idle_for(Duration::from_secs(1))
        .sqlx_logging(false);
    options
}

fn sqlite(url: &str, connections: u32, patience: Duration, read_only: bool) -> ConnectOptions {
    let mut options = options(url, connections, patience);
    options.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .journal_mode(SqliteJournalMode::Wal)
            // NORMAL would leave the last commits to the system's memory, and a power cut takes back what was answered as done. An import
            // is one commit, and so none the slower.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .statement_cache_capacity(200);
        // What is deleted or written anew is overwritten in the file, since it may be what somebody asked us to erase.
        if read_only { sqlite.pragma("query_only", "ON") } else { sqlite.pragma("secure_delete", "ON") }
    });
    options
}

/// The rows of a statement that selects `columns` first, in this order.
///
/// # Errors
/// INTERNAL when the statement fails.
pub async fn rows<M: Sparse>(db: &impl ConnectionTrait, select: &SelectStatement, columns: &[Column<M>]) -> Result<Vec<M>> {
    let found = db.query_all(select).await?;
    Ok(found.iter().map(|row| M::read(row, columns)).collect::<std::result::Result<_, _>>()?)
}

/// Lets PostgreSQL look at what a transaction has written to a table, which it would go on reading from end to end, as it planned to when
/// that had no rows. SQLite plans by the indexes alone.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn look_at(tx: &DatabaseTransaction, table: &str) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("ANALYZE {table}")).await?;
    }
    Ok(())
}

/// A sum of öre that is nought over no rows.
pub fn sum(of: SimpleExpr) -> SimpleExpr {
    // PostgreSQL sums big integers to a decimal.
    Expr::from(Func::coalesce([Func::sum(of).into(), Expr::cust("0")])).cast_as("bigint")
}

/// `column` is one of `ids`, as one bound value: the statement's text stays the same however many there are, and so it is prepared once.
pub fn among<I: Into<Uuid>>(backend: DbBackend, column: impl Into<SimpleExpr>, ids: impl IntoIterator<Item = I>) -> SimpleExpr {
    let ids = ids.into_iter().map(Into::into);
    if backend == DbBackend::Postgres {
        let ids = ids.map(Value::from).collect();
        column.into().eq(PgFunc::any(Expr::val(Value::Array(ArrayType::Uuid, Some(Box::new(ids))))))
    } else {
        let list: Vec<String> = ids.map(|id: Uuid| id.simple().to_string()).collect();
        in_json(column, "SELECT unhex(value) FROM json_each(?)", &list)
    }
}

/// `column` is one of `words`, as one bound value.
pub fn among_words<'a>(
    backend: DbBackend,
    column: impl Into<SimpleExpr>,
    words: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
) -> SimpleExpr {
    let words: Vec<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
    if backend == DbBackend::Postgres {
        let words = words.into_iter().map(Value::from).collect();
        column.into().eq(PgFunc::any(Expr::val(Value::Array(ArrayType::String, Some(Box::new(words))))))
    } else {
        in_json(column, "SELECT value FROM json_each(?)", &words)
    }
}

fn in_json(column: impl Into<SimpleExpr>, select: &'static str, list: &[String]) -> SimpleExpr {
    let json = serde_json::Value::from(list).to_string();
    let values: SimpleExpr = Expr::cust_with_values(select, [json]);
    column.into().binary(sea_orm::sea_query::BinOper::In, values)
}
