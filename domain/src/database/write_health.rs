//! Health of writes: readiness and metrics follow the outcome of the last changes.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use tokio::{sync::Mutex, time::Instant};

/// Outcome of the last changes.
#[derive(Debug, Default)]
pub(super) struct WriteHealth {
    pub(super) failed: AtomicU64,
    pub(super) is_failing: AtomicBool,
    pub(super) probed_at: Mutex<Option<Instant>>,
}

impl WriteHealth {
    /// Counts a change that the database failed to make.
    pub(super) fn fail(&self, cause: &dyn fmt::Display) {
        self.failed.fetch_add(1, SeqCst);
        self.is_failing.store(true, SeqCst);
        tracing::error!(%cause, "a change could not be written");
    }

    /// Counts changes that failed together with another one, if that one counts.
    pub(super) fn fail_too(&self, changes: u32) {
        if self.is_failing.load(SeqCst) {
            self.failed.fetch_add(changes.into(), SeqCst);
        }
    }

    /// Records a change that was committed.
    pub(super) fn succeed(&self) {
        if self.is_failing.swap(false, SeqCst) {
            tracing::info!("changes can be written again");
        }
    }
}
