//! Metrics of the connection pools and the size of the database.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{
    Database,
    meters::{Meters, Readers},
    pool_state::{PoolState, Size, counts},
};
use crate::error::{Error, Result};

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
        let Some(waits) = self.meters.waits.get(self.readers as usize) else { return };
        let (most, _, in_use) = counts(&self.reader);
        if in_use >= most {
            waits.inc();
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

#[cfg(test)]
mod tests {
    use sea_orm::TransactionTrait;

    use super::*;

    #[tokio::test]
    async fn reads_of_the_revision_count_as_waits_of_no_pool() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let db = Database::connect(&url, None).await.unwrap();
        let waits = || db.pools().map(|pool| pool.waits);
        let revision = db.for_revision();
        let taken = revision.read().begin().await.unwrap();
        drop(revision.read().clone());
        assert_eq!(waits(), [Some(0), Some(0), Some(0), None]);
        drop(taken);
        let monitor = db.for_monitoring();
        let first = monitor.read().begin().await.unwrap();
        let second = monitor.read().begin().await.unwrap();
        drop(monitor.read().clone());
        assert_eq!(waits(), [Some(0), Some(0), Some(1), None]);
        drop((first, second));
    }
}
