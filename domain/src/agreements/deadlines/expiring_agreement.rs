//! An agreement with its deadline, for display, and its event in a calendar.

use std::collections::HashMap;

use ::entity::{
    agreement::Model,
    id::{ActivityId, AgreementId, Identifier},
    kind::{AgreementKind, DeadlineKind},
};
use chrono::{DateTime, NaiveDate, Utc};
use documents::calendar;
use uuid::Uuid;

use super::rules::{Reason, Window};
use crate::term_sql;

/// The number of changes of objects and the time of the last one, by id.
pub(super) type Changes = HashMap<Uuid, (i64, DateTime<Utc>)>;

/// The names that agreements are displayed with, as far as the viewer can read them.
pub(super) struct Names {
    /// Names of counterparties.
    pub parties: HashMap<Uuid, String>,
    /// Slugs and names of activities.
    pub activities: HashMap<ActivityId, (String, String)>,
}

/// An agreement with its deadline, for display.
#[derive(Clone, Debug)]
pub struct Expiring {
    /// Identifier.
    pub id: AgreementId,
    /// Number, for example `2026-0042`.
    pub number: String,
    /// The counterparty's name; empty if the viewer cannot read it.
    pub counterparty: String,
    /// Slug and name of the activity; null: none.
    pub activity: Option<(String, String)>,
    /// Kind of agreement.
    pub kind: AgreementKind,
    /// Kind of deadline.
    pub deadline: DeadlineKind,
    /// Ids of the counterparty and the activity.
    pub(super) named: Vec<Uuid>,
    /// The reason for the deadline.
    pub reason: Reason,
    /// The day of the deadline.
    pub on: NaiveDate,
    /// Number of days from the first day of the window to the deadline.
    pub days_left: i64,
    /// Number of renewals before the deadline.
    rounds: i32,
}

impl Expiring {
    /// Returns the id in the API's format.
    #[must_use]
    pub fn api_id(&self) -> String {
        self.id.global_id()
    }

    /// Returns an agreement with its next deadline from the first day of a window on; `None` if it
    /// has none.
    pub(super) fn of(row: Model, window: Window, names: &Names) -> Option<Self> {
        let term = term_sql::of(&row);
        let deadline = term.next_deadline(window.from)?;
        let party = row.member_id.map(Uuid::from).or(row.organisation_id.map(Uuid::from));
        Some(Self {
            id: row.id,
            number: row.number.unwrap_or_default(),
            counterparty: party.and_then(|id| names.parties.get(&id).cloned()).unwrap_or_default(),
            activity: row.activity_id.and_then(|id| names.activities.get(&id).cloned()),
            kind: row.kind,
            deadline: deadline.kind,
            named: [party, row.activity_id.map(Uuid::from)].into_iter().flatten().collect(),
            reason: Reason::of(&term, window.from)?,
            on: deadline.on,
            days_left: (deadline.on - window.from).num_days(),
            rounds: term.rounds_before(deadline.on),
        })
    }

    /// Returns the event of the deadline in a calendar. Its sequence number counts the renewals
    /// before it and the changes of the agreement, its counterparty and its activity.
    pub(super) fn event(&self, changes: &Changes) -> calendar::Day {
        let what = match self.deadline {
            DeadlineKind::Notice => ": sista dag för uppsägning",
            DeadlineKind::End => " upphör",
        };
        let activity =
            self.activity.as_ref().map(|(_, name)| format!(", {name}")).unwrap_or_default();
        let consequence = match self.reason {
            Reason::Renews { months } => {
                format!("Avtalet förlängs med {months} mån. om det inte sägs upp senast denna dag.")
            }
            Reason::Ends => "Avtalets sista dag; det förlängs inte automatiskt.".to_owned(),
            Reason::NoticeGiven { on } => format!("Avtalets sista dag; det sades upp den {on}."),
        };
        let subjects = self.named.iter().copied().chain([self.id.into()]);
        let changed: Vec<_> = subjects.filter_map(|id| changes.get(&id)).collect();
        calendar::Day {
            // One event for each agreement, so that a notice moves the event and leaves no old one.
            uid: format!("{}@samregister", self.api_id()),
            on: self.on,
            summary: format!("Avtal {} med {}{what}", self.number, self.counterparty),
            description: format!("{}{activity}\n{consequence}", self.counterparty),
            sequence: changed.iter().map(|(count, _)| count).sum::<i64>() + i64::from(self.rounds),
            changed_at: changed.iter().map(|(_, at)| *at).max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ::entity::id::MemberId;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn signed() -> Model {
        Model {
            id: AgreementId::new(),
            number: Some("2026-0001".into()),
            member_id: Some(MemberId::new()),
            activity_id: Some(ActivityId::new()),
            starts_on: day("2025-01-01"),
            ends_on: Some(day("2025-12-31")),
            notice_months: 3,
            renewal_months: Some(12),
            signed_on: Some(day("2024-12-01")),
            ..Model::default()
        }
    }

    fn names(row: &Model) -> Names {
        Names {
            parties: row.member_id.map(|id| (id.0, "Ale".to_owned())).into_iter().collect(),
            activities: row
                .activity_id
                .map(|id| (id, ("bip".to_owned(), "BIP".to_owned())))
                .into_iter()
                .collect(),
        }
    }

    fn window() -> Window {
        Window { from: day("2026-09-01"), to: day("2026-12-31") }
    }

    #[test]
    fn the_next_deadline_is_shown_with_the_names_that_may_be_read() {
        let row = signed();
        let found = Expiring::of(row.clone(), window(), &names(&row)).unwrap();
        assert_eq!((found.on, found.days_left), (day("2026-09-30"), 29));
        assert_eq!((found.reason, found.rounds), (Reason::Renews { months: 12 }, 1));
        assert_eq!((found.counterparty.as_str(), found.named.len()), ("Ale", 2));
        let none = Names { parties: HashMap::new(), activities: HashMap::new() };
        let found = Expiring::of(row.clone(), window(), &none).unwrap();
        assert_eq!((found.counterparty.as_str(), found.activity), ("", None));
        let open = Model { ends_on: None, renewal_months: None, ..row };
        assert!(Expiring::of(open, window(), &none).is_none());
    }

    #[test]
    fn the_sequence_of_an_event_counts_changes_and_renewals() {
        let row = signed();
        let found = Expiring::of(row.clone(), window(), &names(&row)).unwrap();
        let at = |hour: i64| DateTime::<Utc>::from_timestamp(hour * 3600, 0).unwrap();
        let event = found.event(&Changes::new());
        assert_eq!((event.sequence, event.changed_at), (1, None));
        assert_eq!(event.summary, "Avtal 2026-0001 med Ale: sista dag för uppsägning");
        assert!(event.description.starts_with("Ale, BIP\nAvtalet förlängs med 12 mån."));
        let changes = Changes::from([
            (row.id.0, (3, at(1))),
            (row.member_id.unwrap().0, (2, at(2))),
            (Uuid::from_u128(7), (9, at(9))),
        ]);
        let event = found.event(&changes);
        assert_eq!((event.sequence, event.changed_at), (6, Some(at(2))));
    }
}
