//! The read replicas of a register on PostgreSQL, and the entries of the primary's trail that a
//! replica may end with.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::counter::Counter;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use tokio::sync::OnceCell;

use super::{
    meters::{Listener, Meters},
    replica::{Replica, ReplicaState},
    revision::LastEntry,
    servers::{Servers, urls},
    session::Session,
};
use crate::error::{Error, Result};

/// Maximum number of entries of which is remembered if the primary's trail has them.
const MAX_ENTRIES: usize = 1_000;

/// The read replicas.
#[derive(Debug)]
pub(super) struct Replicas {
    all: Vec<Arc<Replica>>,
    /// Queries that were sent to the primary.
    primary_reads: Counter,
    entries: Mutex<CheckedEntries>,
}

/// State of the read replicas, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStates {
    /// State of each replica.
    pub replicas: Vec<ReplicaState>,
    /// Number of queries that were sent to the primary.
    pub primary_reads: u64,
}

/// Last entries of replicas that the primary was asked for since its own last entry changed: the
/// primary's trail has them, or a statement is about to find that out. Another entry may mean
/// another primary, also behind the same address.
#[derive(Debug, Default)]
struct CheckedEntries {
    /// Position of the primary's last entry among those that were read.
    sequence: u64,
    known: BTreeMap<(i64, Arc<str>), Arc<OnceCell<bool>>>,
}

impl CheckedEntries {
    /// Returns the cell of an entry, which those who need it at the same time share. `last` is the
    /// last entry of the primary.
    fn cell(&mut self, last: &LastEntry, entry: &LastEntry) -> Arc<OnceCell<bool>> {
        if last.sequence > self.sequence || self.known.len() >= MAX_ENTRIES {
            (self.sequence, self.known) = (last.sequence.max(self.sequence), BTreeMap::new());
        }
        let key = (entry.revision, Arc::clone(&entry.hash));
        Arc::clone(self.known.entry(key).or_default())
    }

    /// Forgets an entry that the primary does not have: it may get it.
    fn forget(&mut self, entry: &LastEntry, cell: &Arc<OnceCell<bool>>) {
        let key = (entry.revision, Arc::clone(&entry.hash));
        if self.known.get(&key).is_some_and(|known| Arc::ptr_eq(known, cell)) {
            self.known.remove(&key);
        }
    }
}

impl Replicas {
    /// Opens the replicas of a session; `None` if it has none.
    ///
    /// # Errors
    /// INTERNAL if a URL can't be read.
    pub(super) async fn of_session(
        session: &Arc<Session>,
        meters: &Arc<Meters>,
        listener: Option<&Listener>,
    ) -> Result<Option<Arc<Self>>> {
        let Some(list) = &session.replica_urls else { return Ok(None) };
        let mut all = Vec::new();
        for url in urls(list.expose()) {
            let replica = Replica::open(Servers::parse(url, session)?, meters, listener).await?;
            all.push(Arc::new(replica));
        }
        if all.is_empty() {
            let words = "DATABASE_REPLICA_URLS has no URL of PostgreSQL";
            return Err(Error::internal(io::Error::other(words)));
        }
        let (primary_reads, entries) = (Counter::default(), Mutex::default());
        Ok(Some(Arc::new(Self { all, primary_reads, entries })))
    }

    /// Returns all replicas.
    pub(super) fn all(&self) -> &[Arc<Replica>] {
        &self.all
    }

    /// Returns the replicas in use, in the order in which a query of this subject asks them: the
    /// same for all its queries, so that they rarely read an earlier state than the one before.
    pub(super) fn in_use(&self, subject: &str) -> impl Iterator<Item = &Arc<Replica>> {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        let first = hasher.finish() % self.all.len() as u64;
        let (before, after) = self.all.split_at(usize::try_from(first).unwrap_or_default());
        after.iter().chain(before).filter(|replica| replica.is_in_use())
    }

    /// Counts a query that is sent to the primary.
    pub(super) fn note_primary_read(&self) {
        self.primary_reads.inc();
    }

    /// Returns the state of each.
    pub(super) fn states(&self) -> ReplicaStates {
        ReplicaStates {
            replicas: self.all.iter().map(|replica| replica.state()).collect(),
            primary_reads: self.primary_reads.get(),
        }
    }

