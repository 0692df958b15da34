//! The connections: readers, and one writer that only `audit` hands out.

use std::{sync::Arc, time::Duration};

use ::entity::sparse::Sparse;
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait, IsolationLevel,
    TransactionTrait, Value,
    sea_query::{ArrayType, Expr, ExprTrait, PgFunc, Query, SelectStatement, SimpleExpr},
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use uuid::Uuid;

use crate::{
    clock::Clock,
    error::{Error, Result},
    search,
};

/// Is told of every statement as it is run.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// The register's database and clock. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    /// What time it is for this register.
    pub clock: Clock,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

/// Connections that read. SQLite reads in parallel with its one writer; PostgreSQL's pool serves both.
const READERS: u32 = 8;

impl Database {
    /// Connects to `url` (`sqlite://…` or `postgres://…`) without changing anything there.
    ///
    /// # Errors
    /// INTERNAL when the database can't be reached.
    pub async fn connect(url: &str, clock: Clock, listener: Option<Listener>) -> Result<Self> {
        let (mut reader, mut writer) = if url.starts_with("sqlite:") {
            // The writer comes first: it makes the file and sets the journal, which readers can't.
            let writer = sea_orm::Database::connect(sqlite(url, false)).await?;
            (sea_orm::Database::connect(sqlite(url, true)).await?, writer)
        } else {
            let pool = sea_orm::Database::connect(options(url, READERS * 2)).await?;
            (pool.clone(), pool)
        };
        if let Some(listener) = listener {
            for connection in [&mut reader, &mut writer] {
                let listener = Arc::clone(&listener);
                connection.set_metric_callback(move |info| listener(&info.statement.sql));
            }
        }
        Ok(Self { reader, writer, clock })
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// INTERNAL when a change fails; it is then not made.
    pub async fn migrate(&self) -> Result<()> {
        Migrator::up(&self.writer, None).await?;
        // What a change of the schema found in the register is searched for, too.
        let tx = self.writer.begin().await?;
        search::refresh(&tx).await?;
        tx.commit().await?;
        // PostgreSQL does it by itself, in time.
        if self.backend() == DbBackend::Sqlite { self.analyze().await } else { Ok(()) }
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

    /// Whether the database answers and has every change of the schema.
    ///
    /// # Errors
    /// INTERNAL when it does not.
    pub async fn check(&self) -> Result<()> {
        // The library's own look at the history would make its table when it is missing; a check changes nothing.
        let versions = Query::select().column("version").from("seaql_migrations").take();
        let applied: Vec<String> =
            self.reader.query_all(&versions).await?.iter().map(|row| row.try_get_by_index(0)).collect::<std::result::Result<_, _>>()?;
        let is_current = Migrator::migrations().iter().all(|change| applied.iter().any(|version| version == change.name()));
        if is_current { Ok(()) } else { Err(Error::internal(std::io::Error::other("the schema is not up to date"))) }
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

    /// The connection for writing; for `audit` alone, so that nothing is written without its entry.
    pub(crate) fn write(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Closes every connection when nobody uses it any more.
    ///
    /// # Errors
    /// INTERNAL when a connection fails to close.
    pub async fn close(self) -> Result<()> {
        let shared = self.backend() == DbBackend::Postgres;
        self.reader.close().await?;
        if !shared {
            self.writer.close().await?;
        }
        Ok(())
    }
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        // A ping before each use costs a round trip; a broken connection fails its statement and is replaced.
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

fn sqlite(url: &str, read_only: bool) -> ConnectOptions {
    let mut options = options(url, if read_only { READERS } else { 1 });
    options.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(200);
        if read_only { sqlite.pragma("query_only", "ON") } else { sqlite }
    });
    options
}

/// The rows of a statement that selects `columns` first, in this order.
///
/// # Errors
/// INTERNAL when the statement fails.
pub async fn rows<M: Sparse>(
    db: &impl ConnectionTrait,
    select: &SelectStatement,
    columns: &[<M::Entity as EntityTrait>::Column],
) -> Result<Vec<M>> {
    let found = db.query_all(select).await?;
    Ok(found.iter().map(|row| M::read(row, columns)).collect::<std::result::Result<_, _>>()?)
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
