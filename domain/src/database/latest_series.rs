//! Series of the latest numbers of documents, as this program found them. Another program may have
//! begun another series since.

use std::sync::PoisonError;

use super::Database;

/// The series of the latest number of a kind of document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LatestSeries {
    /// Its name, as `2026-`; empty for numbers without a year.
    pub(crate) name: String,
    /// Number of digits of the latest number after the name.
    pub(crate) width: usize,
    /// `true` if numbers of other series were found among its own.
    pub(crate) is_mixed: bool,
}

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
