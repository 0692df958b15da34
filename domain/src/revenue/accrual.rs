//! Accrued revenue (periodisering) by group: lines are spread by day over the periods that they
//! cover, as [`crate::invoices::accrual`] calculates.

use std::{
    cmp::{max, min},
    collections::HashMap,
};

use ::entity::{
    id::{ActivityId, InvoiceId, MemberId},
    kind::InvoiceKind,
    money::Money,
    term::add_months,
    total::Total,
};

use super::{
    grouping::{Group, Grouping, MAX_GROUPS, Period, Range},
    sums::{Groups, Sums, too_many},
};
use crate::{
    error::Result,
    invoices::{accrual, totals_delta::month_of},
};

/// The part of an invoice line that accrual needs.
pub(super) struct Line {
    pub(super) activity: Option<ActivityId>,
    pub(super) member: Option<MemberId>,
    pub(super) invoice: InvoiceId,
    pub(super) kind: InvoiceKind,
    pub(super) covers: Range,
    pub(super) net: Money,
    pub(super) vat: Money,
}

/// Splits a range where periods end.
pub(super) fn parts_of_range(range: Range, period: Option<Period>) -> Vec<Range> {
    let months = match period {
        None => return vec![range],
        Some(Period::Year) => 12,
        Some(Period::Quarter) => 3,
        Some(Period::Month) => 1,
    };
    let mut parts_of_range = Vec::new();
    let mut from = range.from;
    while from <= range.to {
        // Years and quarters begin in months whose zero-based number is divisible by their length.
        let into = chrono::Datelike::month0(&from).cast_signed() % months;
        let next = add_months(month_of(from), months - into);
        let to = min(range.to, next.pred_opt().unwrap_or(range.to));
        parts_of_range.push(Range { from, to });
        from = next;
    }
    parts_of_range
}

/// The sums of an activity, a member and a part of the range, with the last invoice that was
/// counted there.
type Spreads = HashMap<(Option<ActivityId>, Option<MemberId>, usize), (Sums, Option<InvoiceId>)>;

/// Accumulates the sums.
pub(super) struct Spread<'a> {
    group_by: Grouping,
    parts_of_range: &'a [Range],
    sums: Spreads,
    invoices: i64,
    last: Option<InvoiceId>,
}

impl<'a> Spread<'a> {
    /// Begins with the parts of a range, in their order.
    pub(super) fn new(group_by: Grouping, parts_of_range: &'a [Range]) -> Self {
        Self { group_by, parts_of_range, sums: HashMap::new(), invoices: 0, last: None }
    }

    /// Adds the part of a line within the range. The lines of an invoice come one after another.
    pub(super) fn add(&mut self, line: &Line) -> Result<()> {
        let activity = line.activity.filter(|_| self.group_by.activity);
        let member = line.member.filter(|_| self.group_by.member);
        let first =
            self.parts_of_range.partition_point(|days_of_part| days_of_part.to < line.covers.from);
        for (position, days_of_part) in self
            .parts_of_range
            .iter()
            .enumerate()
            .skip(first)
            .take_while(|(_, days_of_part)| days_of_part.from <= line.covers.to)
        {
            if self.sums.len() > MAX_GROUPS {
                return Err(too_many());
            }
            let days = Range {
                from: max(days_of_part.from, line.covers.from),
                to: min(days_of_part.to, line.covers.to),
            };
            let (net, vat) = (part(line.net, line.covers, days), part(line.vat, line.covers, days));
            let (sums, last) = self.sums.entry((activity, member, position)).or_default();
            match line.kind {
                InvoiceKind::Invoice => {
                    sums.net += net;
                    sums.vat += vat;
                }
                InvoiceKind::CreditNote => {
                    sums.net += -Total::from(net);
                    sums.vat += -Total::from(vat);
                    sums.credited += net;
                }
            }
            // Lines are ordered by invoice, so a comparison with the last one detects a new
            // invoice.
            if last.replace(line.invoice) != Some(line.invoice) {
                sums.invoices += 1;
            }
        }
        if self.last.replace(line.invoice) != Some(line.invoice) {
            self.invoices += 1;
        }
        Ok(())
    }

    /// Adds the sums to groups. Returns the number of invoices and credit notes.
    pub(super) fn finish(self, groups: &mut Groups) -> Result<i64> {
        for ((activity, member, position), (sums, _)) in self.sums {
            let days_of_part = self.parts_of_range[position];
            let period = self.group_by.period.map(|period| period.name(days_of_part.from));
            groups.of(Group { activity, member, period })?.add(&sums);
        }
        Ok(self.invoices)
    }
}

