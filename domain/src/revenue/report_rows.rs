//! The parameters of a report, and its rows in order with their total.

use std::collections::HashMap;

use ::entity::{
    id::{ActivityId, MemberId},
    term::add_months,
};
use chrono::NaiveDate;
use uuid::Uuid;

use super::{
    grouping::{Group, Grouping},
    sums::{Basis, Committed, Groups, Sums},
};
use crate::error::{FieldErrorCode, ValidationErrors};

/// The parameters of a report.
#[derive(Clone, Debug)]
pub struct ReportQuery {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The basis of the sums.
    pub basis: Basis,
    /// Dimensions by which rows are grouped.
    pub group_by: Grouping,
    /// Slugs of activities to include; null: all, and amounts without an activity.
    pub activities: Option<Vec<String>>,
    /// Members whose invoices to include; null: all buyers.
    pub members: Option<Vec<MemberId>>,
    /// `true` if the number of invoices is needed for each row, and for the total.
    pub counts: (bool, bool),
    /// `true` includes committed cost, with rows that have nothing else.
    pub committed: bool,
}

/// Maximum length of a period in months.
const MAX_MONTHS: i32 = 1200;

impl ReportQuery {
    /// Adds the errors of the period.
    pub(super) fn check(&self, errors: &mut ValidationErrors) {
        errors.expect(
            self.from <= self.to,
            "to",
            FieldErrorCode::too_early(self.from, "must not be before the first day"),
        );
        let end = add_months(self.from, MAX_MONTHS);
        errors.expect(
            self.to < end,
            "to",
            FieldErrorCode::too_late(
                end.pred_opt().unwrap_or(end),
                "must be less than 100 years after the first day",
            ),
        );
    }
}

/// A row of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Group of the row.
    pub group: Group,
    /// Sums of the row.
    pub sums: Sums,
}

impl Row {
    /// Returns the committed cost; `None` unless it was requested, and if costs are withheld.
    #[must_use]
    pub fn committed(&self) -> Option<Committed> {
        self.sums.committed.filter(|_| !self.sums.are_costs_withheld)
    }
}

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rows ordered by period, name of activity and name of member, those without one last.
    pub rows: Vec<Row>,
    /// The sum of the rows; an invoice in several of them is counted only one time. `None` if
    /// something is withheld from the viewer, so that the sum would be false.
    pub total: Option<Sums>,
    /// Requested activities of which the viewer can read nothing.
    pub withheld: Vec<ActivityId>,
}

/// Returns the rows of groups in no order. Groups without any amount have none.
pub(super) fn rows_of(groups: Groups) -> Vec<Row> {
    let has_money = groups.0.into_iter().filter(|(_, sums)| sums.has_money());
    has_money.map(|(group, sums)| Row { group, sums }).collect()
}

impl Report {
    /// Creates the report of these rows. `total` has what is no sum of rows, as the number of
    /// invoices; `activities` and `members` are the sort keys of their names.
    pub(super) fn new(
        mut rows: Vec<Row>,
        mut total: Sums,
        activities: &HashMap<Uuid, String>,
        members: &HashMap<Uuid, String>,
    ) -> Self {
        for row in &rows {
            total.add(&Sums { invoices: 0, ..row.sums });
        }
        // Sort keys contain no character this high, so rows without a name come last.
        let name = |names: &HashMap<Uuid, String>, id: Option<Uuid>| {
            id.map_or_else(
                || "\u{10ffff}".to_owned(),
                |id| names.get(&id).cloned().unwrap_or_default(),
            )
        };
        rows.sort_by_cached_key(|row| {
            let (activity, member) =
                (row.group.activity.map(Uuid::from), row.group.member.map(Uuid::from));
            (
                row.group.period.clone(),
                name(activities, activity),
                name(members, member),
                activity,
                member,
            )
        });
        Self { rows, total: Some(total), withheld: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use ::entity::total::Total;

    use super::*;

    fn group(period: &str, activity: u128, member: u128) -> Group {
        let id = |id: u128| Some(Uuid::from_u128(id)).filter(|id| !id.is_nil());
        Group {
            activity: id(activity).map(ActivityId),
            member: id(member).map(MemberId),
            period: Some(period.to_owned()),
        }
    }

    #[test]
    fn rows_are_ordered_by_period_and_name_those_without_a_name_last() {
        let names = |names: &[(u128, &str)]| -> HashMap<Uuid, String> {
            names.iter().map(|(id, name)| (Uuid::from_u128(*id), (*name).to_owned())).collect()
        };
        let sums = Sums { net: Total(100), invoices: 3, ..Sums::default() };
        let groups = [
            group("2026", 0, 1),
            group("2026", 1, 0),
            group("2026", 1, 2),
            group("2026", 2, 0),
            group("2025", 0, 0),
        ];
        let rows = groups.iter().map(|group| Row { group: group.clone(), sums }).collect();
        let total = Sums { invoices: 7, ..Sums::default() };
        let report =
            Report::new(rows, total, &names(&[(1, "b"), (2, "a")]), &names(&[(1, "a"), (2, "b")]));
        let order: Vec<_> = report.rows.iter().map(|row| &row.group).collect();
        assert_eq!(order, [&groups[4], &groups[3], &groups[2], &groups[1], &groups[0]]);
        let total = report.total.unwrap();
        assert_eq!((total.net, total.invoices), (Total(500), 7));
    }

    #[test]
    fn groups_without_an_amount_have_no_row() {
        let mut groups = Groups::default();
        groups.of(group("2026", 1, 0)).unwrap().invoices = 2;
        groups.of(group("2026", 2, 0)).unwrap().cost = Total(-1);
        let rows = rows_of(groups);
        assert_eq!(rows.iter().map(|row| &row.group).collect::<Vec<_>>(), [&group("2026", 2, 0)]);
    }

    #[test]
    fn a_report_covers_less_than_a_hundred_years() {
        let check = |from: &str, to: &str| {
            let query = ReportQuery {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                basis: Basis::Invoiced,
                group_by: Grouping::default(),
                activities: None,
                members: None,
                counts: (false, false),
                committed: false,
            };
            let mut errors = ValidationErrors::default();
            query.check(&mut errors);
            errors.into_inner().len()
        };
        assert_eq!(check("2026-01-01", "2026-01-01"), 0);
        assert_eq!(check("2026-01-02", "2026-01-01"), 1);
        assert_eq!(check("2026-01-01", "2125-12-31"), 0);
        assert_eq!(check("2026-01-01", "2126-01-01"), 1);
    }
}
