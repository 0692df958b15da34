//! The entries that sums include, and what the stored totals have of them.

use super::{
    grouping::{Grouping, Period, Range},
    report_filter::Scope,
    sums::Basis,
};

/// The entries that sums include, and the grouping of the sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection<'s> {
    pub(super) scope: &'s Scope,
    pub(super) basis: Basis,
    pub(super) group_by: Grouping,
    pub(super) range: Range,
}

impl Selection<'_> {
    /// Returns the same selection of another range.
    pub(super) fn within(self, range: Range) -> Self {
        Self { range, ..self }
    }

    /// Returns the part of the range that the stored totals have with the needed detail.
    pub(super) fn stored_range(self) -> Option<Range> {
        let Grouping { activity, member, period } = self.group_by;
        if self.scope.is_by_member() {
            None
        } else if !member {
            self.range.whole_months()
        } else if activity || self.scope.is_by_activity() || period > Some(Period::Year) {
            None
        } else {
            self.range.whole_years()
        }
    }

    /// `true` if the stored totals have the number of invoices of each row. An invoice has one day
    /// and one member, so that the numbers of years and months add up; those of activities and of
    /// payments do not.
    pub(super) fn is_counted(self) -> bool {
        self.basis == Basis::Invoiced && (self.group_by.activity || self.group_by.member)
    }

    /// `true` if the sums distinguish activities.
    pub(super) fn is_by_activity(&self) -> bool {
        self.group_by.activity || self.scope.is_by_activity()
    }
}
