//! The date rules of a term: when an agreement is in force, what its status is and which deadline comes next, as of any day.
//!
//! End dates are inclusive. Nothing here is stored: every answer follows from the facts and a day, and the register's `terms` say the same in SQL.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::kind::DeadlineKind;

/// The facts that an agreement's status and deadlines follow from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the agreed term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice.
    pub notice_months: i32,
    /// Months that the term is prolonged by when nobody gives notice; null: it just ends.
    pub renewal_months: Option<i32>,
    /// Day of the offer; null: a draft.
    pub offered_on: Option<NaiveDate>,
    /// Day on which both parties had signed.
    pub signed_on: Option<NaiveDate>,
    /// Day on which a draft or an offer was withdrawn.
    pub withdrawn_on: Option<NaiveDate>,
    /// Day on which notice was given; `ends_on` then says when it ends.
    pub notice_given_on: Option<NaiveDate>,
    /// First day of the signed agreement that replaces this one.
    pub replaced_from: Option<NaiveDate>,
}

/// Where an agreement is in its life, as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Being written.
    Draft,
    /// Sent to the counterparty.
    Offered,
    /// Signed, not yet in force.
    Signed,
    /// In force.
    Active,
    /// In force, and ends on a known day since notice was given.
    NoticeGiven,
    /// Was in force.
    Ended,
    /// Never came about.
    Withdrawn,
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 7] = [Self::Draft, Self::Offered, Self::Signed, Self::Active, Self::NoticeGiven, Self::Ended, Self::Withdrawn];
}

/// The next day on which something must be decided about an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// What falls due.
    pub kind: DeadlineKind,
    /// The day.
    pub on: NaiveDate,
}

/// `months` after `day`, clamped to the month's last day: 31 January and one month is 28 or 29 February. Negative months go back.
#[must_use]
pub fn add_months(day: NaiveDate, months: i32) -> NaiveDate {
    let step = Months::new(months.unsigned_abs());
    let moved = if months < 0 { day.checked_sub_months(step) } else { day.checked_add_months(step) };
    // Beyond the calendar's end (year 262142) there is nothing sensible to say; input is limited to years 1900 to 2999.
    moved.unwrap_or(day)
}

fn month_index(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0().cast_signed()
}

impl Term {
    /// Where the agreement is in its life on `on`.
    #[must_use]
    pub fn status(&self, on: NaiveDate) -> Status {
        let by = |fact: Option<NaiveDate>| fact.is_some_and(|day| day <= on);
        if by(self.withdrawn_on) {
            Status::Withdrawn
        } else if !by(self.signed_on) {
            if by(self.offered_on) { Status::Offered } else { Status::Draft }
        } else if on < self.starts_on {
            Status::Signed
        } else if self.last_day(on).is_some_and(|last| last < on) {
            Status::Ended
        } else if by(self.notice_given_on) {
            Status::NoticeGiven
        } else {
            Status::Active
        }
    }

    /// Whether the agreement is in force on `on`.
    #[must_use]
    pub fn is_in_force(&self, on: NaiveDate) -> bool {
        matches!(self.status(on), Status::Active | Status::NoticeGiven)
    }

    /// Whether the term goes on by itself: as long as nobody gave notice.
    #[must_use]
    pub fn renews(&self) -> bool {
        self.renewal_months.is_some() && self.notice_given_on.is_none()
    }

    /// Last day in force, as known on `on`: of the term that runs then when it is prolonged by itself, and never later than the day before a successor starts. Null: until further notice.
    #[must_use]
    pub fn last_day(&self, on: NaiveDate) -> Option<NaiveDate> {
        let own = match (self.ends_on, self.renewal_months) {
            (Some(ends_on), Some(renewal)) if self.notice_given_on.is_none() => Some(occurrence(ends_on, 0, renewal, on)),
            (ends_on, _) => ends_on,
        };
        let before_successor = self.replaced_from.and_then(|day| day.checked_sub_days(Days::new(1)));
        match (own, before_successor) {
            (Some(own), Some(before)) => Some(own.min(before)),
            (own, before) => own.or(before),
        }
    }

    /// How many times the term has been prolonged when its deadline of `on` comes; 0 for one that is not prolonged by itself.
    #[must_use]
    pub fn rounds_before(&self, on: NaiveDate) -> i32 {
        match (self.ends_on, self.renewal_months) {
            (Some(ends_on), Some(renewal)) if self.renews() => {
                (month_index(on) + self.notice_months - month_index(ends_on)).max(0) / renewal.max(1)
            }
            _ => 0,
        }
    }

