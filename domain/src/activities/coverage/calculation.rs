//! Coverage of activities, calculated from members and participation agreements.

use std::collections::{HashMap, HashSet};

use ::entity::{
    id::{ActivityId, MemberId},
    member,
};

/// The number of members, and of those that have joined each activity.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Number of members on the day.
    pub members: i64,
    /// Number of them that have joined each activity; an activity that none has joined has no
    /// entry.
    pub connected: HashMap<ActivityId, i64>,
}

/// Returns the share of members that have joined, 0 to 1; 0 when there are no members.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "members are far fewer than 2^53")]
pub fn share(connected: i64, members: i64) -> f64 {
    if members == 0 { 0.0 } else { connected as f64 / members as f64 }
}

/// The members on a day, and for each of several activities those that have not joined. Each
/// member's row is stored only one time.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    /// The members, ordered by name.
    pub members: Vec<member::Model>,
    /// Number of them that have joined each activity.
    pub connected: HashMap<ActivityId, i64>,
    /// Indexes into `members` of those that have not joined; empty for an activity that needs no
    /// agreements. An activity that is not [`readable`](super::readable) has no entry.
    pub positions: HashMap<ActivityId, Vec<usize>>,
}

impl Missing {
    /// Returns the members that have not joined each of these activities, for a viewer who may read
    /// the names of the participants of the `readable` ones. `joined` are the participations in
    /// force, also of others than these members; `needs_none` the activities without agreements.
    pub(super) fn of(
        members: Vec<member::Model>,
        (activities, readable): (&[ActivityId], &HashSet<ActivityId>),
        joined: &HashSet<(ActivityId, MemberId)>,
        needs_none: &HashSet<ActivityId>,
    ) -> Self {
        let mut missing = Self { members, ..Self::default() };
        for activity in activities {
            let lacking = (0..missing.members.len())
                .filter(|position| !joined.contains(&(*activity, missing.members[*position].id)));
            let lacking: Vec<_> = lacking.collect();
            let connected =
                i64::try_from(missing.members.len() - lacking.len()).unwrap_or(i64::MAX);
            missing.connected.insert(*activity, connected);
            if readable.contains(activity) {
                let lacking = if needs_none.contains(activity) { Vec::new() } else { lacking };
                missing.positions.insert(*activity, lacking);
            }
        }
        missing
    }
}

/// The members that joined and left between two days, by activity. An activity without any has no
/// entry.
#[derive(Clone, Debug, Default)]
pub struct Trend {
    /// Members on the later day with an agreement in force, which had none or were not members on
    /// the earlier day.
    pub joined: HashMap<ActivityId, Vec<MemberId>>,
    /// Members on the earlier day with an agreement in force, which have none or are not members on
    /// the later day.
    pub left: HashMap<ActivityId, Vec<MemberId>>,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn shares_match_the_published_report() {
        for (connected, per_cent) in [(40, "57.14"), (31, "44.29")] {
            assert_eq!(format!("{:.2}", share(connected, 70) * 100.0), per_cent);
        }
        assert_eq!(share(0, 0).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn members_without_participation_are_missing() {
        let member = |id| member::Model { id: MemberId(Uuid::from_u128(id)), ..Default::default() };
        let activity = |id| ActivityId(Uuid::from_u128(id));
        let joined: HashSet<_> = [(1, 10), (1, 11), (1, 99), (2, 12)]
            .map(|(activity_id, member_id)| (activity(activity_id), member(member_id).id))
            .into();
        let activities = [activity(1), activity(2), activity(3), activity(4)];
        let readable: HashSet<_> = [activity(1), activity(3), activity(4)].into();
        let found = Missing::of(
            vec![member(10), member(11), member(12)],
            (&activities, &readable),
            &joined,
            &[activity(4)].into(),
        );
        let connected: Vec<_> = activities.iter().map(|id| found.connected[id]).collect();
        assert_eq!(connected, [2, 1, 0, 0]);
        assert_eq!(found.positions[&activity(1)], [2]);
        assert_eq!(found.positions.get(&activity(2)), None);
        assert_eq!(found.positions[&activity(3)], [0, 1, 2]);
        assert!(found.positions[&activity(4)].is_empty());
        assert_eq!(found.members.len(), 3);
    }
}
