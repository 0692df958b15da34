//! The connections: readers, and one writer that only `audit` hands out.

mod connections;
mod maintenance;
mod migrate;
mod sqlite_file;
mod transaction;
mod write;
mod write_health;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use ::entity::partial::{Column, PartialRow};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    IsolationLevel, RuntimeErr, Statement, TransactionTrait, Value,
    sea_query::{ArrayType, Expr, ExprTrait, Func, PgFunc, SelectStatement, SimpleExpr},
    sqlx::{
        self, ConnectOptions as _, Connection,
        postgres::{PgConnectOptions, PgListener, PgPoolOptions},
    },
};
use tokio::sync::{Mutex, Semaphore, watch};
use uuid::Uuid;

pub use self::migrate::{
    Applied, Conversion, PROGRAM_TOO_OLD, Plan, RowRecorder, StepStatus, ensure_new_enough,
};
pub(crate) use self::write::busy;
use self::{
    connections::{Access, open, options, sqlite},
    sqlite_file::SqliteFile,
    transaction::WriterState,
    write_health::WriteHealth,
};
pub use self::{transaction::Transaction, write::BUSY};

use crate::{
    audit::{TrailHead, TrailKey, reads::Reads},
    clock::Clock,
    error::{Error, Result},
    idempotency::MutationField,
};

/// Is told of every statement as it is run.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// The register's database and clock. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    reader: DatabaseConnection,
    /// Reads for documents that cost much, so that those that cost little never wait for a
    /// connection behind them.
    dear_reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// Asks for the last revision, when every other connection is taken too, and keeps SQLite's
    /// log.
    probe: DatabaseConnection,
    /// Reads for readiness checks and metrics alone, so that neither waits for requests. Opened by
    /// the first check: a connection to PostgreSQL is woken by the runtime that opened it.
    monitor: DatabaseConnection,
    /// PostgreSQL's server, which one at a time asks whether it is there; none of a register on
    /// SQLite.
    server: Option<Arc<Mutex<PgConnectOptions>>>,
    /// Who writes takes it, in the order of coming: there is one connection to wait for, and a wait
    /// for that can't be told from a database that is away.
    permit: Arc<Semaphore>,
    /// State of the connection that writes: fit to be used or not.
    writer_state: Arc<WriterState>,
    /// Outcome of the last changes.
    health: Arc<WriteHealth>,
    /// Where a register on SQLite is; none on PostgreSQL.
    file: Option<Arc<SqliteFile>>,
    /// `true` when what a removed log of SQLite's held was moved into the register's file.
    is_log_saved: Arc<AtomicBool>,
    /// `true` while SQLite's log may hold what was erased.
    is_truncation_due: Arc<AtomicBool>,
    /// The last revision that is known to be committed, whoever wrote it.
    changed: watch::Sender<i64>,
    /// The mutation that writes through it; none for commands.
    pub(crate) mutation: Option<MutationField>,
    /// Who read contacts, until it is written.
    pub(crate) reads: Arc<Reads>,
    /// Signs what is written; nothing can be written without it.
    trail_key: Option<Arc<TrailKey>>,
    /// Records rows that an older trail does not tell of; `None` for a program that migrates no
    /// such register.
    row_recorder: Option<RowRecorder>,
    /// The end of the trail as this program last wrote or checked it.
    pub(crate) trail_head: Arc<TrailHead>,
    /// What time it is for this register.
    pub clock: Clock,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

/// Connections that read beside the one that writes, on SQLite and on PostgreSQL.
const READ_POOL_SIZE: (u32, u32) = (8, 16);

/// Connections that read for expensive documents, on SQLite and on PostgreSQL; opened when they are
/// needed.
const COSTLY_READ_POOL_SIZE: (u32, u32) = (4, 8);

/// Connections that read for readiness checks and metrics: one for each.
const MONITORS: u32 = 2;

/// How long a question waits for one of them: much longer than its request may take by default, so
/// that under load that limit decides.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a change waits for those before it in this program, and then for those of other
/// programs, before the register is called busy.
const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long whoever asks whether the database is ready waits for a connection to it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The channel on which writers on PostgreSQL wake those who follow the trail on other servers.
const CHANNEL: &str = "samregister";

