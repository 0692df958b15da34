//! The end of the audit trail as far as this program was notified of it, and its changes.

use std::sync::Arc;

/// The last revision that is known to be committed, by this or another program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The revision. Everything up to it can be read.
    pub revision: i64,
    /// Number of times that the trail was found to continue from an earlier revision: a backup was
    /// restored, or another server of the database took over that lacked the last commits.
    pub restored: u64,
    /// Hash of the entry; empty for an empty trail.
    hash: Arc<str>,
}

impl Committed {
    /// Returns the hash of the entry; empty for an empty trail.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Records a commit. Returns `true` if it is later than the known one.
    pub(super) fn advance(&mut self, revision: i64, hash: &str) -> bool {
        let is_later = revision > self.revision;
        if is_later {
            (self.revision, self.hash) = (revision, hash.into());
        }
        is_later
    }

    /// Records the last entry, which was read when `before` was known: the trail has lost the entry
    /// of that. Returns `false` if that was recorded meanwhile.
    pub(super) fn restore(&mut self, before: &Self, revision: i64, hash: &str) -> bool {
        let is_new = self.restored == before.restored;
        if is_new {
            *self = Self { revision, hash: hash.into(), restored: before.restored + 1 };
        }
        is_new
    }

    /// `true` if the trail has this hash at the known revision, or lacks an entry there (`None`)
    /// because it was empty.
    pub(super) fn is_continued_by(&self, hash: Option<&str>) -> bool {
        hash.unwrap_or_default() == &*self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_continues_or_was_restored() {
        let mut known = Committed::default();
        assert!(known.is_continued_by(None));
        assert!(known.advance(2, "b") && !known.advance(1, "a") && !known.advance(2, "c"));
        assert!(known.is_continued_by(Some("b")));
        assert!(!known.is_continued_by(Some("c")) && !known.is_continued_by(None));
        let before = known.clone();
        assert!(known.restore(&before, 1, "a") && !known.restore(&before, 1, "a"));
        assert_eq!((known.revision, known.restored), (1, 1));
        assert!(known.advance(2, "c") && known.is_continued_by(Some("c")));
    }
}
