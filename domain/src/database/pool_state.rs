//! State of a connection pool, and size of the database.

use sea_orm::{DatabaseConnection, DbBackend};

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

/// Returns the maximum, the number of open connections, and of those in use.
pub(super) fn counts(connection: &DatabaseConnection) -> (u32, u32, u32) {
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