/// How often the last revision is asked for: on SQLite, which tells nobody what other programs
/// write, and on PostgreSQL, where a wake-up may be lost on the way.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

impl Database {
    /// Connects to `url` (`sqlite://…` or `postgres://…`) without changing anything there.
    ///
    /// # Errors
    /// INTERNAL when the database can't be reached.
    pub async fn connect(url: &str, clock: Clock, listener: Option<Listener>) -> Result<Self> {
        let (is_sqlite, writer_state) =
            (url.starts_with("sqlite:"), Arc::new(WriterState::default()));
        let file = if is_sqlite { SqliteFile::of(url).map(Arc::new) } else { None };
        let (mut writer, reader, mut probe, mut monitor) = if is_sqlite {
            let by = |connections, patience, access| {
                sqlite(url, connections, patience, access, file.as_ref())
            };
            let (writer, reader) = (
                by(1, WRITE_LOCK_TIMEOUT, Access::Write(&writer_state)),
                by(READ_POOL_SIZE.0, ACQUIRE_TIMEOUT, Access::Read),
            );
            (
                writer,
                reader,
                by(1, CONNECT_TIMEOUT, Access::Probe),
                by(MONITORS, CONNECT_TIMEOUT, Access::Read),
            )
        } else {
            (
                options(url, 1, WRITE_LOCK_TIMEOUT),
                options(url, READ_POOL_SIZE.1, ACQUIRE_TIMEOUT),
                options(url, 1, CONNECT_TIMEOUT),
                options(url, MONITORS, CONNECT_TIMEOUT),
            )
        };
        writer_state.guard(&mut writer);
        // What broke while nobody looked says nothing of what is there now.
        probe.test_before_acquire(true);
        monitor.test_before_acquire(true).connect_lazy(true);
        sqlite_file::create_privately(url);
        // The writer comes first: it makes a file of SQLite's and sets its journal, which readers
        // can't.
        let mut writer = open(writer).await?;
        let mut dear_reader = reader.clone();
        dear_reader
            .max_connections(if is_sqlite {
                COSTLY_READ_POOL_SIZE.0
            } else {
                COSTLY_READ_POOL_SIZE.1
            })
            .connect_lazy(true);
        let mut reader = open(reader).await?;
        let mut dear_reader = open(dear_reader).await?;
        let probe = open(probe).await?;
        let monitor = open(monitor).await?;
        if let Some(listener) = listener {
            for connection in [&mut reader, &mut dear_reader, &mut writer] {
                let listener = Arc::clone(&listener);
                connection.set_metric_callback(move |info| listener(&info.statement.sql));
            }
        }
        if let Some(file) = &file {
            file.recognize();
        }
        let server = if is_sqlite {
            None
        } else {
            url.parse().ok().map(|server| Arc::new(Mutex::new(server)))
        };
        Ok(Self {
            reader,
            dear_reader,
            writer,
            probe,
            monitor,
            server,
            permit: Arc::new(Semaphore::new(1)),
            writer_state,
            health: Arc::default(),
            file,
            is_log_saved: Arc::default(),
            // A program that was killed may have left what it had erased.
            is_truncation_due: Arc::new(AtomicBool::new(is_sqlite)),
            changed: watch::Sender::new(0),
            mutation: None,
            reads: Arc::default(),
            trail_key: None,
            row_recorder: None,
            trail_head: Arc::default(),
            clock,
        })
    }

    /// Returns the same register for the rule of this mutation, whose change is committed with its
    /// outcome.
    #[must_use]
    pub fn for_mutation(&self, mutation: MutationField) -> Self {
        Self { mutation: Some(mutation), ..self.clone() }
    }

    /// The same register with the key that signs its trail, without which nothing can be written.
    #[must_use]
    pub fn with_trail_key(self, key: Arc<TrailKey>) -> Self {
        Self { trail_key: Some(key), ..self }
    }

    /// The same register with the function that records rows which an older audit trail does not
    /// tell of.
    #[must_use]
    pub fn with_row_recorder(self, record: RowRecorder) -> Self {
        Self { row_recorder: Some(record), ..self }
    }

