//! The reads of contacts and archived documents that are in memory and not yet written.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use ::entity::id::{ArchivedDocumentId, ContactId};
use chrono::{DateTime, NaiveDate, Utc};

/// Unwritten reads: the times and the count for each reader, object and day in Sweden.
#[derive(Debug, Default)]
pub struct Reads {
    noted: Mutex<HashMap<Key, Times>>,
    /// Held while reads are written, so that a caller who gets it knows that earlier writes are
    /// done.
    pub(super) writing: tokio::sync::Mutex<()>,
}

pub(super) type Key = (Arc<str>, ReadObject, NaiveDate);

/// The object of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ReadObject {
    /// A contact.
    Contact(ContactId),
    /// An archived document, one of whose files was opened.
    Document(ArchivedDocumentId),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    pub count: i64,
}

/// Mark of a request: set when a read of a contact is noted for it.
#[derive(Clone, Debug, Default)]
pub struct ReadMark(Arc<AtomicBool>);

impl ReadMark {
    /// Sets the mark.
    pub(super) fn set(&self) {
        self.0.store(true, Relaxed);
    }

    /// `true` if a read was noted: the answer may show a contact, and must not be given to another
    /// reader.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl Reads {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<Key, Times>> {
        // A panic while it was held can only have interrupted counting.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
