//! The last committed revision, read a single time for all requests that wait for it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use tokio::sync::Mutex;

use crate::error::{Error, Result};

/// Reads the last committed revision through a connection of its own, which no query waits for.
#[derive(Debug)]
pub(super) struct RevisionReader {
    connection: DatabaseConnection,
    /// Number of connections that were opened: SQLite counts its versions for each of them.
    opened: Arc<AtomicU64>,
    /// Number of reads that were begun.
    begun: AtomicU64,
    latest: Mutex<Latest>,
}

/// Result of the latest read.
#[derive(Debug)]
struct Latest {
    /// Position of the read among all that were begun.
    number: u64,
    revision: Result<i64>,
    /// The connection and the version of the file that the revision belongs to, on SQLite.
    version: Option<(u64, i64)>,
}

impl RevisionReader {
    /// Creates a reader with this connection. `opened` counts the connections that its pool opens.
    pub(super) fn new(connection: DatabaseConnection, opened: Arc<AtomicU64>) -> Self {
        let latest = Latest { number: 0, revision: Ok(0), version: None };
        Self { connection, opened, begun: AtomicU64::new(0), latest: Mutex::new(latest) }
    }

    /// Returns the connection.
    pub(super) fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Returns the result of a read that began after this call. `check_file` fails if a file of the
    /// register is gone.
    pub(super) async fn read(&self, check_file: impl Fn() -> Result<()>) -> Result<i64> {
        let begun_before = self.begun.load(SeqCst);
        let mut latest = self.latest.lock().await;
        // Another caller has begun and finished a read while this one waited for the lock.
        if latest.number > begun_before {
            return latest.revision.clone();
        }
        let number = self.begun.fetch_add(1, SeqCst) + 1;
        let known = latest.revision.as_ref().ok().copied().zip(latest.version);
        let found = self.find(check_file, known).await;
        let (revision, version) = match found {
            Ok((revision, version)) => (Ok(revision), version),
            Err(cause) => (Err(cause), None),
        };
        *latest = Latest { number, revision: revision.clone(), version };
        revision
    }

    /// Reads the revision, unless the version of the file is that of the known one.
    async fn find(
        &self,
        check_file: impl Fn() -> Result<()>,
        known: Option<(i64, (u64, i64))>,
    ) -> Result<(i64, Option<(u64, i64)>)> {
        check_file()?;
        // A commit between the two statements gives the file another version, and a connection that
        // is opened meanwhile another number: then the next caller reads the revision again.
        let opened = self.opened.load(SeqCst);
        let version = match self.connection.get_database_backend() {
            DbBackend::Sqlite => Some((opened, self.first("PRAGMA data_version").await?)),
            _ => None,
        };
        match known {
            Some((revision, of)) if Some(of) == version => Ok((revision, version)),
            _ => {
                let last = "SELECT COALESCE(MAX(revision), 0) FROM audit_entry";
                Ok((self.first(last).await?, version))
            }
        }
    }

    async fn first(&self, sql: &str) -> Result<i64> {
        let backend = self.connection.get_database_backend();
        let row = self.connection.query_one_raw(Statement::from_string(backend, sql)).await?;
        let missing = || Error::internal(std::io::Error::other("the revision has no row"));
        Ok(row.ok_or_else(missing)?.try_get_by_index(0)?)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;
    use crate::database::Database;

    async fn execute(db: &Database, sql: &str) {
        db.writer.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{error}"));
    }

    #[tokio::test]
    async fn a_commit_is_seen_by_the_next_read_of_every_program() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let connect = async || Database::connect(&url, None).await;
        let (Ok(own), Ok(other)) = (connect().await, connect().await) else {
            panic!("no connection")
        };
        assert!(own.last_revision().await.is_err(), "there is no trail yet");
        execute(&own, "CREATE TABLE audit_entry (revision INTEGER PRIMARY KEY)").await;
        assert_eq!(own.last_revision().await.unwrap_or(-1), 0);
        for revision in 1..50 {
            let writer = if revision % 2 == 0 { &own } else { &other };
            execute(writer, &format!("INSERT INTO audit_entry VALUES ({revision})")).await;
            let all = join_all((0..8).flat_map(|_| [own.last_revision(), other.last_revision()]));
            for found in all.await {
                assert_eq!(found.unwrap_or(-1), revision);
            }
        }
        // Those who wait while another reads share the next read.
        let reader = &own.revision_reader;
        let (begun, reading) = (reader.begun.load(SeqCst), reader.latest.lock().await);
        let mut waiting = Box::pin(join_all((0..16).map(|_| own.last_revision())));
        assert!((&mut waiting).now_or_never().is_none());
        drop(reading);
        assert!(waiting.await.into_iter().all(|found| found.is_ok_and(|found| found == 49)));
        assert_eq!(reader.begun.load(SeqCst), begun + 1);
    }
}
