//! The read replicas of a register on PostgreSQL, and the entries of the primary's trail that a
//! replica may end with.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    sync::Arc,
};

use prometheus_client::metrics::counter::Counter;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use tokio::{sync::Mutex, time::Instant};

use super::{
    meters::{Listener, Meters},
    replica::{Replica, ReplicaState},
    revision::LastEntry,
    servers::{Servers, urls},
    session::Session,
};
use crate::error::{Error, Result};

/// Maximum number of entries that are remembered.
const MAX_ENTRIES: usize = 1_000;

/// The read replicas.
#[derive(Debug)]
pub(super) struct Replicas {
    all: Vec<Arc<Replica>>,
    /// Queries that were sent to the primary.
    primary_reads: Counter,
    trail: Mutex<KnownTrail>,
}

/// State of the read replicas, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaStates {
    /// State of each replica.
    pub replicas: Vec<ReplicaState>,
    /// Number of queries that were sent to the primary.
    pub primary_reads: u64,
}

/// What a trail is recognized by: the time since when the primary is the primary, and how often it
/// was found to be set back.
pub(super) type Epoch = (Option<Instant>, u64);

/// Entries of the primary's trail, by revision.
#[derive(Debug, Default)]
struct KnownTrail {
    epoch: Epoch,
    hashes: BTreeMap<i64, Arc<str>>,
}

impl KnownTrail {
    /// Returns `true` if the trail is known to have this entry. Forgets the entries of a trail that
    /// another primary had.
    fn has(&mut self, epoch: Epoch, entry: &LastEntry) -> bool {
        if self.epoch != epoch {
            (self.epoch, self.hashes) = (epoch, BTreeMap::new());
        }
        self.hashes.get(&entry.revision).is_some_and(|hash| *hash == entry.hash)
    }

    fn add(&mut self, entry: &LastEntry) {
        self.hashes.insert(entry.revision, Arc::clone(&entry.hash));
        if self.hashes.len() > MAX_ENTRIES {
            self.hashes.pop_first();
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
        Ok(Some(Arc::new(Self { all, primary_reads: Counter::default(), trail: Mutex::default() })))
    }

    /// Returns all replicas.
    pub(super) fn all(&self) -> &[Arc<Replica>] {
        &self.all
    }

    /// Returns the replicas in use, in the order in which a query of this subject asks them: the
    /// same for all its queries, which thus don't read an earlier state than the one before.
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
    /// for synchronous standbys.
    pub(super) async fn has_entry(
        &self,
        primary: &DatabaseConnection,
        epoch: Epoch,
        entry: &LastEntry,
    ) -> std::result::Result<bool, DbErr> {
        // Others that ask for the same entry wait, and find it.
        let mut trail = self.trail.lock().await;
        if entry.revision == 0 || trail.has(epoch, entry) {
            return Ok(true);
        }
        let select = format!("SELECT hash FROM audit_entry WHERE revision = {}", entry.revision);
        let select = Statement::from_string(primary.get_database_backend(), select);
        let hash: Option<String> = match primary.query_one_raw(select).await? {
            Some(row) => Some(row.try_get_by_index(0)?),
            None => None,
        };
        let is_known = hash.as_deref() == Some(&*entry.hash);
        if is_known {
            trail.add(entry);
        }
        Ok(is_known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(revision: i64, hash: &str) -> LastEntry {
        LastEntry { revision, hash: hash.into(), sequence: 0 }
    }

    #[test]
    fn entries_are_known_until_another_trail_begins() {
        let (mut trail, epoch) = (KnownTrail::default(), (Some(Instant::now()), 0));
        assert!(!trail.has(epoch, &entry(2, "b")));
        trail.add(&entry(2, "b"));
        assert!(trail.has(epoch, &entry(2, "b")) && !trail.has(epoch, &entry(2, "x")));
        assert!(!trail.has((epoch.0, 1), &entry(2, "b")), "the register was set back");
        for revision in 1..=2_000 {
            trail.add(&entry(revision, "h"));
        }
        let epoch = (epoch.0, 1);
        assert_eq!(trail.hashes.len(), MAX_ENTRIES);
        assert!(trail.has(epoch, &entry(2_000, "h")) && !trail.has(epoch, &entry(1_000, "h")));
    }
}
