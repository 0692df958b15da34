//! The last entry of the audit trail, read a single time for all requests that wait for it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};
use tokio::sync::Mutex;

use super::sqlite_file::SqliteFile;
use crate::error::{Error, Result};

/// The last entry of the audit trail, by which a reader recognizes the state of the register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEntry {
    /// Its revision; 0 for an empty trail.
    pub revision: i64,
    /// Its hash; empty for an empty trail. After a restored backup, or on another server that takes
    /// over, another entry may have the same revision.
    pub hash: Arc<str>,
    /// Position among the different last entries that this program has read, in order: a larger one
    /// was read later, even if its revision is lower.
    pub sequence: u64,
}

/// Reads the last entry of the trail through a connection of its own, which no query waits for.
#[derive(Debug)]
pub(super) struct RevisionReader {
    connection: DatabaseConnection,
    /// Files of a register on SQLite.
    file: Option<Arc<SqliteFile>>,
    /// Number of connections that were opened: SQLite counts its versions for each of them.
    opened: Arc<AtomicU64>,
    /// Number of reads that were begun.
    begun: AtomicU64,
    latest: Arc<Mutex<Latest>>,
}

/// Result of the latest read.
#[derive(Debug)]
struct Latest {
    /// Position of the read among all that were begun.
    number: u64,
    found: Result<LastEntry>,
    /// The entry that the latest successful read found.
    last: LastEntry,
    /// The connection and the version of the file that the entry belongs to, on SQLite.
    version: Option<(u64, i64)>,
}

impl RevisionReader {
    /// Creates a reader with this connection. `opened` counts the connections that its pool opens.
    pub(super) fn new(
        connection: DatabaseConnection,
        file: Option<Arc<SqliteFile>>,
        opened: Arc<AtomicU64>,
    ) -> Self {
        let last = LastEntry::default();
        let latest = Latest { number: 0, found: Ok(last.clone()), last, version: None };
        let latest = Arc::new(Mutex::new(latest));
        Self { connection, file, opened, begun: AtomicU64::new(0), latest }
    }

    /// Returns the connection.
    pub(super) fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Returns the result of a read that began after this call. A read that was begun is finished
    /// for those who wait for it, even if its caller no longer does.
    pub(super) async fn read(self: &Arc<Self>) -> Result<LastEntry> {
        let begun_before = self.begun.load(SeqCst);
        let mut latest = Arc::clone(&self.latest).lock_owned().await;
        // Another caller has begun and finished a read while this one waited for the lock.
        if latest.number > begun_before {
            return latest.found.clone();
        }
        let reader = Arc::clone(self);
        let reading = tokio::spawn(async move {
            let number = reader.begun.fetch_add(1, SeqCst) + 1;
            let found = reader.find(&latest).await;
            latest.number = number;
            (latest.found, latest.version) = match found {
                Ok((last, version)) => {
                    latest.last = last.clone();
                    (Ok(last), version)
                }
                Err(cause) => (Err(cause), None),
            };
            latest.found.clone()
        });
        reading.await.map_err(Error::internal)?
    }

    /// Reads the last entry, unless the version of the file is that of the known one.
    async fn find(&self, latest: &Latest) -> Result<(LastEntry, Option<(u64, i64)>)> {
        if let Some(file) = &self.file {
            file.check().map_err(Error::internal)?;
        }
        // A commit between the two statements gives the file another version, and a connection that
        // is opened meanwhile another number: then the next caller reads the entry again.
        let opened = self.opened.load(SeqCst);
        let version = match self.connection.get_database_backend() {
            DbBackend::Sqlite => {
                let row = self.first("PRAGMA data_version").await?;
                let missing = || Error::internal(std::io::Error::other("the file has no version"));
                Some((opened, row.ok_or_else(missing)?.try_get_by_index(0)?))
            }
            _ => None,
        };
        if version.is_some() && version == latest.version {
            return Ok((latest.last.clone(), version));
        }
        let select = "SELECT revision, hash FROM audit_entry ORDER BY revision DESC LIMIT 1";
        let (revision, hash): (i64, String) = match self.first(select).await? {
            Some(row) => (row.try_get_by_index(0)?, row.try_get_by_index(1)?),
            None => Default::default(),
        };
        let known = &latest.last;
        if revision == known.revision && *hash == *known.hash {
            return Ok((known.clone(), version));
        }
        Ok((LastEntry { revision, hash: hash.into(), sequence: known.sequence + 1 }, version))
    }

    async fn first(&self, sql: &str) -> Result<Option<QueryResult>> {
        let backend = self.connection.get_database_backend();
        Ok(self.connection.query_one_raw(Statement::from_string(backend, sql)).await?)
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
        assert!(own.last_entry().await.is_err(), "there is no trail yet");
        execute(&own, "CREATE TABLE audit_entry (revision INTEGER PRIMARY KEY, hash TEXT)").await;
        assert_eq!(own.last_entry().await.ok(), Some(LastEntry::default()));
        for revision in 1..50 {
            let writer = if revision % 2 == 0 { &own } else { &other };
            let insert = format!("INSERT INTO audit_entry VALUES ({revision}, 'hash {revision}')");
            execute(writer, &insert).await;
            let all = join_all((0..8).flat_map(|_| [own.last_entry(), other.last_entry()]));
            for found in all.await {
                let found = found.unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(found.revision, revision);
                assert_eq!(*found.hash, format!("hash {revision}"));
                assert_eq!(found.sequence, revision.unsigned_abs());
            }
        }
        // Those who wait while another reads share the next read.
        let reader = &own.revision_reader;
        let (begun, reading) = (reader.begun.load(SeqCst), reader.latest.lock().await);
        let mut waiting = Box::pin(join_all((0..16).map(|_| own.last_entry())));
        assert!((&mut waiting).now_or_never().is_none());
        drop(reading);
        let is_last = |found: Result<LastEntry>| found.is_ok_and(|found| found.revision == 49);
        assert!(waiting.await.into_iter().all(is_last));
        assert_eq!(reader.begun.load(SeqCst), begun + 1);
        // They do so even if the one who began it no longer waits.
        let reading = reader.latest.lock().await;
        let (mut first, mut second) = (Box::pin(own.last_entry()), Box::pin(own.last_entry()));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(reading);
        assert!((&mut first).now_or_never().is_none(), "it has begun");
        drop(first);
        assert!(is_last(second.await));
        assert_eq!(reader.begun.load(SeqCst), begun + 2);
    }

    #[tokio::test]
    async fn an_entry_after_a_restored_backup_is_a_later_one() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let Ok(db) = Database::connect(&url, None).await else { panic!("no connection") };
        execute(&db, "CREATE TABLE audit_entry (revision INTEGER PRIMARY KEY, hash TEXT)").await;
        let mut found = Vec::new();
        for change in [
            "INSERT INTO audit_entry VALUES (1, 'a'), (2, 'b')",
            // Of another table alone.
            "CREATE TABLE other (id INTEGER)",
            "DELETE FROM audit_entry WHERE revision = 2",
            "INSERT INTO audit_entry VALUES (2, 'c')",
            "DELETE FROM audit_entry",
        ] {
            execute(&db, change).await;
            let last = db.last_entry().await.unwrap_or_else(|error| panic!("{error}"));
            found.push((last.revision, last.hash.to_string(), last.sequence));
        }
        let expected = [(2, "b", 1), (2, "b", 1), (1, "a", 2), (2, "c", 3), (0, "", 4)];
        assert_eq!(found, expected.map(|(revision, hash, at)| (revision, hash.to_owned(), at)));
    }
}
