//! The end of the trail as this program knows it.

use std::sync::{Mutex, PoisonError};

/// The end of the trail as this program last wrote or checked it.
#[derive(Debug, Default)]
pub struct TrailHead(Mutex<(i64, String)>);

impl TrailHead {
    pub(super) fn get(&self) -> (i64, String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records the end of the trail.
    pub(crate) fn set(&self, revision: i64, hash: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (revision, hash);
    }
}
