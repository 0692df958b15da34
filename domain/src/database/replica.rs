//! A read replica of a register on PostgreSQL: its connections, and whether it is in use.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use prometheus_client::metrics::counter::Counter;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::time::{Instant, timeout};

use super::{
    connections::{open, postgres, set_up},
    meters::{Listener, Meters},
    revision::{LastEntry, RevisionReader},
    servers::Servers,
    session::Plans,
};

/// Maximum number of connections to a replica: for queries, and for expensive documents.
const POOL_SIZES: (u32, u32) = (16, 8);

/// Time limit of a query to get a connection, and that of the read of the last entry.
const ACQUIRE_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(5));

/// Time limit for a replica to return its last entry. One that takes longer is left out.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

/// Time for which a replica may lack a revision of the primary that a check has found there. The
/// checks find it, and leave the replica out, a second or two later.
const MAX_LAG: Duration = Duration::from_secs(8);

/// Maximum number of missing revisions that are remembered.
const MAX_MISSING: usize = 64;

/// State of a replica, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// Its address, as `db2.example.se:5432`.
    pub server: String,
    /// `true` if queries are sent to it.
    pub is_in_use: bool,
    /// Number of queries that were sent to it.
    pub reads: u64,
    /// Number of revisions of the primary that it lacked when both were last checked; `None` if it
    /// has not answered since, or its audit trail is not that of the primary.
    pub lag: Option<u64>,
}

/// A read replica.
#[derive(Debug)]
pub(super) struct Replica {
    /// The server, as the only one of its list.
    pub(super) servers: Arc<Servers>,
    /// Its address, for the log and for metrics.
    address: String,
    pub(super) reader: DatabaseConnection,
    pub(super) costly_reader: DatabaseConnection,
    pub(super) revision_reader: Arc<RevisionReader>,
    is_in_use: AtomicBool,
    /// `true` if the primary's trail had its last entry when both were last compared.
    has_its_trail: AtomicBool,
    /// Number of missing revisions at the last check; negative if that is not known.
    lag: AtomicI64,
    reads: Counter,
    missing: Mutex<Missing>,
}

/// Revisions of the primary that a replica must reach.
#[derive(Debug)]
struct Missing {
    /// Each with the time since when the primary is known to have it; later ones are larger.
    revisions: VecDeque<(i64, Instant)>,
    /// Time of the last check in which the primary returned its last revision.
    checked_at: Instant,
}

impl Missing {
    /// Records the last revision of the primary.
    fn note_last(&mut self, last: i64, now: Instant) {
        self.checked_at = now;
        // The register may have been set back.
        while self.revisions.back().is_some_and(|(revision, _)| *revision > last) {
            self.revisions.pop_back();
        }
        if self.revisions.back().is_some_and(|(revision, _)| *revision == last) {
            return;
        }
        if self.revisions.len() < MAX_MISSING {
            self.revisions.push_back((last, now));
        } else if let Some((revision, _)) = self.revisions.back_mut() {
            // Keeps the earlier time, so that the replica has less time to reach it.
            *revision = last;
        }
    }

    /// Returns `true` unless a replica with this revision lacks one that the primary had for long
    /// when it was last checked: a primary that does not answer makes no replica older or newer.
    fn is_near(&mut self, own: i64) -> bool {
        while self.revisions.front().is_some_and(|(revision, _)| *revision <= own) {
            self.revisions.pop_front();
        }
        let is_short = |since: Instant| self.checked_at.duration_since(since) <= MAX_LAG;
        self.revisions.front().is_none_or(|(_, since)| is_short(*since))
    }
}

impl Replica {
    /// Opens the pools of a replica. No connection is made yet, so that a dead replica delays no
    /// start.
    pub(super) async fn open(
        servers: Servers,
        meters: &Arc<Meters>,
        listener: Option<&Listener>,
    ) -> Result<Self, DbErr> {
        let servers = Arc::new(servers);
        let mut reader = postgres(&servers, POOL_SIZES.0, ACQUIRE_TIMEOUTS.0);
        set_up(&mut reader, &servers, Plans::Once);
        let mut costly_reader = postgres(&servers, POOL_SIZES.1, ACQUIRE_TIMEOUTS.0);
        let mut revision = postgres(&servers, 1, ACQUIRE_TIMEOUTS.1);
        for options in [&mut reader, &mut costly_reader, &mut revision] {
            options.connect_lazy(true);
        }
        let (mut reader, mut costly_reader) = (open(reader).await?, open(costly_reader).await?);
        for connection in [&mut reader, &mut costly_reader] {
            meters.measure(connection, listener.cloned());
        }
        let revision_reader = RevisionReader::new(open(revision).await?, None, Arc::default());
        let server = servers.primary();
        Ok(Self {
            address: format!("{}:{}", server.get_host(), server.get_port()),
            servers,
            reader,
            costly_reader,
            revision_reader: Arc::new(revision_reader),
            is_in_use: AtomicBool::new(false),
            has_its_trail: AtomicBool::new(false),
            lag: AtomicI64::new(-1),
            reads: Counter::default(),
            missing: Mutex::new(Missing { revisions: VecDeque::new(), checked_at: Instant::now() }),
        })
    }

    /// `true` if queries are sent to it.
    pub(super) fn is_in_use(&self) -> bool {
        self.is_in_use.load(SeqCst)
    }

    /// Returns its state.
    pub(super) fn state(&self) -> ReplicaState {
        ReplicaState {
            server: self.address.clone(),
            is_in_use: self.is_in_use(),
            reads: self.reads.get(),
            lag: u64::try_from(self.lag.load(SeqCst)).ok(),
        }
    }

