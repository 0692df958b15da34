//! Queries of a server that read from a replica: which one, and from which revision on.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    Database,
    replica::Replica,
    replicas::{ReplicaStates, Replicas},
    revision::LastEntry,
};

/// Time for which a query waits for a replica to reach the revision that it needs. Then the primary
/// is asked.
const WAIT_TIME: Duration = Duration::from_millis(200);

/// Time for which it waits while the primary does not answer.
const LOST_WAIT_TIME: Duration = Duration::from_secs(1);

/// Interval between reads of the last entries of replicas by a query that waits.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Interval between checks of the replicas.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Time limit of asking the primary for an entry or for the last one.
const PRIMARY_TIMEOUT: Duration = Duration::from_secs(1);

/// Time after which a replica may no longer have an entry that the primary does not have.
const CONFIRMATION_TIME: Duration = Duration::from_millis(500);

impl Database {
    /// Returns `true` if the register has read replicas.
    #[must_use]
    pub fn has_replicas(&self) -> bool {
        self.replicas.is_some()
    }

    /// Returns the state of the read replicas; `None` if the register has none.
    #[must_use]
    pub fn replica_states(&self) -> Option<ReplicaStates> {
        self.replicas.as_ref().map(|replicas| replicas.states())
    }

    /// Counts a query that is sent to the primary, if there are replicas.
    pub fn note_primary_read(&self) {
        if let Some(replicas) = &self.replicas {
            replicas.note_primary_read();
        }
    }

    /// Returns the register for a query of this subject that reads from a replica whose state has
    /// at least the revision `needed`, and the last entry of that state: what is read is as new as
    /// this entry, or newer. Waits briefly for replicas that lag. `None` if no replica is usable:
    /// then the primary must be asked.
    ///
    /// `last` is the last entry of the primary, read for the same query. Without it, as when the
    /// primary is lost, a replica that is in use is not checked to have its trail: it had it when
    /// the primary answered.
    pub async fn at_replica(
        &self,
        subject: &str,
        needed: i64,
        last: Option<&LastEntry>,
    ) -> Option<(Self, LastEntry)> {
        let replicas = self.replicas.as_ref()?;
        // No replica has what the primary does not have: the register was set back.
        if last.is_some_and(|last| last.revision < needed) {
            return None;
        }
        let time = if last.is_some() { WAIT_TIME } else { LOST_WAIT_TIME };
        let give_up_at = Instant::now() + time;
        let found = self.find_replica(replicas, subject, needed, last);
        timeout_at(give_up_at, found).await.ok().flatten()
    }

    /// Waits for a replica with at least the revision `needed`. `None` if none is in use.
    async fn find_replica(
        &self,
        replicas: &Replicas,
        subject: &str,
        needed: i64,
        last: Option<&LastEntry>,
    ) -> Option<(Self, LastEntry)> {
        loop {
            let mut is_any_in_use = false;
            for replica in replicas.in_use(subject) {
                let Some(entry) = replica.last_entry().await else { continue };
                is_any_in_use = true;
                if entry.revision < needed {
                    continue;
                }
                let is_usable = match last {
                    Some(last) => self.has_in_trail(replicas, &entry, last).await == Some(true),
                    None => true,
                };
                if is_usable {
                    replica.note_read();
                    return Some((self.reading_from(replica), entry));
                }
            }
            if !is_any_in_use {
                return None;
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Checks the replicas, for as long as it is polled: one that is dead, lags for long or follows
    /// another primary is left out, and is used again when it has returned.
    pub async fn follow_replicas(&self) {
        let Some(replicas) = &self.replicas else { return std::future::pending().await };
        loop {
            let last = timeout(PRIMARY_TIMEOUT, self.last_entry()).await;
            let last = last.ok().and_then(Result::ok);
            let checks = replicas.all().iter();
            join_all(checks.map(|replica| self.check_replica(replicas, replica, last.as_ref())))
                .await;
            sleep(CHECK_INTERVAL).await;
        }
    }

    async fn check_replica(
        &self,
        replicas: &Replicas,
        replica: &Replica,
        last: Option<&LastEntry>,
    ) {
        if let Some(last) = last {
            replica.note_last(last.revision);
        }
        let Some(entry) = replica.last_entry().await else { return };
        let Some(last) = last else {
            replica.note_unchecked(entry.revision);
            return;
        };
        let mut has_it = self.has_in_trail(replicas, &entry, last).await;
        if has_it == Some(false) {
            sleep(CONFIRMATION_TIME).await;
            has_it = self.has_in_trail(replicas, &entry, last).await;
        }
        match has_it {
            Some(true) => replica.note_checked(entry.revision, last.revision),
            Some(false) => replica.note_other_trail(),
            // The primary is busy, or was lost a moment ago.
            None => replica.note_unchecked(entry.revision),
        }
    }

    /// Returns `true` if the primary's trail, whose last entry is `last`, has the last entry of a
    /// replica; `None` if the primary does not answer in time. Waits for no connection that
    /// requests use.
    async fn has_in_trail(
        &self,
        replicas: &Replicas,
        entry: &LastEntry,
        last: &LastEntry,
    ) -> Option<bool> {
        if is_same(entry, last) {
            return Some(true);
        }
        let asked = replicas.has_entry(self.revision_reader.connection(), last, entry);
        timeout(PRIMARY_TIMEOUT, asked).await.ok()?.ok()
    }

    /// Returns the same register for queries that read from this replica.
    fn reading_from(&self, replica: &Replica) -> Self {
        Self {
            reader: replica.reader.clone(),
            costly_reader: replica.costly_reader.clone(),
            revision_reader: std::sync::Arc::clone(&replica.revision_reader),
            servers: Some(std::sync::Arc::clone(&replica.servers)),
            replicas: None,
            ..self.clone()
        }
    }
}

/// Returns `true` if two entries are the same entry of one trail.
fn is_same(one: &LastEntry, other: &LastEntry) -> bool {
    one.revision == other.revision && one.hash == other.hash
}
