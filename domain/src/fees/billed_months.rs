//! Months of an agreement's yearly fee that a line of an issued invoice has billed.

use ::entity::{date_range::DateRange, money::Money, term::Term};
use chrono::{Datelike, Months, NaiveDate};

/// A line of an issued invoice for an agreement's yearly fee.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BilledLine {
    /// The billed period.
    pub period: DateRange,
    /// Öre, without VAT.
    pub net: Money,
    /// Remainder after credit notes, öre without VAT.
    pub left: Money,
}

/// The part of a line that bills months after an agreement's end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AfterEnd {
    /// The first days of the months.
    pub months: Vec<NaiveDate>,
    /// Remainder of the line for these months, öre without VAT.
    pub net: Money,
}

impl BilledLine {
    /// Returns the first days of the months that the line bills: those that begin within its
    /// period.
    pub fn months(&self) -> Vec<NaiveDate> {
        let DateRange { from, to } = self.period;
        let first = from.with_day(1).unwrap_or(from);
        let months = (0..).map_while(|month| first.checked_add_months(Months::new(month)));
        months.skip_while(|day| *day < from).take_while(|day| *day <= to).collect()
    }

    /// Returns the months that remain billed after credit notes, in order. Each credit of one
    /// month's share of the line releases one month: first those on whose first day the agreement
    /// is not in force, beginning with the last one.
    pub fn still_billed(&self, term: &Term) -> Vec<NaiveDate> {
        let months = self.months();
        if self.net <= Money::ZERO || self.left <= Money::ZERO {
            return Vec::new();
        }
        // A month's share was rounded to the öre.
        let credited = (i128::from(self.net.0) - i128::from(self.left.0) + 1).max(0)
            * months.len() as i128
            / i128::from(self.net.0);
        let remaining =
            months.len().saturating_sub(usize::try_from(credited).unwrap_or(usize::MAX));
        let (mut billed, outside): (Vec<_>, Vec<_>) =
            months.into_iter().partition(|month| pays(term, *month));
        billed.extend(outside);
        billed.truncate(remaining);
        billed.sort();
        billed
    }

    /// Returns the part of the line that bills months on whose first day the agreement is not in
    /// force, for example because it was ended or replaced later.
    pub fn after_end(&self, term: &Term) -> AfterEnd {
        let (within, months): (Vec<_>, Vec<_>) =
            self.still_billed(term).into_iter().partition(|month| pays(term, *month));
        if months.is_empty() {
            return AfterEnd::default();
        }
        let (within, all) = (
            i64::try_from(within.len()).unwrap_or(i64::MAX),
            i64::try_from(self.months().len()).unwrap_or(i64::MAX),
        );
        let of_term = self.net.times(within, all).unwrap_or(self.left);
        AfterEnd { months, net: (self.left - of_term).max(Money::ZERO) }
    }

    /// Returns the months of the agreement that were billed and then credited.
    pub fn credited(&self, term: &Term) -> Vec<NaiveDate> {
        let billed = self.still_billed(term);
        self.months()
            .into_iter()
            .filter(|month| pays(term, *month) && !billed.contains(month))
            .collect()
    }
}

/// Returns `true` if an agreement pays the month that begins on this day.
pub(crate) fn pays(term: &Term, month: NaiveDate) -> bool {
    let is_signed = term.signed_on.is_some() && term.withdrawn_on.is_none();
    is_signed && term.starts_on <= month && term.final_day().is_none_or(|last| month <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn term(starts_on: &str, ends_on: Option<&str>) -> Term {
        Term {
            starts_on: day(starts_on),
            ends_on: ends_on.map(day),
            signed_on: Some(day("2020-01-01")),
            ..Term::default()
        }
    }

    fn line(from: &str, to: &str, net: i64, left: i64) -> BilledLine {
        BilledLine {
            period: DateRange::new(day(from), day(to)),
            net: Money(net),
            left: Money(left),
        }
    }

    fn numbers(months: &[NaiveDate]) -> Vec<u32> {
        months.iter().map(NaiveDate::month).collect()
    }

    #[test]
    fn a_line_bills_the_months_that_begin_in_its_period() {
        for (from, to, months) in [
            ("2026-01-01", "2026-12-31", (1..=12).collect::<Vec<_>>()),
            ("2026-01-15", "2026-04-01", vec![2, 3, 4]),
            ("2026-03-02", "2026-03-31", vec![]),
            ("2025-11-01", "2026-02-28", vec![11, 12, 1, 2]),
        ] {
            assert_eq!(numbers(&line(from, to, 100, 100).months()), months, "{from} {to}");
        }
    }

    #[test]
    fn months_billed_after_the_end_are_to_be_credited() {
        let ended = term("2025-01-01", Some("2026-06-30"));
        for (left, months, net) in [
            (1_800_000, vec![7, 8, 9, 10, 11, 12], 900_000),
            (1_350_000, vec![7, 8, 9], 450_000),
            (900_000, vec![], 0),
            // A discount of a tenth corresponds to 1.2 months.
            (1_620_000, vec![7, 8, 9, 10, 11], 720_000),
            (0, vec![], 0),
        ] {
            let after = line("2026-01-01", "2026-12-31", 1_800_000, left).after_end(&ended);
            assert_eq!((numbers(&after.months), after.net), (months, Money(net)), "{left}");
        }
        let line = line("2026-01-01", "2026-12-31", 1_800_000, 1_800_000);
        assert_eq!(line.after_end(&term("2025-01-01", None)), AfterEnd::default());
        let withdrawn = Term { withdrawn_on: Some(day("2026-01-01")), ..ended };
        assert_eq!(line.after_end(&withdrawn).net, Money(1_800_000));
    }

    #[test]
    fn a_rounded_share_of_a_month_counts_as_a_month() {
        let ended = term("2025-01-01", Some("2026-06-30"));
        // A twelfth of 1 000.00 is 83.33.
        for (credited, months) in
            [(8_332, 12), (8_333, 11), (49_999, 6), (50_000, 6), (41_667, 7), (41_600, 8)]
        {
            let billed =
                line("2026-01-01", "2026-12-31", 100_000, 100_000 - credited).still_billed(&ended);
            assert_eq!(billed.len(), months, "{credited}");
        }
        let open = term("2025-01-01", None);
        assert_eq!(
            numbers(&line("2026-01-01", "2026-12-31", 1_800_000, 900_000).credited(&open)),
            [7, 8, 9, 10, 11, 12]
        );
        assert_eq!(
            numbers(&line("2026-01-01", "2026-12-31", 1_800_000, 1_700_000).credited(&open)),
            [0; 0]
        );
    }
}