    /// The key that signs the trail; `None` for a program that only reads.
    #[must_use]
    pub fn trail_key(&self) -> Option<&TrailKey> {
        self.trail_key.as_deref()
    }

    /// Checks that the database responds, has every migration and none that needs a newer program.
    /// Waits for no connection that requests use.
    ///
    /// # Errors
    /// CONFLICT with the reason `PROGRAM_TOO_OLD` when a newer program migrated it, INTERNAL when
    /// it is not ready for another reason.
    pub async fn check(&self) -> Result<()> {
        self.find()?;
        self.check_schema().await
    }

    /// Whether the database is there, however long it takes to answer: a server that is down can't
    /// be told from one with much to do by waiting for a connection, since the pool tries again and
    /// again.
    ///
    /// # Errors
    /// INTERNAL when nobody listens there, or the file is gone.
    pub async fn ping(&self) -> Result<()> {
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
        self.file.as_ref().map(|file| file.path().to_owned())
    }

    /// Checks that the files of a register on SQLite are those that were opened.
    ///
    /// # Errors
    /// INTERNAL until the register's file is back; when its log was removed, until the program is
    /// started again.
    pub fn find(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.check().map_err(Error::internal))
    }

    /// Says in the log when others than its owner may read the file of a register on SQLite, as one
    /// that was made by an older program.
    pub fn warn_of_shared_file(&self) {
        #[cfg(unix)]
        if let Some((file, mode)) = self.file.as_ref().and_then(|file| Some((file, file.shared()?)))
        {
            let file = file.path().display();
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

    /// Returns the same register for a document that costs much: it reads by connections of its
    /// own.
    #[must_use]
    pub fn for_dear_document(&self) -> Self {
        Self { reader: self.dear_reader.clone(), ..self.clone() }
    }

    /// Returns the same register for what is measured of it: it reads by the connections of
    /// readiness checks.
    #[must_use]
    pub fn for_monitoring(&self) -> Self {
        Self { reader: self.monitor.clone(), ..self.clone() }
    }

    /// A connection for reading.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// A transaction for reading alone, in which everything fits together whatever is written
    /// meanwhile.
    ///
    /// # Errors
    /// INTERNAL when the database fails.
    pub async fn snapshot(&self) -> Result<DatabaseTransaction> {
        // SQLite knows no levels: what a transaction has begun to read stays as it is.
        let level =
            (self.backend() == DbBackend::Postgres).then_some(IsolationLevel::RepeatableRead);
        let access = level.map(|_| AccessMode::ReadOnly);
        Ok(self.reader.begin_with_config(level, access).await?)
    }

    /// The last revision that is known to be committed, and every later one when it is. What comes
    /// before it can be read.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<i64> {
        self.changed.subscribe()
    }

    /// Lets everybody know who follows the trail in this program that it was committed as far as
    /// this.
    pub(crate) fn notify_local(&self, revision: i64) {
        self.changed.send_if_modified(|last| {
            let is_later = revision > *last;
            *last = Ord::max(revision, *last);
            is_later
        });
    }

    /// Lets other servers know of a revision when, and only if, it is committed.
    pub(crate) async fn notify_remote(&self, tx: &Transaction, revision: i64) -> Result<()> {
        if self.backend() == DbBackend::Postgres {
            tx.execute_unprepared(&format!("SELECT pg_notify('{CHANNEL}', '{revision}')")).await?;
        }
        Ok(())
    }

    /// Hears what others write, for as long as it is polled: other servers on PostgreSQL, other
    /// programs at the same file on SQLite.
    pub async fn listen(&self) {
        loop {
            let Err(cause) = self.listen().await;
            tracing::warn!(%cause, "changes of others are not heard of; trying again");
            tokio::time::sleep(POLL_INTERVALS.0).await;
        }
    }

    async fn listen(&self) -> std::result::Result<std::convert::Infallible, DbErr> {
        let Some(server) = &self.server else {
            loop {
                // Noticed soon, as long as no other program can have begun another log.
                if self.find().is_err() {
                    self.save_log().await;
                }
                self.truncate_if_due().await;
                self.catch_up().await?;
                tokio::time::sleep(POLL_INTERVALS.0).await;
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
            while let Ok(heard) = tokio::time::timeout(POLL_INTERVALS.1, listener.try_recv()).await
            {
                let Some(heard) = heard.map_err(lost)? else { break };
                self.notify_local(heard.payload().parse().unwrap_or_default());
            }
        }
    }

    async fn catch_up(&self) -> std::result::Result<(), DbErr> {
        let last = Statement::from_string(
            self.backend(),
            "SELECT COALESCE(MAX(revision), 0) FROM audit_entry",
        );
        if let Some(last) = self.probe.query_one_raw(last).await? {
            self.notify_local(last.try_get_by_index(0)?);
        }
        Ok(())
    }

    /// Closes every connection when nobody uses it any more.
    ///
    /// # Errors
    /// INTERNAL when a connection fails to close.
    pub async fn close(self) -> Result<()> {
        if let Some(file) = &self.file {
            file.close();
        }
        self.reader.close().await?;
        self.dear_reader.close().await?;
        self.writer.close().await?;
        self.monitor.close().await?;
        // The last: it holds what a removed log of SQLite's had.
        Ok(self.probe.close().await?)
    }
}

/// The rows of a statement that selects `columns` first, in this order.
///
/// # Errors
/// INTERNAL when the statement fails.
pub async fn rows<M: PartialRow>(
    db: &impl ConnectionTrait,
    select: &SelectStatement,
    columns: &[Column<M>],
) -> Result<Vec<M>> {
    let found = db.query_all(select).await?;
    Ok(found.iter().map(|row| M::read(row, columns)).collect::<std::result::Result<_, _>>()?)
}

/// Lets PostgreSQL look at what a transaction has written to a table, which it would go on reading
/// from end to end, as it planned to when that had no rows. SQLite plans by the indexes alone.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn analyze(tx: &impl ConnectionTrait, table: &str) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.execute_unprepared(&format!("ANALYZE {table}")).await?;
    }
    Ok(())
}

