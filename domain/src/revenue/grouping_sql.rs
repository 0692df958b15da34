//! SQL of the grouping of a report, and of its range of days.

use ::entity::id::ActivityId;
use sea_orm::{
    DbBackend, ExprTrait, QueryResult,
    sea_query::{Expr, SelectStatement, SimpleExpr},
};
use uuid::Uuid;

use super::grouping::{Group, Grouping, MAX_GROUPS, Period, Range};
use crate::error::Result;

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
    /// SQL expression for [`Self::name`]; must agree with it.
    fn of(self, backend: DbBackend, day: &SimpleExpr) -> SimpleExpr {
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

impl Range {
    /// SQL predicate: the column is a day in the range.
    pub(super) fn has(self, day: &SimpleExpr) -> SimpleExpr {
        day.clone().between(self.from, self.to)
    }
}
