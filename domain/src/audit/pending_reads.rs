//! The contact reads that are in memory and not yet written.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use ::entity::id::ContactId;
use chrono::{DateTime, NaiveDate, Utc};

/// Unwritten reads: the times and the count for each reader, contact and day in Sweden.
#[derive(Debug, Default)]
pub struct Reads {
    noted: Mutex<HashMap<Key, Times>>,
    /// Held while reads are written, so that a caller who gets it knows that earlier writes are
    /// done.
    pub(super) writing: tokio::sync::Mutex<()>,
    /// Number of reads that were noted since the start of the program.
    count: AtomicU64,
}

pub(super) type Key = (Arc<str>, ContactId, NaiveDate);

#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub count: i64,
}

impl Reads {
    /// Counts a read.
    pub(super) fn increment(&self) {
        self.count.fetch_add(1, SeqCst);
    }

    /// Returns the number of reads that were noted since the start of the program.
    pub(super) fn count(&self) -> u64 {
        self.count.load(SeqCst)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<Key, Times>> {
        // A panic while it was held can only have interrupted counting.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
