//! The scope of a report: the requested part of the ledger, within what the viewer can read.

use ::entity::id::{ActivityId, MemberId};

/// A part of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Activities of lines, costs and grants; null: any.
    pub(super) activities: Option<Vec<ActivityId>>,
    /// Members that were invoiced; null: any buyer.
    pub(super) members: Option<Vec<MemberId>>,
    /// The restriction to what the viewer can read; null: none.
    pub(super) seen: Option<Seen>,
}

/// The restriction for a viewer who cannot read everything. A row must match one of its parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Invoices to this member.
    pub(super) member: Option<MemberId>,
    /// Rows of these activities.
    pub(super) activities: Vec<ActivityId>,
}

impl Scope {
    /// Returns all rows of these activities. Only for totals that may be public.
    #[must_use]
    pub fn every_row_of(activities: &[ActivityId]) -> Self {
        Self { activities: Some(activities.to_vec()), members: None, seen: None }
    }

    /// Returns the part of the scope that belongs to these of its activities.
    #[must_use]
    pub fn restricted_to(&self, activities: &[ActivityId]) -> Self {
        Self { activities: Some(activities.to_vec()), ..self.clone() }
    }

    /// `true` if the viewer can read no revenue at all.
    #[must_use]
    pub fn reads_nothing(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.member.is_none() && seen.activities.is_empty())
    }

    /// Returns the requested activities of which the viewer can read nothing. A viewer with an own
    /// association can read what any activity invoiced to it.
    #[must_use]
    pub fn unreadable(&self) -> Vec<ActivityId> {
        let requested = self.activities.iter().flatten().copied();
        match &self.seen {
            Some(seen) if seen.member.is_none() => {
                requested.filter(|activity| !seen.activities.contains(activity)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// `true` if the viewer can read all costs and grants that belong in a row: those of an
    /// activity, or of all in the scope.
    #[must_use]
    pub fn can_read_costs_in_row_of(&self, activity: Option<ActivityId>) -> bool {
        self.seen.as_ref().is_none_or(|seen| {
            seen.member.is_none() || activity.is_some_and(|id| seen.activities.contains(&id))
        })
    }

    /// `true` if the scope cannot contain anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reads_nothing()
            || self.activities.as_ref().is_some_and(Vec::is_empty)
            || self.members.as_ref().is_some_and(Vec::is_empty)
    }

    /// `true` if the sums need the member of each invoice.
    #[must_use]
    pub fn is_by_member(&self) -> bool {
        self.members.is_some() || self.seen.as_ref().is_some_and(|seen| seen.member.is_some())
    }

    /// `true` if the sums need the activity of each line.
    #[must_use]
    pub fn is_by_activity(&self) -> bool {
        self.activities.is_some()
            || self.seen.as_ref().is_some_and(|seen| !seen.activities.is_empty())
    }

    /// `true` if the scope can contain costs and grants, which belong to an activity and to no
    /// member.
    #[must_use]
    pub fn has_costs(&self) -> bool {
        self.members.is_none() && self.seen.as_ref().is_none_or(|seen| !seen.activities.is_empty())
    }

    /// `true` if the viewer can read the costs and grants of an activity in the scope.
    #[must_use]
    pub fn can_read_costs_of(&self, activity: ActivityId) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.activities.contains(&activity))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn activity(id: u128) -> ActivityId {
        ActivityId(Uuid::from_u128(id))
    }

    /// Returns the scope of a viewer with these activities, and an own association or none.
    fn seen(own: bool, activities: &[u128]) -> Scope {
        let member = own.then(|| MemberId(Uuid::from_u128(1)));
        let activities = activities.iter().map(|id| activity(*id)).collect();
        Scope { seen: Some(Seen { member, activities }), ..Scope::default() }
    }

    #[test]
    fn an_unrestricted_viewer_reads_everything() {
        let all = Scope::default();
        assert!(!all.reads_nothing() && !all.is_empty() && all.has_costs());
        assert!(!all.is_by_member() && !all.is_by_activity());
        assert!(all.can_read_costs_of(activity(1)) && all.can_read_costs_in_row_of(None));
        let of_members = Scope { members: Some(vec![MemberId::new()]), ..Scope::default() };
        assert!(of_members.is_by_member() && !of_members.has_costs());
        assert!(Scope::every_row_of(&[]).is_empty());
    }

    #[test]
    fn a_member_reads_its_invoices_and_no_costs() {
        let member = seen(true, &[]);
        assert!(!member.reads_nothing() && member.is_by_member() && !member.is_by_activity());
        assert!(!member.has_costs() && !member.can_read_costs_of(activity(1)));
        assert!(!member.can_read_costs_in_row_of(None));
        assert!(member.restricted_to(&[activity(1)]).unreadable().is_empty());
    }

    #[test]
    fn a_lead_reads_its_activities_with_their_costs() {
        let lead = seen(false, &[1]);
        assert!(lead.has_costs() && lead.is_by_activity() && !lead.is_by_member());
        assert!(lead.can_read_costs_of(activity(1)) && !lead.can_read_costs_of(activity(2)));
        // Every row that it reads belongs to its activities.
        assert!(lead.can_read_costs_in_row_of(None));
        let both = lead.restricted_to(&[activity(1), activity(2)]);
        assert_eq!(both.unreadable(), [activity(2)]);
        let with_member = seen(true, &[1]);
        assert!(!with_member.can_read_costs_in_row_of(None));
        assert!(with_member.can_read_costs_in_row_of(Some(activity(1))));
    }

    #[test]
    fn a_viewer_without_rows_reads_nothing() {
        let nothing = seen(false, &[]);
        assert!(nothing.reads_nothing() && nothing.is_empty() && !nothing.has_costs());
        assert_eq!(nothing.restricted_to(&[activity(1)]).unreadable(), [activity(1)]);
    }
}
