//! The queue of writers: one writes at a time, in order of arrival. A transaction whose changes
//! wait for their common commit is left open for the next one.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use super::{busy::busy, common_commit::Group, meters::Meters};
use crate::error::{Error, Result};

/// Time after which no further change joins earlier ones, because they wait for the commit; on
/// SQLite and on PostgreSQL.
///
/// It is several times as long as a commit with the statements before and after it, which take
/// longest on PostgreSQL under load. On SQLite, other programs ask for the lock repeatedly, and
/// find it free between two transactions only.
pub(super) const SHARING_TIMES: (Duration, Duration) =
    (Duration::from_millis(20), Duration::from_millis(100));

/// The commit that a change needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Its own, because it takes long, or reads outside its transaction.
    Alone,
    /// One of its own, or one together with changes before and after it.
    Shared,
}

/// Writers of this program, in order of arrival.
#[derive(Debug)]
pub(super) struct Writers {
    /// Permit of the writer. There is only one connection, and waiting for the pool could not be
    /// distinguished from a database that is down.
    permit: Arc<Semaphore>,
    /// Number of waiting changes.
    waiting: AtomicUsize,
    /// Number of those that may share a commit.
    sharing: AtomicUsize,
    /// A transaction whose changes are done but not committed. Only the holder of the permit takes
    /// it or leaves it here.
    open: Mutex<Option<Group>>,
    /// Number of changes that joined earlier ones.
    joined: AtomicU64,
    /// Runs what several changes depend on: the runtime that opened the connections, which lives as
    /// long as they do and executes no documents.
    runtime: Handle,
    meters: Arc<Meters>,
}

impl Writers {
    pub(super) fn new(runtime: Handle, meters: Arc<Meters>) -> Self {
        Self {
            permit: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            sharing: AtomicUsize::new(0),
            open: Mutex::default(),
            joined: AtomicU64::new(0),
            runtime,
            meters,
        }
    }

    /// Waits for the permit, for a change.
    ///
    /// # Errors
    /// CONFLICT with the reason BUSY after the deadline.
    pub(super) async fn acquire(
        &self,
        sharing: Sharing,
        deadline: Option<Instant>,
    ) -> Result<OwnedSemaphorePermit> {
        let _waiting = Waiting::new(&self.waiting);
        let _sharing = (sharing == Sharing::Shared).then(|| Waiting::new(&self.sharing));
        let (permit, began) = (Arc::clone(&self.permit).acquire_owned(), Instant::now());
        let acquired = match deadline {
            Some(deadline) => timeout_at(deadline, permit).await.map_err(|_| {
                self.meters.busy.inc();
                busy()
            }),
            None => Ok(permit.await),
        };
        self.meters.write_wait_seconds.observe(began.elapsed().as_secs_f64());
        acquired?.map_err(Error::internal)
    }

    /// Waits for the permit, for a commit. `None` if the program stops.
    pub(super) async fn acquire_for_commit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permit).acquire_owned().await.ok()
    }

    /// Takes the permit if no one has it and no change waits for its commit.
    pub(super) fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.permit).try_acquire_owned().ok()?;
        self.open().is_none().then_some(permit)
    }

    /// Returns the number of waiting changes.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(SeqCst)
    }

    /// `true` if a change waits that may share a commit.
    pub(super) fn may_share(&self) -> bool {
        self.sharing.load(SeqCst) > 0
    }

    /// Returns the runtime for what several changes depend on: it must not wait for the documents
    /// of one of them, or end with its runtime.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Counts a change that joins earlier ones.
    pub(super) fn count_joined(&self) {
        self.joined.fetch_add(1, SeqCst);
    }

    /// Returns the number of changes that joined earlier ones.
    pub(super) fn joined(&self) -> u64 {
        self.joined.load(SeqCst)
    }

    /// Takes the open transaction, for the holder of the permit.
    pub(super) fn take(&self) -> Option<Group> {
        self.open().take()
    }

    /// Leaves a transaction open for the next holder of the permit.
    pub(super) fn leave(&self, group: Group, permit: OwnedSemaphorePermit) {
        *self.open() = Some(group);
        drop(permit);
    }

    fn open(&self) -> MutexGuard<'_, Option<Group>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a change as long as it waits.
struct Waiting<'w>(&'w AtomicUsize);

impl<'w> Waiting<'w> {
    fn new(waiting: &'w AtomicUsize) -> Self {
        waiting.fetch_add(1, SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
