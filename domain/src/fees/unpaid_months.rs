//! Months of a participation that no agreement pays, because none is in force on their first day.

use ::entity::term::Term;
use chrono::{Months, NaiveDate};

use super::amounts;

/// The facts about an agreement with a counterparty that decide which months it pays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paying {
    /// The term.
    pub term: Term,
    /// `true` if it has a yearly fee, which is prorated by months.
    pub is_yearly: bool,
}

impl Paying {
    fn is_in_force_between(&self, first: NaiveDate, last: NaiveDate) -> bool {
        let end = self.term.final_day();
        end.is_none_or(|end| self.term.starts_on <= end && first <= end)
            && self.term.starts_on <= last
    }
}

/// Returns the first days of the months of a year that none of these agreements with one
/// counterparty pays, although one with a yearly fee is in force on some day of the month. Each
/// comes with the index of that agreement, the first if there are several.
pub(crate) fn unpaid_months(agreements: &[Paying], year: i32) -> Vec<(NaiveDate, usize)> {
    let Some(days) = amounts::year(year) else { return Vec::new() };
    let months = (0..12).filter_map(|month| days.from.checked_add_months(Months::new(month)));
    let unpaid = |first: NaiveDate| {
        let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
        if agreements.iter().any(|agreement| agreement.is_in_force_between(first, first)) {
            return None;
        }
        let index = agreements.iter().position(|agreement| {
            agreement.is_yearly && agreement.is_in_force_between(first, last)
        })?;
        Some((first, index))
    };
    months.filter_map(unpaid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn paying(starts_on: &str, ends_on: Option<&str>) -> Paying {
        let term = Term {
            starts_on: day(starts_on),
            ends_on: ends_on.map(day),
            signed_on: Some(day("2020-01-01")),
            ..Term::default()
        };
        Paying { term, is_yearly: true }
    }

    #[test]
    fn months_without_an_agreement_on_their_first_day_are_unpaid() {
        let old = paying("2025-01-01", Some("2026-06-14"));
        for (agreements, unpaid) in [
            (vec![paying("2026-01-15", Some("2026-07-14"))], vec![("2026-01-01", 0)]),
            (vec![old, paying("2026-06-15", None)], vec![]),
            (vec![old, paying("2026-07-02", None)], vec![("2026-07-01", 1)]),
            (vec![old, Paying { is_yearly: false, ..paying("2026-07-02", None) }], vec![]),
            (vec![paying("2026-03-02", Some("2026-03-30"))], vec![("2026-03-01", 0)]),
            (vec![paying("2027-01-02", None)], vec![]),
        ] {
            let unpaid: Vec<_> =
                unpaid.into_iter().map(|(month, index)| (day(month), index)).collect();
            assert_eq!(unpaid_months(&agreements, 2026), unpaid, "{agreements:?}");
        }
    }
}