    /// Returns `true` if the primary's trail has this entry. A replica has entries that the primary
    /// does not have if it still follows a lost primary, and for a moment while the primary waits
    /// for synchronous standbys. `last` is the last entry of the primary.
    pub(super) async fn has_entry(
        &self,
        primary: &DatabaseConnection,
        last: &LastEntry,
        entry: &LastEntry,
    ) -> std::result::Result<bool, DbErr> {
        if entry.revision == 0 {
            return Ok(true);
        }
        let cell = self.entries.lock().unwrap_or_else(PoisonError::into_inner).cell(last, entry);
        let has_it = *cell.get_or_try_init(|| is_in_trail(primary, entry)).await?;
        if !has_it {
            self.entries.lock().unwrap_or_else(PoisonError::into_inner).forget(entry, &cell);
        }
        Ok(has_it)
    }
}

/// Asks the primary if its trail has an entry.
async fn is_in_trail(
    primary: &DatabaseConnection,
    entry: &LastEntry,
) -> std::result::Result<bool, DbErr> {
    let select = format!("SELECT hash FROM audit_entry WHERE revision = {}", entry.revision);
    let select = Statement::from_string(primary.get_database_backend(), select);
    let hash: Option<String> = match primary.query_one_raw(select).await? {
        Some(row) => Some(row.try_get_by_index(0)?),
        None => None,
    };
    Ok(hash.as_deref() == Some(&*entry.hash))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;
    use tokio::time::timeout;

    use super::*;
    use crate::database::Database;

    fn entry(revision: i64, hash: &str, sequence: u64) -> LastEntry {
        LastEntry { revision, hash: hash.into(), sequence }
    }

    fn replicas() -> Replicas {
        Replicas { all: Vec::new(), primary_reads: Counter::default(), entries: Mutex::default() }
    }

    #[tokio::test]
    async fn an_entry_is_known_until_the_primary_has_another_last_one() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let Ok(db) = Database::connect(&url, None).await else { panic!("no connection") };
        let execute = async |sql: &str| {
            let done = db.writer.execute_unprepared(sql).await;
            done.unwrap_or_else(|error| panic!("{error}"));
        };
        let replicas = replicas();
        let has = async |sequence: u64, hash: &str| {
            let (last, own) = (entry(3, "c", sequence), entry(2, hash, 0));
            let found = replicas.has_entry(&db.reader, &last, &own).await;
            found.unwrap_or_else(|error| panic!("{error}"))
        };
        execute("CREATE TABLE audit_entry (revision INTEGER PRIMARY KEY, hash TEXT)").await;
        execute("INSERT INTO audit_entry VALUES (2, 'b')").await;
        assert!(has(1, "b").await && !has(1, "x").await);
        // Another server with the same address, whose last entry is another one.
        execute("UPDATE audit_entry SET hash = 'x'").await;
        assert!(has(1, "b").await, "it is known");
        assert!(!has(2, "b").await && has(2, "x").await);
        assert!(has(1, "x").await, "a query that began before keeps it");
        // What the primary does not have is not remembered.
        execute("UPDATE audit_entry SET hash = 'b'").await;
        assert!(has(2, "b").await);
    }

    #[tokio::test]
    async fn a_statement_delays_only_those_who_need_the_same_entry() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("register.db").display());
        let Ok(db) = Database::connect(&url, None).await else { panic!("no connection") };
        let create = "CREATE TABLE audit_entry (revision INTEGER PRIMARY KEY, hash TEXT)";
        let created = db.writer.execute_unprepared(create).await;
        created.unwrap_or_else(|error| panic!("{error}"));
        let (replicas, last) = (replicas(), entry(9, "i", 1));
        let [slow, other] = [entry(2, "b", 0), entry(3, "c", 0)];
        let cell = replicas.entries.lock().map(|mut entries| entries.cell(&last, &slow));
        let Ok(cell) = cell else { panic!("poisoned") };
        let mut asking = Box::pin(cell.get_or_init(std::future::pending::<bool>));
        assert!((&mut asking).now_or_never().is_none());
        let waiting = replicas.has_entry(&db.reader, &last, &slow);
        assert!(timeout(Duration::from_millis(50), waiting).await.is_err());
        let found = replicas.has_entry(&db.reader, &last, &other);
        let found = timeout(Duration::from_secs(10), found).await;
        assert!(matches!(found, Ok(Ok(false))), "{found:?}");
        // The next one asks if the first one no longer waits.
        drop(asking);
        let found = replicas.has_entry(&db.reader, &last, &slow).await;
        assert!(matches!(found, Ok(false)), "{found:?}");
    }
}
