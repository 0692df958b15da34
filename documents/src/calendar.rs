//! Calendars (iCalendar, RFC 5545) of days on which a decision is due.

use chrono::{DateTime, Days, NaiveDate, Utc};
use icalendar::{Calendar, Component, Event, EventLike, Property};

/// A day on which a decision is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Permanent identifier: a calendar that has the event already updates it instead of adding a
    /// second one.
    pub uid: String,
    /// The day.
    pub on: NaiveDate,
    /// Title, in a line.
    pub summary: String,
    /// Description.
    pub description: String,
    /// Number that increases with every change.
    pub sequence: i64,
    /// Time of the last change; null: unknown.
    pub changed_at: Option<DateTime<Utc>>,
}

/// Renders a calendar with this name and these days, generated at `now`.
#[must_use]
pub fn render(name: &str, days: &[Day], now: DateTime<Utc>) -> String {
    let mut calendar = Calendar::empty();
    calendar.append_property(Property::new("VERSION", "2.0"));
    calendar.append_property(Property::new("PRODID", "-//Samregister//Samregister//SV"));
    calendar.append_property(Property::new("CALSCALE", "GREGORIAN"));
    // No METHOD: it would make this a scheduling message (RFC 5546), which requires an ORGANIZER,
    // and an event without attendees must not have an ORGANIZER (RFC 5545, 3.8.4.3).
    calendar.name(name);
    for day in days {
        let mut event = Event::new();
        event.uid(&day.uid).timestamp(now).summary(&day.summary).description(&day.description);
        event.starts(day.on).ends(day.on.checked_add_days(Days::new(1)).unwrap_or(day.on));
        event.add_property("SEQUENCE", day.sequence.to_string());
        if let Some(at) = day.changed_at {
            event.last_modified(at);
        }
        // The event does not make anyone busy.
        event.add_property("TRANSP", "TRANSPARENT");
        calendar.push(event);
    }
    calendar.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_last_whole_days_and_have_stable_uids() {
        let day = Day {
            uid: "agreement_1-NOTICE@samregister".into(),
            on: "2026-12-31".parse().unwrap(),
            summary: "Avtal 2026-0042, Åre; ö: sista dag för uppsägning".into(),
            description: "Rad ett\nrad två".into(),
            sequence: 7,
            changed_at: Some(DateTime::UNIX_EPOCH),
        };
        let text = render("Avtal", &[day], DateTime::UNIX_EPOCH);
        insta::assert_snapshot!(text.replace("\r\n", "\n"), @r"
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//Samregister//Samregister//SV
        CALSCALE:GREGORIAN
        NAME:Avtal
        X-WR-CALNAME:Avtal
        BEGIN:VEVENT
        DESCRIPTION:Rad ett\nrad två
        DTEND;VALUE=DATE:20270101
        DTSTAMP:19700101T000000Z
        DTSTART;VALUE=DATE:20261231
        LAST-MODIFIED:19700101T000000Z
        SEQUENCE:7
        SUMMARY:Avtal 2026-0042\, Åre\; ö: sista dag för uppsägning
        TRANSP:TRANSPARENT
        UID:agreement_1-NOTICE@samregister
        END:VEVENT
        END:VCALENDAR
        ");
    }
}