/// A number of things or öre, added up; zero over no rows. For what is bounded: [`total`] is for
/// sums of öre over any number of rows.
pub fn sum(of: SimpleExpr) -> SimpleExpr {
    // PostgreSQL sums big integers to a decimal.
    Expr::from(Func::coalesce([Func::sum(of).into(), Expr::cust("0")])).cast_as("bigint")
}

/// A sum of öre over any number of rows, read as a [`Total`](::entity::total::Total); zero over no
/// rows. A thousand amounts of 2^53 öre, which older registers hold, do not fit in 64 bits.
pub fn total(backend: DbBackend, of: SimpleExpr) -> SimpleExpr {
    match backend {
        // PostgreSQL sums big integers to a decimal.
        DbBackend::Postgres => Expr::cust_with_exprs("CAST(COALESCE(SUM($1), 0) AS text)", [of]),
        // SQLite fails when a sum leaves 64 bits, so high and low parts are summed apart.
        _ => Expr::cust_with_exprs(
            "COALESCE(SUM((?) >> 32), 0) || ':' || COALESCE(SUM((?) & 4294967295), 0)",
            [of.clone(), of],
        ),
    }
}

/// `column` is one of `ids`, as one bound value: the statement's text stays the same however many
/// there are, and so it is prepared once.
pub fn among<I: Into<Uuid>>(
    backend: DbBackend,
    column: impl Into<SimpleExpr>,
    ids: impl IntoIterator<Item = I>,
) -> SimpleExpr {
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
        column
            .into()
            .eq(PgFunc::any(Expr::val(Value::Array(ArrayType::String, Some(Box::new(words))))))
    } else {
        in_json(column, "SELECT value FROM json_each(?)", &words)
    }
}

fn in_json(column: impl Into<SimpleExpr>, select: &'static str, list: &[String]) -> SimpleExpr {
    let json = serde_json::Value::from(list).to_string();
    let values: SimpleExpr = Expr::cust_with_values(select, [json]);
    column.into().binary(sea_orm::sea_query::BinOper::In, values)
}
