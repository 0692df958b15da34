//! The columns of the matrix of members and activities that a viewer gets.

use std::collections::HashMap;

use ::entity::{activity, id::ActivityId, kind::FundingKind};
use chrono::NaiveDate;

use crate::{
    auth::viewer::Visibility,
    error::{FieldErrorCode, ValidationErrors},
};

/// The columns of the matrix.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// The activities that run on the day and need agreements, ordered by name. Only activities
    /// about which the viewer can read agreements are included.
    pub activities: Vec<activity::Model>,
    /// The activities that only volunteers fund, and that need no agreements.
    pub by_volunteers: Vec<activity::Model>,
}

impl Columns {
    /// Returns the columns of running activities, with their funding, for a viewer who can read
    /// these agreements.
    pub(super) fn of(
        running: Vec<activity::Model>,
        funding: &HashMap<ActivityId, Vec<FundingKind>>,
        visibility: &Visibility,
    ) -> Self {
        let is_by_volunteers = |activity: &activity::Model| {
            funding.get(&activity.id).is_some_and(|kinds| kinds == &[FundingKind::Volunteer])
        };
        let (by_volunteers, mut activities): (Vec<_>, Vec<_>) =
            running.into_iter().partition(is_by_volunteers);
        // Omit a column whose agreements the viewer cannot read: it would look as if no one
        // participates.
        activities.retain(|activity| {
            visibility.all
                || visibility.activities.contains(&activity.slug)
                || (visibility.activities.is_empty() && visibility.member.is_some())
        });
        Self { activities, by_volunteers }
    }
}

/// Adds an error unless the earlier day of a comparison is before the later one.
pub fn check(compared_to: Option<NaiveDate>, as_of: NaiveDate, errors: &mut ValidationErrors) {
    errors.expect(
        compared_to.is_none_or(|compared_to| compared_to < as_of),
        "compared_to",
        FieldErrorCode::too_late(
            as_of.pred_opt().unwrap_or(as_of),
            "must be before the day of the matrix",
        ),
    );
}

#[cfg(test)]
mod tests {
    use ::entity::id::MemberId;

    use super::*;

    fn activity(slug: &str) -> activity::Model {
        activity::Model { id: ActivityId::new(), slug: slug.into(), ..activity::Model::default() }
    }

    #[test]
    fn a_viewer_gets_the_columns_whose_agreements_it_reads() {
        let (bip, other, free) = (activity("bip"), activity("other"), activity("free"));
        let funding = HashMap::from([
            (bip.id, vec![FundingKind::SpecialFee, FundingKind::Volunteer]),
            (free.id, vec![FundingKind::Volunteer]),
        ]);
        let slugs = |activities: &[activity::Model]| {
            activities.iter().map(|activity| activity.slug.clone()).collect::<Vec<_>>()
        };
        let member = Some(MemberId::new());
        let own = vec!["bip".to_owned()];
        for (visibility, expected) in [
            (Visibility { all: true, ..Visibility::default() }, &["bip", "other"][..]),
            (Visibility { member, ..Visibility::default() }, &["bip", "other"]),
            (Visibility { activities: own.clone(), ..Visibility::default() }, &["bip"]),
            (Visibility { member, activities: own, ..Visibility::default() }, &["bip"]),
            (Visibility::default(), &[]),
        ] {
            let running = vec![bip.clone(), other.clone(), free.clone()];
            let columns = Columns::of(running, &funding, &visibility);
            assert_eq!(slugs(&columns.activities), expected, "{visibility:?}");
            assert_eq!(slugs(&columns.by_volunteers), ["free"]);
        }
    }

    #[test]
    fn a_comparison_is_to_an_earlier_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (compared_to, is_allowed) in [
            (None, true),
            (Some(day("2026-06-30")), true),
            (Some(day("2026-07-01")), false),
            (Some(day("2026-07-02")), false),
        ] {
            let mut errors = ValidationErrors::default();
            check(compared_to, day("2026-07-01"), &mut errors);
            assert_eq!(errors.is_empty(), is_allowed, "{compared_to:?}");
        }
    }
}