/// Returns the part of an amount over the days `covers` that belongs to `days`, which must be
/// within `covers`.
fn part(amount: Money, covers: Range, days: Range) -> Money {
    accrual::part(amount, (covers.from, covers.to), (days.from, days.to))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn range(from: &str, to: &str) -> Range {
        Range { from: day(from), to: day(to) }
    }

    #[test]
    fn a_year_is_spread_by_days() {
        let year = range("2026-01-01", "2026-12-31");
        // 26 800 × 31 / 365
        assert_eq!(part(Money(2_680_000), year, range("2026-01-01", "2026-01-31")), Money(227_616));
        assert_eq!(part(Money(2_680_000), year, year), Money(2_680_000));
        assert_eq!(
            part(Money(365 << 44), year, range("2026-01-01", "2026-01-31")),
            Money(31 << 44)
        );
        let leap = range("2024-01-01", "2024-12-31");
        assert_eq!(part(Money(36_600), leap, range("2024-02-01", "2024-02-29")), Money(2_900));
    }

    #[test]
    fn the_parts_of_any_split_add_up_to_the_line() {
        for (amount, covers) in [
            (1, range("2025-11-15", "2026-03-01")),
            (-1_000_001, range("2025-11-15", "2026-03-01")),
            (Money::MAX.0, range("2000-01-01", "2099-12-31")),
            // Older registers contain amounts above today's maximum.
            ((1 << 53) - 1, range("2000-01-01", "2099-12-31")),
            (99_999, range("2026-02-28", "2026-02-28")),
        ] {
            for period in [None, Some(Period::Year), Some(Period::Quarter), Some(Period::Month)] {
                let parts = parts_of_range(covers, period)
                    .into_iter()
                    .map(|days| part(Money(amount), covers, days));
                assert_eq!(parts.sum::<Money>(), Money(amount), "{covers:?} {period:?}");
            }
        }
    }

    #[test]
    fn ranges_are_split_where_periods_end() {
        let days = range("2025-11-15", "2026-04-02");
        let ends = |period| {
            parts_of_range(days, Some(period))
                .into_iter()
                .map(|days_of_part| days_of_part.to.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(ends(Period::Year), ["2025-12-31", "2026-04-02"]);
        assert_eq!(ends(Period::Quarter), ["2025-12-31", "2026-03-31", "2026-04-02"]);
        assert_eq!(
            ends(Period::Month),
            ["2025-11-30", "2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-02"]
        );
        assert_eq!(parts_of_range(days, None), [days]);
        for (days_of_part, name) in parts_of_range(days, Some(Period::Quarter))
            .iter()
            .zip(["2025-Q4", "2026-Q1", "2026-Q2"])
        {
            assert_eq!(
                (Period::Quarter.name(days_of_part.from), Period::Quarter.name(days_of_part.to)),
                (name.to_owned(), name.to_owned())
            );
        }
    }

    #[test]
    fn lines_add_up_by_group_and_count_each_invoice_once() {
        let of = |invoice: u128, kind, covers, net| Line {
            activity: Some(ActivityId(uuid::Uuid::from_u128(1))),
            member: None,
            invoice: InvoiceId(uuid::Uuid::from_u128(invoice)),
            kind,
            covers,
            net: Money(net),
            vat: Money(net / 4),
        };
        let (first, second) =
            (range("2026-01-01", "2026-01-31"), range("2026-01-31", "2026-02-01"));
        let days = range("2026-01-01", "2026-03-31");
        let parts = parts_of_range(days, Some(Period::Month));
        let mut spread =
            Spread::new(Grouping { period: Some(Period::Month), ..Grouping::default() }, &parts);
        spread.add(&of(1, InvoiceKind::Invoice, first, 3_100)).unwrap();
        spread.add(&of(1, InvoiceKind::Invoice, second, 200)).unwrap();
        spread.add(&of(2, InvoiceKind::CreditNote, second, 104)).unwrap();
        let mut groups = Groups::default();
        assert_eq!(spread.finish(&mut groups).unwrap(), 2);
        let of_month = |period: &str| {
            let group = Group { period: Some(period.into()), ..Group::default() };
            let sums = groups.0[&group];
            (sums.net.0, sums.vat.0, sums.credited.0, sums.invoices)
        };
        assert_eq!(of_month("2026-01"), (3_148, 787, 52, 2));
        assert_eq!(of_month("2026-02"), (48, 12, 52, 2));
        assert_eq!(groups.0.len(), 2);
    }
}
