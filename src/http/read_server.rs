//! The server of PostgreSQL from which a document reads: the primary or a read replica.

use std::{
    collections::HashMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_graphql::{Request as Document, parser::types::OperationType};
use tokio::time::Instant;

use super::App;
use domain::{
    database::Database,
    error::{Error, Result},
};

/// Time for which this server remembers the revision that a subject has seen. Replicas that lack it
/// for as long are left out.
const SEEN_TIME: Duration = Duration::from_secs(20);

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

/// Records that a subject has seen a revision in an answer or event, if there are replicas.
pub(super) fn note_seen(app: &App, subject: &str, revision: i64) {
    if app.db.has_replicas() {
        app.seen_revisions.note(subject, revision);
    }
}

/// The state that a subject's query must read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// That of the primary, as a mutation of the subject is running.
    Primary,
    /// One with at least this revision.
    Revision(i64),
}

/// Subjects with the revisions that they have seen on this server a moment ago: of their mutations,
/// of events, and as `revision`. Not all answers to these have a header that states it.
#[derive(Debug, Default)]
pub struct SeenRevisions(Mutex<HashMap<String, Seen>>);

/// The revision that a subject has seen.
#[derive(Debug)]
struct Seen {
    /// Number of its mutations that are running.
    running: usize,
    revision: i64,
    at: Instant,
}

impl SeenRevisions {
    /// Returns what a query of the subject must read.
    pub(super) fn needed(&self, subject: &str) -> Needed {
        match self.lock().get(subject) {
            Some(seen) if seen.running > 0 => Needed::Primary,
            Some(seen) if !seen.is_over() => Needed::Revision(seen.revision),
            _ => Needed::Revision(0),
        }
    }

    /// Records a revision that a subject has seen.
    pub(super) fn note(&self, subject: &str, revision: i64) {
        self.update(subject, |seen| seen.note(revision));
    }

    fn begin_mutation(&self, subject: &str) {
        self.update(subject, |seen| seen.running += 1);
    }

    /// Records the end of a mutation, which this revision contains.
    fn end_mutation(&self, subject: &str, revision: i64) {
        self.update(subject, |seen| {
            seen.running = seen.running.saturating_sub(1);
            seen.note(revision);
        });
    }

    fn update(&self, subject: &str, change: impl FnOnce(&mut Seen)) {
        let mut known = self.lock();
        if let Some(seen) = known.get_mut(subject) {
            return change(seen);
        }
        if known.len() >= MAX_SUBJECTS {
            known.retain(|_, seen| seen.running > 0 || !seen.is_over());
        }
        let new = Seen { running: 0, revision: 0, at: Instant::now() };
        change(known.entry(subject.to_owned()).or_insert(new));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn is_over(&self) -> bool {
        self.at.elapsed() >= SEEN_TIME
    }

    /// An earlier revision, as of a register that was set back, counts when the time of the later
    /// one is over.
    fn note(&mut self, revision: i64) {
        if revision >= self.revision || self.is_over() {
            (self.revision, self.at) = (revision, Instant::now());
        }
    }
}

/// A mutation that is running, until dropped. Then its subject has seen its revision.
pub(super) struct RunningMutation(App, String);

impl RunningMutation {
    /// Returns the mutation; `None` for another operation, and without replicas.
    pub(super) fn of(app: &App, operation: OperationType, subject: &str) -> Option<Self> {
        let is_needed = operation == OperationType::Mutation && app.db.has_replicas();
        is_needed.then(|| {
            app.seen_revisions.begin_mutation(subject);
            Self(app.clone(), subject.to_owned())
        })
    }
}

impl Drop for RunningMutation {
    fn drop(&mut self) {
        self.0.seen_revisions.end_mutation(&self.1, self.0.db.known_revision());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_needs_what_it_has_seen_for_some_seconds() {
        let seen = SeenRevisions::default();
        let age = |subject: &str, by: Duration| {
            let at = Instant::now().checked_sub(by).unwrap();
            seen.lock().get_mut(subject).unwrap().at = at;
        };
        seen.note("a", 7);
        assert_eq!(seen.needed("a"), Needed::Revision(7));
        assert_eq!(seen.needed("b"), Needed::Revision(0));
        seen.note("a", 9);
        age("a", SEEN_TIME / 2);
        seen.note("a", 8);
        assert_eq!(seen.needed("a"), Needed::Revision(9));
        age("a", SEEN_TIME);
        assert_eq!(seen.needed("a"), Needed::Revision(0));
        seen.note("a", 8);
        assert_eq!(seen.needed("a"), Needed::Revision(8), "the register was set back");
        age("a", SEEN_TIME);
        for number in 0..MAX_SUBJECTS {
            seen.note(&number.to_string(), 1);
        }
        assert_eq!(seen.lock().len(), MAX_SUBJECTS, "a is forgotten");
    }

    #[test]
    fn while_a_mutation_runs_its_subject_reads_from_the_primary() {
        let seen = SeenRevisions::default();
        seen.begin_mutation("a");
        seen.begin_mutation("a");
        seen.lock().get_mut("a").unwrap().at = Instant::now().checked_sub(SEEN_TIME).unwrap();
        seen.note("a", 3);
        seen.end_mutation("a", 4);
        assert_eq!(seen.needed("a"), Needed::Primary);
        for number in 0..MAX_SUBJECTS {
            seen.note(&number.to_string(), 1);
        }
        assert_eq!(seen.needed("a"), Needed::Primary, "it is not forgotten");
        seen.end_mutation("a", 5);
        assert_eq!(seen.needed("a"), Needed::Revision(5));
    }
}