    /// Last day in force unless somebody gives notice, whatever day it is. Null: there is none.
    #[must_use]
    pub fn final_day(&self) -> Option<NaiveDate> {
        let own = self.ends_on.filter(|_| !self.renews());
        let before_successor = self.replaced_from.and_then(|day| day.checked_sub_days(Days::new(1)));
        own.into_iter().chain(before_successor).min()
    }

    /// Whether both are in force on some day, once they are signed.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_by_the_end = |later: &Self, earlier: &Self| earlier.final_day().is_none_or(|last| later.starts_on <= last);
        // One that is replaced before it begins is in force on no day.
        [(self, other), (other, self), (self, self), (other, other)].into_iter().all(|(later, earlier)| begins_by_the_end(later, earlier))
    }

    /// Last day in force when notice is given on `given_on`: of the first term whose last day for it has not passed, when terms are
    /// prolonged by themselves; else when the months of notice have passed, but never later than the agreed end.
    #[must_use]
    pub fn ends_by_notice(&self, given_on: NaiveDate) -> NaiveDate {
        match (self.ends_on, self.renewal_months) {
            (Some(ends_on), Some(renewal)) => add_months(ends_on, round(ends_on, self.notice_months, renewal, given_on) * renewal),
            (Some(ends_on), None) => add_months(given_on, self.notice_months).min(ends_on),
            (None, _) => add_months(given_on, self.notice_months),
        }
    }

    /// The next deadline on or after `on`: NOTICE for a term that is prolonged by itself, END for one that is not. Null when the agreement isn't signed, has ended, has a signed successor or runs until further notice.
    #[must_use]
    pub fn next_deadline(&self, on: NaiveDate) -> Option<Deadline> {
        if !matches!(self.status(on), Status::Signed | Status::Active | Status::NoticeGiven) || self.replaced_from.is_some() {
            return None;
        }
        let ends_on = self.ends_on?;
        Some(match self.renewal_months {
            Some(renewal) if self.notice_given_on.is_none() => {
                Deadline { kind: DeadlineKind::Notice, on: occurrence(ends_on, self.notice_months, renewal, on) }
            }
            _ => Deadline { kind: DeadlineKind::End, on: ends_on },
        })
    }
}

/// The first of the days (`ends_on` + k × `renewal` months) − `notice` months, k = 0, 1, 2 …, that is not before `on`.
///
/// Each is reckoned from `ends_on` itself, so that clamping to short months never drifts.
fn occurrence(ends_on: NaiveDate, notice: i32, renewal: i32, on: NaiveDate) -> NaiveDate {
    let k = round(ends_on, notice, renewal, on);
    add_months(add_months(ends_on, k * renewal), -notice)
}

