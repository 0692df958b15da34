//! The time for which documents are retained, by their kind and what they are attached to.

use ::entity::{agreement, archived_document::Model, cost, kind::ArchivedDocumentKind};
use chrono::{Datelike, NaiveDate};

use crate::{
    error::{Error, Result},
    term_sql,
};

/// Number of calendar years after that of the last day, through which bokföringslagen (7 kap. 2 §)
/// demands accounting material.
const YEARS: i32 = 7;

/// The end of the object that a document is attached to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// The document is attached to nothing that ends.
    #[default]
    Nothing,
    /// An agreement that ended, or a cost that was booked, on this day.
    On(NaiveDate),
    /// An agreement that has no last day yet.
    NotYet,
}

impl End {
    /// Returns the end of an agreement.
    pub(super) fn of_agreement(row: &agreement::Model) -> Self {
        let last = row.withdrawn_on.or_else(|| term_sql::of(row).final_day());
        last.map_or(Self::NotYet, Self::On)
    }

    /// Returns the day of a cost in the books.
    pub(super) fn of_cost(row: &cost::Model) -> Self {
        Self::On(row.booked_on)
    }
}

/// The time for which a document is retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retention {
    /// As long as the register exists.
    Always,
    /// Through the seventh year after an end that is not known yet.
    EndUnknown,
    /// Erasable from this day on.
    Until(NaiveDate),
    /// No law demands it: the office decides.
    Optional,
}

/// Returns the time for which a document is retained. Minutes and decisions are retained always;
/// contracts, appendices and vouchers of costs as accounting material; other documents as the
/// office decides.
pub(super) fn of(row: &Model, end: End) -> Retention {
    let is_accounting = match row.kind {
        ArchivedDocumentKind::Minutes | ArchivedDocumentKind::Decision => {
            return Retention::Always;
        }
        ArchivedDocumentKind::SignedContract | ArchivedDocumentKind::Appendix => true,
        ArchivedDocumentKind::Report | ArchivedDocumentKind::Other => row.cost_id.is_some(),
    };
    if !is_accounting {
        return Retention::Optional;
    }
    let last = match end {
        End::NotYet => return Retention::EndUnknown,
        End::On(day) => day.max(row.dated_on),
        End::Nothing => row.dated_on,
    };
    let first = NaiveDate::from_ymd_opt(last.year() + YEARS + 1, 1, 1);
    first.map_or(Retention::Always, Retention::Until)
}

impl Retention {
    /// Returns `true` if the document may be erased on this day.
    pub(super) fn is_over(self, on: NaiveDate) -> bool {
        match self {
            Self::Optional => true,
            Self::Until(first) => first <= on,
            Self::Always | Self::EndUnknown => false,
        }
    }

    /// Fails with `RETAINED` unless the document with this number may be erased on this day.
    pub(super) fn require_over(self, what: &str, on: NaiveDate) -> Result<()> {
        if self.is_over(on) {
            return Ok(());
        }
        let (until, erasable_from) = match self {
            Self::Until(first) => (format!("until {first}"), Some(first)),
            Self::EndUnknown => ("through the seventh year after it has ended".to_owned(), None),
            Self::Always | Self::Optional => {
                let message = format!("{what} stays: minutes and decisions are never erased");
                return Err(Error::Retained { message, erasable_from: None });
            }
        };
        let message = format!("{what} stays {until} (bokföringslagen 7 kap. 2 §)");
        Err(Error::Retained { message, erasable_from })
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::CostId;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_document_is_retained_by_its_kind_and_its_attachment() {
        use ArchivedDocumentKind::{Appendix, Decision, Minutes, Other, Report, SignedContract};
        let until = |text: &str| Retention::Until(day(text));
        for (kind, of_cost, end, expected) in [
            (SignedContract, false, End::Nothing, until("2027-01-01")),
            (SignedContract, false, End::On(day("2024-12-31")), until("2032-01-01")),
            (SignedContract, false, End::On(day("2018-12-31")), until("2027-01-01")),
            (SignedContract, false, End::NotYet, Retention::EndUnknown),
            (Appendix, false, End::NotYet, Retention::EndUnknown),
            (Minutes, false, End::Nothing, Retention::Always),
            (Decision, false, End::Nothing, Retention::Always),
            (Report, false, End::NotYet, Retention::Optional),
            (Other, false, End::Nothing, Retention::Optional),
            (Other, true, End::On(day("2020-01-10")), until("2028-01-01")),
        ] {
            let row = Model {
                kind,
                dated_on: day("2019-06-30"),
                cost_id: of_cost.then(CostId::new),
                ..Model::default()
            };
            assert_eq!(of(&row, end), expected, "{kind:?} {end:?}");
        }
    }

    #[test]
    fn what_is_retained_says_until_when() {
        let first = Retention::Until(day("2027-01-01"));
        assert!(first.require_over("D2019-0001", day("2027-01-01")).is_ok());
        assert!(Retention::Optional.require_over("D2019-0001", day("2019-01-01")).is_ok());
        for (retention, message, from) in [
            (
                first,
                "D2019-0001 stays until 2027-01-01 (bokföringslagen 7 kap. 2 §)",
                Some(day("2027-01-01")),
            ),
            (
                Retention::EndUnknown,
                "D2019-0001 stays through the seventh year after it has ended (bokföringslagen 7 kap. 2 §)",
                None,
            ),
            (Retention::Always, "D2019-0001 stays: minutes and decisions are never erased", None),
        ] {
            match retention.require_over("D2019-0001", day("2026-12-31")) {
                Err(Error::Retained { message: found, erasable_from }) => {
                    assert_eq!((found.as_str(), erasable_from), (message, from));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
