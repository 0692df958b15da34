//! The series of a document's number.

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