/// Which of those days that is: its k.
fn round(ends_on: NaiveDate, notice: i32, renewal: i32, on: NaiveDate) -> i32 {
    let nth = |k: i32| add_months(add_months(ends_on, k * renewal), -notice);
    // The k whose month is the month of `on` or the last one before it; the next one's month is later for sure.
    let k = (month_index(on) + notice - month_index(ends_on)).div_euclid(renewal.max(1)).max(0);
    if nth(k) >= on { k } else { k + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn signed(starts_on: &str, ends_on: &str) -> Term {
        Term {
            starts_on: day(starts_on),
            ends_on: Some(day(ends_on)),
            offered_on: Some(day("2020-01-01")),
            signed_on: Some(day("2020-01-02")),
            ..Term::default()
        }
    }

    #[test]
    fn ends_are_inclusive() {
        let term = signed("2026-01-01", "2026-12-31");
        for (on, status) in
            [("2025-12-31", Status::Signed), ("2026-01-01", Status::Active), ("2026-12-31", Status::Active), ("2027-01-01", Status::Ended)]
        {
            assert_eq!(term.status(day(on)), status, "{on}");
        }
    }

    #[test]
    fn prolongation_never_drifts_from_the_months_end() {
        let term = Term { renewal_months: Some(1), ..signed("2026-01-01", "2026-01-31") };
        for (on, last) in
            [("2026-01-31", "2026-01-31"), ("2026-02-01", "2026-02-28"), ("2026-03-01", "2026-03-31"), ("2028-02-29", "2028-02-29")]
        {
            assert_eq!(term.last_day(day(on)), Some(day(last)), "{on}");
            assert_eq!(term.status(day(on)), Status::Active);
        }
    }

    #[test]
    fn the_notice_deadline_moves_on_once_it_has_passed() {
        let term = Term { renewal_months: Some(12), notice_months: 3, ..signed("2026-01-01", "2026-12-31") };
        for (on, deadline) in [("2026-09-30", "2026-09-30"), ("2026-10-01", "2027-09-30"), ("2030-01-01", "2030-09-30")] {
            assert_eq!(term.next_deadline(day(on)), Some(Deadline { kind: DeadlineKind::Notice, on: day(deadline) }), "{on}");
        }
    }

    #[test]
    fn notice_turns_the_deadline_into_an_end() {
        let term = Term {
            renewal_months: Some(12),
            notice_months: 3,
            notice_given_on: Some(day("2026-05-01")),
            ..signed("2026-01-01", "2026-12-31")
        };
        assert_eq!(term.status(day("2026-05-01")), Status::NoticeGiven);
        assert_eq!(term.next_deadline(day("2026-05-01")), Some(Deadline { kind: DeadlineKind::End, on: day("2026-12-31") }));
        assert_eq!(term.status(day("2027-01-01")), Status::Ended);
    }

    #[test]
    fn a_successor_ends_it_the_day_before_and_silences_its_deadline() {
        let term = Term { replaced_from: Some(day("2026-07-01")), ..signed("2026-01-01", "2026-12-31") };
        assert_eq!((term.status(day("2026-06-30")), term.status(day("2026-07-01"))), (Status::Active, Status::Ended));
        assert_eq!(term.next_deadline(day("2026-06-01")), None);
    }

    #[test]
    fn notice_ends_the_first_term_that_it_is_in_time_for() {
        let renewing = Term { renewal_months: Some(12), notice_months: 3, ..signed("2026-01-01", "2026-12-31") };
        for (given, ends) in [("2026-09-30", "2026-12-31"), ("2026-10-01", "2027-12-31"), ("2029-09-30", "2029-12-31")] {
            assert_eq!(renewing.ends_by_notice(day(given)), day(ends), "{given}");
        }
        let monthly = Term { renewal_months: Some(1), notice_months: 1, ..signed("2026-01-01", "2026-01-31") };
        for (given, ends) in
            [("2026-01-31", "2026-03-31"), ("2026-01-28", "2026-02-28"), ("2028-01-29", "2028-02-29"), ("2026-01-29", "2026-03-31")]
        {
            assert_eq!(monthly.ends_by_notice(day(given)), day(ends), "{given}");
        }
        let open = Term { notice_months: 3, ends_on: None, ..signed("2026-01-01", "2026-12-31") };
        for (given, ends) in
            [("2026-11-30", "2027-02-28"), ("2027-11-30", "2028-02-29"), ("2026-01-31", "2026-04-30"), ("2026-03-15", "2026-06-15")]
        {
            assert_eq!(open.ends_by_notice(day(given)), day(ends), "{given}");
        }
        let fixed = Term { notice_months: 3, ..signed("2026-01-01", "2026-12-31") };
        assert_eq!(
            (fixed.ends_by_notice(day("2026-05-31")), fixed.ends_by_notice(day("2026-11-01"))),
            (day("2026-08-31"), day("2026-12-31"))
        );
    }

    #[test]
    fn terms_that_share_a_day_overlap() {
        let base = signed("2026-01-01", "2026-12-31");
        for (other, overlaps) in [
            (signed("2026-12-31", "2027-12-31"), true),
            (signed("2027-01-01", "2027-12-31"), false),
            (signed("2025-01-01", "2025-12-31"), false),
            (signed("2025-01-01", "2026-01-01"), true),
            (Term { renewal_months: Some(12), ..signed("2025-01-01", "2025-12-31") }, true),
            (Term { renewal_months: Some(12), notice_given_on: Some(day("2025-06-01")), ..signed("2025-01-01", "2025-12-31") }, false),
            (Term { ends_on: None, ..signed("2020-01-01", "2020-12-31") }, true),
            (Term { ends_on: None, replaced_from: Some(day("2026-01-01")), ..signed("2020-01-01", "2020-12-31") }, false),
            (Term { ends_on: None, replaced_from: Some(day("2026-01-02")), ..signed("2020-01-01", "2020-12-31") }, true),
            (Term { replaced_from: Some(day("2026-03-01")), ..signed("2026-03-01", "2026-12-31") }, false),
        ] {
            assert_eq!((base.overlaps(&other), other.overlaps(&base)), (overlaps, overlaps), "{other:?}");
        }
    }

    #[test]
    fn closed_form_equals_counting() {
        for start in 0..60 {
            let ends_on = day("2024-01-31").checked_add_days(Days::new(start * 7)).unwrap();
            for (notice, renewal) in [(0, 1), (1, 1), (3, 12), (13, 12), (6, 7), (1, 24)] {
                for step in 0..80 {
                    let on = day("2023-12-01").checked_add_days(Days::new(step * 11)).unwrap();
                    let counted = (0..).map(|k| add_months(add_months(ends_on, k * renewal), -notice)).find(|day| *day >= on);
                    assert_eq!(Some(occurrence(ends_on, notice, renewal, on)), counted, "{ends_on} {notice} {renewal} {on}");
                }
            }
        }
    }
}
