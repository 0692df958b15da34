//! The end of the audit trail as far as this program was notified of it, and the entry up to which
//! the trail was checked to continue.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last revision that is known to be committed, by this or another program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The revision. Everything up to it can be read.
    pub revision: i64,
    /// Number of times that the trail was found to continue from an earlier revision: a backup was
    /// restored, or another server of the database took over that lacked the last commits.
    pub restored: u64,
}

impl Committed {
    /// Records a commit. Returns `true` if it is later than the known one.
    pub(super) fn advance(&mut self, revision: i64) -> bool {
        let is_later = revision > self.revision;
        self.revision = Ord::max(revision, self.revision);
        is_later
    }

    /// Records the last revision of a trail that has lost an entry.
    pub(super) fn restore(&mut self, revision: i64) {
        *self = Self { revision, restored: self.restored + 1 };
    }
}

/// A last entry that was read, by revision and hash; 0 and empty for an empty trail.
pub(super) type Entry = (i64, String);

/// The last entry that was read in the same statement as the one checked before it. A notification
/// does not replace it: it says nothing of the entries before.
#[derive(Debug, Default)]
pub(super) struct CheckedEnd(Mutex<Entry>);

/// Result of a check of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    /// It has the entry that was checked before.
    Continues,
    /// It has lost that entry.
    Restored,
    /// Another check has ended meanwhile.
    Outdated,
}

impl CheckedEnd {
    /// Returns the entry.
    pub(super) fn get(&self) -> Entry {
        self.lock().clone()
    }

    /// Replaces the entry by the end of the trail, which was read with the hash that the trail then
    /// had at the revision of `before`; `None` if it had no entry there.
    pub(super) fn replace(&self, before: &Entry, end: Entry, known: Option<&str>) -> Continuity {
        let mut checked = self.lock();
        if *checked != *before {
            return Continuity::Outdated;
        }
        *checked = end;
        match known.unwrap_or_default() == before.1 {
            true => Continuity::Continues,
            false => Continuity::Restored,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(revision: i64, hash: &str) -> Entry {
        (revision, hash.to_owned())
    }

    #[test]
    fn a_trail_continues_or_was_restored() {
        let checked = CheckedEnd::default();
        let replace = |end: Entry, known: Option<&str>| checked.replace(&checked.get(), end, known);
        assert_eq!(replace(entry(2, "b"), None), Continuity::Continues);
        assert_eq!(replace(entry(4, "d"), Some("b")), Continuity::Continues);
        // Shorter; longer, and another one; empty.
        assert_eq!(replace(entry(3, "c"), None), Continuity::Restored);
        assert_eq!(replace(entry(5, "y"), Some("x")), Continuity::Restored);
        assert_eq!(replace(entry(0, ""), None), Continuity::Restored);
        assert_eq!(replace(entry(0, ""), None), Continuity::Continues);
        let before = entry(9, "another check's");
        assert_eq!(checked.replace(&before, entry(1, "a"), None), Continuity::Outdated);
        assert_eq!(checked.get(), entry(0, ""));
    }

    #[test]
    fn a_commit_is_known_until_the_trail_is_restored() {
        let mut known = Committed::default();
        assert!(known.advance(2) && !known.advance(1) && !known.advance(2));
        known.restore(1);
        assert_eq!(known, Committed { revision: 1, restored: 1 });
        assert!(known.advance(2));
    }
}
