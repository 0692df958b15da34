//! A part of a transaction: the change of one item of a bulk mutation. It has a savepoint, to which
//! it is rolled back without the parts before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The parts of a transaction, which follow each other.
#[derive(Debug, Default)]
pub(crate) struct Parts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    savepoint: Savepoint,
    /// The last audit entry of the parts that are done, by revision and hash.
    end: Option<(i64, String)>,
}

/// The savepoint of the last part.
#[derive(Clone, Copy, Debug, Default)]
enum Savepoint {
    /// There is none, or it has ended.
    #[default]
    Ended,
    /// The part is done.
    Done,
    /// The part is to be rolled back.
    Failed,
}

impl Parts {
    /// Returns the last audit entry of the parts, by revision and hash; `None` if no part wrote an
    /// entry.
    pub(crate) fn end(&self) -> Option<(i64, String)> {
        self.state().end.clone()
    }

    /// Returns the statement that ends the last savepoint, which must be run at once; `None` if
    /// there is none.
    pub(super) fn end_savepoint(&self) -> Option<&'static str> {
        match std::mem::take(&mut self.state().savepoint) {
            Savepoint::Ended => None,
            Savepoint::Done => Some("RELEASE SAVEPOINT item"),
            Savepoint::Failed => Some("ROLLBACK TO SAVEPOINT item; RELEASE SAVEPOINT item"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hold that the change of an item has on the transaction. Dropped before [`Part::finish`], it
/// leaves the change to be rolled back before the next one.
#[derive(Debug)]
pub(super) struct Part {
    parts: Arc<Parts>,
    is_done: bool,
}

impl Part {
    pub(super) fn new(parts: &Arc<Parts>) -> Self {
        Self { parts: Arc::clone(parts), is_done: false }
    }

    /// Returns the last audit entry of the parts before it, by revision and hash.
    pub(super) fn trail_end(&self) -> Option<(i64, String)> {
        self.parts.end()
    }

    /// Ends the change, which is to be committed with the others. `last` is the last audit entry
    /// that it wrote.
    pub(super) fn finish(mut self, last: Option<(i64, &str)>) {
        self.is_done = true;
        let mut state = self.parts.state();
        state.savepoint = Savepoint::Done;
        if let Some((revision, hash)) = last {
            state.end = Some((revision, hash.to_owned()));
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_done {
            self.parts.state().savepoint = Savepoint::Failed;
        }
    }
}