    /// Counts a query that is sent to it.
    pub(super) fn note_read(&self) {
        self.reads.inc();
    }

    /// Returns its last entry. Leaves it out if it does not return it in time.
    pub(super) async fn last_entry(&self) -> Option<LastEntry> {
        let problem = match timeout(READ_TIMEOUT, self.revision_reader.read()).await {
            Ok(Ok(entry)) => return Some(entry),
            Ok(Err(error)) => format!("{error:?}"),
            Err(_) => "it does not answer in time".to_owned(),
        };
        self.lag.store(-1, SeqCst);
        self.leave_out(&problem);
        None
    }

    /// Sends no more queries to it until a check finds its last entry in the trail of the primary.
    pub(super) fn note_other_trail(&self) {
        self.has_its_trail.store(false, SeqCst);
        self.lag.store(-1, SeqCst);
        self.leave_out("its audit trail is not that of the primary");
    }

    /// Records the last revision of the primary, which this replica must reach.
    pub(super) fn note_last(&self, last: i64) {
        self.note_last_at(last, Instant::now());
    }

    /// Sends queries to it, as its trail is that of the primary, unless it lacks a revision that
    /// the primary has had for long. `last` is the last revision of the primary, which was noted.
    pub(super) fn note_checked(&self, own: i64, last: i64) {
        self.has_its_trail.store(true, SeqCst);
        self.use_if_near(own);
        self.lag.store((last - own).max(0), SeqCst);
    }

    /// Sends queries to it again while the primary does not answer, if its trail was that of the
    /// primary before, and it lacks nothing that the primary then had had for long.
    pub(super) fn note_unchecked(&self, own: i64) {
        if self.has_its_trail.load(SeqCst) {
            self.use_if_near(own);
        }
    }

    /// Sends no more queries to it until a check finds that it is usable.
    fn leave_out(&self, reason: &str) {
        if self.is_in_use.swap(false, SeqCst) {
            tracing::warn!(server = self.address, reason, "a read replica is left out");
        }
    }

    fn use_if_near(&self, own: i64) {
        let is_near = self.missing().is_near(own);
        if !is_near {
            self.leave_out("it lacks revisions that the primary has had for seconds");
        } else if !self.is_in_use.swap(true, SeqCst) {
            tracing::info!(server = self.address, "a read replica is in use");
        }
    }

    fn note_last_at(&self, last: i64, now: Instant) {
        self.missing().note_last(last, now);
    }

    fn missing(&self) -> MutexGuard<'_, Missing> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the pool of each kind of connection.
    pub(super) fn connections(&self) -> [&DatabaseConnection; 3] {
        [&self.reader, &self.costly_reader, self.revision_reader.connection()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn replica() -> Replica {
        let Ok(servers) = Servers::parse("postgres://h/d", &Arc::default()) else { panic!() };
        let opened = Replica::open(servers, &Arc::default(), None).await;
        opened.unwrap_or_else(|error| panic!("{error}"))
    }

    #[tokio::test]
    async fn a_replica_that_lags_for_long_is_left_out_until_it_has_caught_up() {
        let (replica, began) = (replica().await, Instant::now());
        let is_near = |own, last, seconds| {
            replica.note_last_at(last, began + Duration::from_secs(seconds));
            replica.missing().is_near(own)
        };
        assert!(is_near(5, 5, 0) && is_near(5, 9, 1) && is_near(5, 12, 9));
        assert!(!is_near(8, 20, 10), "it has lacked revision 9 since the first second");
        assert!(is_near(11, 21, 17), "12 is of the ninth second");
        assert!(!is_near(11, 21, 18), "which the time of revision 9 does not extend");
        // A replica that always is a little behind is near.
        assert!(is_near(21, 30, 19) && is_near(30, 40, 27));
        assert!(is_near(20, 20, 60), "the register was set back");
        // More revisions than are remembered, which it reaches in the end.
        for second in 61..200_u32 {
            let last = 1_000 + i64::from(second);
            assert_eq!(is_near(20, last, u64::from(second)), second < 70, "{second}");
        }
        assert!(replica.missing().revisions.len() <= MAX_MISSING);
        assert!(!is_near(1_198, 1_199, 199) && is_near(1_199, 1_200, 200));
        assert!(replica.missing().revisions.len() == 1);
        replica.note_last(1_202);
        replica.note_checked(1_200, 1_202);
        let state = replica.state();
        assert_eq!((state.server.as_str(), state.is_in_use, state.lag), ("h:5432", true, Some(2)));
    }

    #[tokio::test]
    async fn without_the_primary_only_a_replica_that_did_not_answer_returns() {
        let replica = replica().await;
        assert_eq!(replica.state().lag, None);
        replica.note_unchecked(9);
        assert!(!replica.is_in_use(), "its trail was never checked");
        replica.note_last(5);
        replica.note_checked(5, 5);
        replica.leave_out("it does not answer");
        assert!(!replica.is_in_use());
        replica.note_unchecked(5);
        assert!(replica.is_in_use());

        replica.note_other_trail();
        replica.note_unchecked(9);
        assert_eq!((replica.is_in_use(), replica.state().lag), (false, None), "another trail");
        replica.note_checked(5, 5);
        assert!(replica.is_in_use());

        let now = Instant::now();
        replica.note_last_at(6, now);
        replica.note_last_at(7, now + Duration::from_secs(60));
        replica.note_checked(5, 7);
        assert_eq!((replica.is_in_use(), replica.state().lag), (false, Some(2)));
        replica.note_unchecked(5);
        assert_eq!((replica.is_in_use(), replica.state().lag), (false, Some(2)), "as before");
        replica.note_unchecked(6);
        assert!(replica.is_in_use(), "it has reached what the primary had had for long");
    }
}
