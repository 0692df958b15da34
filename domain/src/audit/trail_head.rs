//! The end of the trail as this program knows it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The end of the trail as this program last wrote or checked it.
#[derive(Debug, Default)]
pub struct TrailHead(Mutex<(i64, String)>);

impl TrailHead {
    pub(super) fn get(&self) -> (i64, String) {
        self.lock().clone()
    }

    /// Records the end of the trail as it was read and checked.
    pub(super) fn set(&self, revision: i64, hash: String) {
        *self.lock() = (revision, hash);
    }

    /// Records a commit that ends with this revision, unless a later one is known already.
    pub(crate) fn advance(&self, revision: i64, hash: String) {
        let mut known = self.lock();
        if revision > known.0 {
            *known = (revision, hash);
        }
    }

    fn lock(&self) -> MutexGuard<'_, (i64, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_is_confirmed_late_does_not_hide_a_later_one() {
        let head = TrailHead::default();
        for revision in [3, 2, 3] {
            head.advance(revision, format!("hash {revision}"));
            assert_eq!(head.get(), (3, "hash 3".to_owned()));
        }
        head.set(2, "read".to_owned());
        assert_eq!(head.get(), (2, "read".to_owned()));
        head.advance(4, "hash 4".to_owned());
        assert_eq!(head.get(), (4, "hash 4".to_owned()));
    }
}
