//! Series of the latest numbers of documents, as this program found them. Another program may have
//! begun another series since.

use std::sync::PoisonError;

use super::{Database, series::LatestSeries};

impl Database {
    /// Returns the series of the latest number of this kind of document that this program found.
    pub(crate) fn latest_series(&self, kind: &str) -> Option<LatestSeries> {
        let found = self.latest_series.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(kind).cloned()
    }

    /// Remembers the series of the latest number of this kind of document.
    pub(crate) fn set_latest_series(&self, kind: &'static str, series: LatestSeries) {
        let mut found = self.latest_series.lock().unwrap_or_else(PoisonError::into_inner);
        found.insert(kind, series);
    }
}
