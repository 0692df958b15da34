//! A read replica of a register on PostgreSQL: its connections, and whether it is in use.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
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

/// Time for which a replica may lack a revision of the primary. With the interval of the checks it
/// is left out after ten seconds at most.
const MAX_LAG: Duration = Duration::from_secs(8);

/// State of a replica, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaState {
    /// Its address, as `db2.example.se:5432`.
    pub server: String,
    /// `true` if queries are sent to it.
    pub is_in_use: bool,
    /// Number of queries that were sent to it.
    pub reads: u64,
    /// Number of revisions of the primary that it lacked at the last check; `None` if it did not
    /// answer.
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
    /// Number of missing revisions at the last check; negative if it did not answer.
    lag: AtomicI64,
    reads: Counter,
    /// The revision that it must reach, and the time since when the primary has it.
    goal: Mutex<(i64, Instant)>,
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
            lag: AtomicI64::new(-1),
            reads: Counter::default(),
            goal: Mutex::new((0, Instant::now())),
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
        self.leave_out(&problem);
        None
    }

    /// Sends no more queries to it until a check finds that it is usable.
    pub(super) fn leave_out(&self, reason: &str) {
        self.lag.store(-1, SeqCst);
        if self.is_in_use.swap(false, SeqCst) {
            tracing::warn!(server = self.address, reason, "a read replica is left out");
        }
    }

    /// Sends queries to it, unless it lacks a revision that the primary has had for long. `last` is
    /// the last revision of the primary; `None` if that is not known.
    pub(super) fn note_checked(&self, own: i64, last: Option<i64>) {
        let last = last.unwrap_or(own);
        if !self.is_near(own, last, Instant::now()) {
            self.leave_out("it lacks revisions that the primary has had for seconds");
            self.lag.store((last - own).max(0), SeqCst);
            return;
        }
        self.lag.store((last - own).max(0), SeqCst);
        if !self.is_in_use.swap(true, SeqCst) {
            tracing::info!(server = self.address, "a read replica is in use");
        }
    }

    /// Returns `true` unless it lacks a revision that the primary has had for long. If it has
    /// reached its goal, the primary's last revision becomes the next one.
    fn is_near(&self, own: i64, last: i64, now: Instant) -> bool {
        let mut goal = self.goal.lock().unwrap_or_else(PoisonError::into_inner);
        // The register may have been set back to before the goal.
        if own >= goal.0 || last < goal.0 {
            *goal = (last, now);
        }
        now.duration_since(goal.1) <= MAX_LAG
    }

    /// Returns the pool of each kind of connection.
    pub(super) fn connections(&self) -> [&DatabaseConnection; 3] {
        [&self.reader, &self.costly_reader, self.revision_reader.connection()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replica_that_lags_for_long_is_left_out_until_it_has_caught_up() {
        let Ok(servers) = Servers::parse("postgres://h/d", &Arc::default()) else { panic!() };
        let replica = Replica::open(servers, &Arc::default(), None).await;
        let Ok(replica) = replica else { panic!("no pool") };
        let began = Instant::now();
        let is_near =
            |own, last, seconds| replica.is_near(own, last, began + Duration::from_secs(seconds));
        assert!(is_near(5, 5, 0) && is_near(5, 9, 1) && is_near(5, 12, 9));
        assert!(!is_near(8, 20, 10), "it has lacked revision 9 since the first second");
        // A replica that always is a little behind is near.
        assert!(is_near(9, 21, 11) && is_near(21, 30, 19) && is_near(30, 40, 27));
        assert!(is_near(30, 20, 60), "the register was set back");
        assert_eq!(replica.state().lag, None);
        replica.note_checked(20, Some(22));
        let state = replica.state();
        assert_eq!((state.server.as_str(), state.is_in_use, state.lag), ("h:5432", true, Some(2)));
        replica.leave_out("of a test");
        assert!(!replica.is_in_use());
    }
}
