//! Grouping of a report: the activity, member and period of its rows, and ranges of days.

use ::entity::id::{ActivityId, MemberId};
use chrono::{Datelike, Days, Months, NaiveDate};
use documents::swedish;
use sea_orm::{
    DbBackend, ExprTrait, QueryResult,
    sea_query::{Expr, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use crate::{error::Result, invoices::monthly_totals::month_of};

/// The activity, member and period of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Group {
    /// The activity; null: none, or any if rows are not grouped by activity.
    pub activity: Option<ActivityId>,
    /// The member; null: none, or any if rows are not grouped by member.
    pub member: Option<MemberId>,
    /// `2026`, `2026-Q2` or `2026-04`; null if rows are not grouped by period.
    pub period: Option<String>,
}

/// The dimensions by which rows are grouped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// `true` groups by activity.
    pub activity: bool,
    /// `true` groups by member.
    pub member: bool,
    /// The length of the periods; null: not grouped by period.
    pub period: Option<Period>,
}

impl Grouping {
    /// Groups a statement by these columns, which come first in its rows.
    pub(super) fn onto(
        self,
        select: &mut SelectStatement,
        backend: DbBackend,
        activity: SimpleExpr,
        member: SimpleExpr,
        day: &SimpleExpr,
    ) {
        let columns = [
            self.activity.then_some(activity),
            self.member.then_some(member),
            self.period.map(|period| period.of(backend, day)),
        ];
        for column in columns.into_iter().flatten() {
            select.expr(column.clone()).add_group_by([column]);
        }
        // One more than the maximum, so that an excess is detected.
        select.limit(MAX_GROUPS as u64 + 1);
    }

    /// Reads the group of a row. Also returns the index of the next column.
    pub(super) fn read(self, row: &QueryResult) -> Result<(Group, usize)> {
        let mut position = 0;
        let mut next = || {
            position += 1;
            position - 1
        };
        let activity =
            if self.activity { row.try_get_by_index::<Option<Uuid>>(next())? } else { None };
        let member = if self.member { row.try_get_by_index(next())? } else { None };
        let period = if self.period.is_some() { row.try_get_by_index(next())? } else { None };
        Ok((
            Group { activity: activity.filter(|id| !id.is_nil()).map(ActivityId), member, period },
            position,
        ))
    }
}

impl Period {
    /// Returns the name of the period that contains a day.
    #[must_use]
    pub fn name(self, day: NaiveDate) -> String {
        match self {
            Self::Year => day.format("%Y").to_string(),
            Self::Quarter => format!("{}-Q{}", day.year(), day.month0() / 3 + 1),
            Self::Month => day.format("%Y-%m").to_string(),
        }
    }

    /// Returns the Swedish name of a period from the name of [`Self::name`]: `2026`, `kvartal 2
    /// 2026`, `april 2026`.
    #[must_use]
    pub fn in_swedish(self, name: &str) -> String {
        match self {
            Self::Year => name.to_owned(),
            Self::Quarter => name.split_once("-Q").map_or_else(
                || name.to_owned(),
                |(year, quarter)| format!("kvartal {quarter} {year}"),
            ),
            Self::Month => {
                format!("{name}-01").parse().map_or_else(|_| name.to_owned(), swedish::month)
            }
        }
    }

    /// SQL expression for [`Self::name`]; must agree with it.
    pub(super) fn of(self, backend: DbBackend, day: &SimpleExpr) -> SimpleExpr {
        let text = match (backend, self) {
            (DbBackend::Postgres, Self::Year) => "to_char($1, 'YYYY')",
            (DbBackend::Postgres, Self::Quarter) => "to_char($1, 'YYYY-\"Q\"Q')",
            (DbBackend::Postgres, Self::Month) => "to_char($1, 'YYYY-MM')",
            (_, Self::Year) => "substr(?, 1, 4)",
            (_, Self::Quarter) => "substr(?, 1, 4) || '-Q' || ((substr(?, 6, 2) + 2) / 3)",
            (_, Self::Month) => "substr(?, 1, 7)",
        };
        Expr::cust_with_exprs(text, [day.clone(), day.clone()])
    }
}

/// A range of days, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Range {
    /// Returns the days of a calendar year; `None` if the calendar has no such year.
    #[must_use]
    pub fn year(year: i32) -> Option<Self> {
        Some(Self {
            from: NaiveDate::from_ymd_opt(year, 1, 1)?,
            to: NaiveDate::from_ymd_opt(year, 12, 31)?,
        })
    }

    /// Returns the whole calendar months in the range; `None` if there are none.
    #[must_use]
    pub fn whole_months(self) -> Option<Self> {
        let next_month = |day| month_of(day).checked_add_months(Months::new(1));
        let from = if self.from.day() == 1 { self.from } else { next_month(self.from)? };
        let after = self.to.succ_opt()?;
        let to = month_of(after).pred_opt()?;
        (from <= to).then_some(Self { from, to })
    }

    /// Returns the parts of the range before and after an inner range.
    #[must_use]
    pub fn without(self, inner: Self) -> Vec<Self> {
        let before =
            inner.from.checked_sub_days(Days::new(1)).map(|to| Self { from: self.from, to });
        let after = inner.to.checked_add_days(Days::new(1)).map(|from| Self { from, to: self.to });
        before.into_iter().chain(after).filter(|range| range.from <= range.to).collect()
    }

    /// SQL predicate: the column is a day in the range.
    pub(super) fn has(self, day: &SimpleExpr) -> SimpleExpr {
        day.clone().between(self.from, self.to)
    }
}

/// The length of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    /// `2026`.
    Year,
    /// `2026-Q2`.
    Quarter,
    /// `2026-04`.
    Month,
}

/// Maximum number of rows of a report, to limit the server's memory.
pub(super) const MAX_GROUPS: usize = 100_000;
