//! Accrued revenue (periodisering): spreads lines by day over the periods that they cover.

use std::{
    cmp::{max, min},
    collections::HashMap,
};

use ::entity::{
    id::{ActivityId, InvoiceId, MemberId},
    invoice, invoice_line,
    kind::InvoiceKind,
    money::Money,
    term::add_months,
    total::Total,
};
use chrono::{Days, NaiveDate};
use futures_util::TryStreamExt;
use sea_orm::{
    DatabaseTransaction, DbBackend, ExprTrait, JoinType, Order, QueryResult, StreamTrait,
    sea_query::{Expr, Query, SelectStatement, SimpleExpr, UnionType},
};

use super::{
    grouping::{Group, Grouping, MAX_GROUPS, Period, Range},
    report_filter::Scope,
    sums::{Groups, Sums, too_many},
};
use crate::{error::Result, invoices::monthly_totals::month_of};

/// The part of an invoice line that accrual needs.
struct Line {
    activity: Option<ActivityId>,
    member: Option<MemberId>,
    invoice: InvoiceId,
    kind: InvoiceKind,
    covers: Range,
    net: Money,
    vat: Money,
}

/// Adds the part of every line within a range, grouped. Returns the number of invoices and credit
/// notes with such a part.
///
/// A line without a period counts on its invoice's day. The amount of each day is a step of the
/// rounded cumulated amount. The amounts of any days therefore add up to the amount of the same
/// days together, and those of all days to the line.
pub(super) async fn sums(
    tx: &DatabaseTransaction,
    scope: &Scope,
    group_by: Grouping,
    range: Range,
    groups: &mut Groups,
) -> Result<i64> {
    let parts_of_range = parts_of_range(range, group_by.period);
    let mut spread = Spread {
        group_by,
        parts_of_range: &parts_of_range,
        sums: HashMap::new(),
        invoices: 0,
        last: None,
    };
    let select = lines(tx.get_database_backend(), scope, range);
    // Stream the lines: a report may include all of them.
    let mut found = tx.stream(&select).await?;
    while let Some(row) = found.try_next().await? {
        spread.add(&read(&row)?)?;
    }
    for ((activity, member, position), (sums, _)) in spread.sums {
        let period = group_by.period.map(|period| period.name(parts_of_range[position].from));
        groups.of(Group { activity, member, period })?.add(&sums);
    }
    Ok(spread.invoices)
}

/// Selects the lines that cover days in a range, ordered by invoice: lines with a period, and lines
/// that count on their invoice's day. Each kind is found by the index on its days.
fn lines(backend: DbBackend, scope: &Scope, range: Range) -> SelectStatement {
    let invoice = |column: invoice::Column| Expr::col((invoice::Entity, column));
    let line = |column: invoice_line::Column| Expr::col((invoice_line::Entity, column));
    let of = |from: SimpleExpr, to: SimpleExpr| {
        Query::select()
            .exprs([
                line(invoice_line::Column::ActivityId),
                invoice(invoice::Column::MemberId),
                // The sort key. It is an expression instead of the column, so that the planner does
                // not use the column's index.
                Expr::cust("COALESCE(\"invoice_line\".\"invoice_id\", NULL)"),
                invoice(invoice::Column::Kind),
                from,
                to,
                line(invoice_line::Column::Net),
                line(invoice_line::Column::Vat),
            ])
            .from(invoice::Entity)
            .join(
                JoinType::InnerJoin,
                invoice_line::Entity,
                line(invoice_line::Column::InvoiceId).eq(invoice(invoice::Column::Id)),
            )
            .cond_where(scope.of_lines(backend))
            .take()
    };
    // The same expression as in the index.
    let from =
        || Expr::cust("COALESCE(\"invoice_line\".\"period_from\", \"invoice_line\".\"period_to\")");
    let to =
        || Expr::cust("COALESCE(\"invoice_line\".\"period_to\", \"invoice_line\".\"period_from\")");
    let (period_from, period_to) =
        (line(invoice_line::Column::PeriodFrom), line(invoice_line::Column::PeriodTo));
    let issued_on = || invoice(invoice::Column::IssuedOn);
    let on_their_day = of(issued_on(), issued_on())
        .and_where(issued_on().between(range.from, range.to))
        .and_where(period_from.clone().is_null())
        .and_where(period_to.clone().is_null())
        .take();
    of(from(), to())
        // An expression instead of the column, so that the planner searches the lines by the days
        // that they cover and does not walk the index of issued invoices.
        .and_where(Expr::cust("COALESCE(\"invoice\".\"issued_on\", NULL) IS NOT NULL"))
        .and_where(period_from.is_not_null().or(period_to.is_not_null()))
        .and_where(to().gte(range.from))
        .and_where(from().lte(range.to))
        .union(UnionType::All, on_their_day)
        // By position: the parts of a union have no tables in common.
        .order_by_expr(Expr::cust("3"), Order::Asc)
        .take()
}

fn read(row: &QueryResult) -> Result<Line> {
    Ok(Line {
        activity: row.try_get_by_index(0)?,
        member: row.try_get_by_index(1)?,
        invoice: row.try_get_by_index(2)?,
        kind: row.try_get_by_index(3)?,
        covers: Range { from: row.try_get_by_index(4)?, to: row.try_get_by_index(5)? },
        net: row.try_get_by_index(6)?,
        vat: row.try_get_by_index(7)?,
    })
}

/// Splits a range where periods end.
fn parts_of_range(range: Range, period: Option<Period>) -> Vec<Range> {
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
struct Spread<'a> {
    group_by: Grouping,
    parts_of_range: &'a [Range],
    sums: Spreads,
    invoices: i64,
    last: Option<InvoiceId>,
}

impl Spread<'_> {
    fn add(&mut self, line: &Line) -> Result<()> {
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
}

/// Returns the part of an amount over the days `covers` that belongs to `days`, which must be
/// within `covers`.
fn part(amount: Money, covers: Range, days: Range) -> Money {
    let days_until =
        |day: Option<NaiveDate>| day.map_or(0, |day| (day - covers.from).num_days() + 1);
    let all = days_until(Some(covers.to));
    let cumulated = |days: i64| amount.times(days, all).unwrap_or_default();
    cumulated(days_until(Some(days.to)))
        - cumulated(days_until(days.from.checked_sub_days(Days::new(1))))
}

#[cfg(test)]
mod tests {
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
    fn whole_months_leave_the_edges() {
        for (days, inner, rest) in [
            (range("2026-01-01", "2026-12-31"), Some(range("2026-01-01", "2026-12-31")), vec![]),
            (
                range("2026-01-02", "2026-03-31"),
                Some(range("2026-02-01", "2026-03-31")),
                vec![range("2026-01-02", "2026-01-31")],
            ),
            (
                range("2026-01-01", "2026-03-30"),
                Some(range("2026-01-01", "2026-02-28")),
                vec![range("2026-03-01", "2026-03-30")],
            ),
            (range("2026-01-02", "2026-02-27"), None, vec![]),
            (range("2026-02-01", "2026-02-28"), Some(range("2026-02-01", "2026-02-28")), vec![]),
            (range("2026-02-28", "2026-02-28"), None, vec![]),
        ] {
            assert_eq!(days.whole_months(), inner, "{days:?}");
            if let Some(inner) = inner {
                assert_eq!(days.without(inner), rest, "{days:?}");
            }
        }
    }
}
