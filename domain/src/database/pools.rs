//! State of the connection pools, and size of the database, for metrics.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use super::{Database, Meters};
use crate::error::{Error, Result};

/// State of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolState {
    /// What its connections are for: `read`, `expensive`, `monitor` or `write`.
    pub name: &'static str,
    /// Maximum number of connections.
    pub most: u32,
    /// Number of open connections.
    pub open: u32,
    /// Number of connections that statements use.
    pub in_use: u32,
    /// Number of reads that found each of its connections in use; `None` for the pool of the
    /// writer, whose queue is measured.
    pub waits: Option<u64>,
}

/// Size of a register, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Size of the database file, or of the database on PostgreSQL.
    pub database: u64,
    /// Size of SQLite's write-ahead log; `None` on PostgreSQL.
    pub log: Option<u64>,
}

/// Pools of readers, in the order of their counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    Requests = 0,
    Expensive = 1,
    Monitor = 2,
}

/// Returns the maximum, the number of open connections, and of those in use.
fn counts(connection: &DatabaseConnection) -> (u32, u32, u32) {
    let (most, open, idle) = match connection.get_database_backend() {
        DbBackend::Postgres => {
            let pool = connection.get_postgres_connection_pool();
            (pool.options().get_max_connections(), pool.size(), pool.num_idle())
        }
        _ => {
            let pool = connection.get_sqlite_connection_pool();
            (pool.options().get_max_connections(), pool.size(), pool.num_idle())
        }
    };
    (most, open, open.saturating_sub(u32::try_from(idle).unwrap_or(u32::MAX)))
}

impl Database {
    /// Returns the measurements of the connections.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Returns the state of each connection pool. The reader must be that of requests.
    #[must_use]
    pub fn pools(&self) -> [PoolState; 4] {
        let state = |name, connection, readers: Option<Readers>| {
            let (most, open, in_use) = counts(connection);
            let waits = readers.map(|readers| self.meters.waits[readers as usize].get());
            PoolState { name, most, open, in_use, waits }
        };
        [
            state("read", &self.reader, Some(Readers::Requests)),
            state("expensive", &self.costly_reader, Some(Readers::Expensive)),
            state("monitor", &self.monitor, Some(Readers::Monitor)),
            state("write", &self.writer, None),
        ]
    }

    /// Counts a read that finds each connection of its pool in use.
    pub(super) fn note_wait(&self) {
        let (most, _, in_use) = counts(&self.reader);
        if in_use >= most {
            self.meters.waits[self.readers as usize].inc();
        }
    }

    /// Returns the size of the register on disk.
    ///
    /// # Errors
    /// INTERNAL if it can't be read.
    pub async fn size(&self) -> Result<Size> {
        if self.backend() == DbBackend::Postgres {
            let sql = "SELECT pg_database_size(current_database())";
            let row = self.read().query_one_raw(Statement::from_string(self.backend(), sql));
            let size: i64 = match row.await? {
                Some(row) => row.try_get_by_index(0)?,
                None => 0,
            };
            return Ok(Size { database: size.unsigned_abs(), log: None });
        }
        let Some(path) = self.path() else { return Ok(Size { database: 0, log: Some(0) }) };
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let database = tokio::fs::metadata(&path).await.map_err(Error::internal)?.len();
        let log = tokio::fs::metadata(log).await.map_or(0, |found| found.len());
        Ok(Size { database, log: Some(log) })
    }
}
