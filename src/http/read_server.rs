//! The server of PostgreSQL from which a document reads: the primary or a read replica.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_graphql::{Request as Document, parser::types::OperationType};
use tokio::time::Instant;

use super::App;
use domain::{
    database::Database,
    error::{Error, Result},
};

/// Time after its last mutation on this server for which a subject's queries without the header
/// read from the primary. Replicas that lag for as long are left out.
const PRIMARY_TIME: Duration = Duration::from_secs(10);

/// Number of subjects from which on those are forgotten whose time is over.
const MAX_SUBJECTS: usize = 1_000;

/// Time limit of a check that a read replica is reachable: the primary answers instead.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Checks that the server from which a document reads is reachable.
///
/// # Errors
/// INTERNAL if it is not, or if a replica takes too long to accept a connection.
pub(super) async fn ping(app: &App, replica: Option<&Database>) -> Result<()> {
    let Some(replica) = replica else { return app.db.ping().await };
    let late = |_| Err(Error::internal(io::Error::from(io::ErrorKind::TimedOut)));
    tokio::time::timeout(PING_TIMEOUT, replica.ping()).await.unwrap_or_else(late)
}

/// Adds the register from which a document reads, unless that is the schema's own.
pub(super) fn with_database(
    app: &App,
    document: Document,
    replica: Option<&Database>,
    is_expensive: bool,
) -> Document {
    match (replica, is_expensive) {
        (db, true) => document.data(db.unwrap_or(&app.db).for_costly_document()),
        (Some(replica), false) => document.data(replica.clone()),
        (None, false) => document,
    }
}

/// Subjects with a mutation on this server, with the time of the last one.
#[derive(Debug, Default)]
pub struct RecentWriters(Mutex<HashMap<String, Instant>>);

impl RecentWriters {
    /// Records a mutation of a subject.
    pub(super) fn note(&self, subject: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SUBJECTS {
            known.retain(|_, at| at.elapsed() < PRIMARY_TIME);
        }
        known.insert(subject.to_owned(), Instant::now());
    }

    /// Returns `true` if a subject had a mutation a moment ago.
    pub(super) fn contains(&self, subject: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(subject).is_some_and(|at| at.elapsed() < PRIMARY_TIME)
    }
}

/// Records the subject of a mutation as a recent writer, when it begins and when it ends.
pub(super) struct RecentWriter(App, String);

impl RecentWriter {
    /// Returns the writer of a mutation; `None` for another operation, and without replicas.
    pub(super) fn of(app: &App, operation: OperationType, subject: &str) -> Option<Self> {
        let is_needed = operation == OperationType::Mutation && app.db.has_replicas();
        is_needed.then(|| {
            app.recent_writers.note(subject);
            Self(app.clone(), subject.to_owned())
        })
    }
}

impl Drop for RecentWriter {
    fn drop(&mut self) {
        self.0.recent_writers.note(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_recent_writer_for_ten_seconds() {
        let writers = RecentWriters::default();
        let set_back = |subject: &str, by: Duration| {
            let mut known = writers.0.lock().unwrap();
            known.insert(subject.to_owned(), Instant::now().checked_sub(by).unwrap());
        };
        writers.note("a");
        assert!(writers.contains("a") && !writers.contains("b"));
        set_back("a", Duration::from_secs(9));
        assert!(writers.contains("a"));
        set_back("a", PRIMARY_TIME);
        assert!(!writers.contains("a"));
        for number in 0..MAX_SUBJECTS {
            writers.note(&number.to_string());
        }
        assert_eq!(writers.0.lock().unwrap().len(), MAX_SUBJECTS, "a is forgotten");
    }
}
