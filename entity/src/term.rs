//! The date rules of a term: when an agreement is in force, its status and its next deadline, as of
//! any day.
//!
//! End dates are inclusive. Nothing here is stored: every result follows from the facts and a day.
//! `domain::term_sql` implements the same rules in SQL.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::kind::DeadlineKind;

/// The facts from which an agreement's status and deadlines follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// First day in force.
    pub starts_on: NaiveDate,
    /// Last day of the agreed term; null: until further notice.
    pub ends_on: Option<NaiveDate>,
    /// Months of notice.
    pub notice_months: i32,
    /// Months by which the term is renewed unless notice is given; null: no automatic renewal.
    pub renewal_months: Option<i32>,
    /// Day of the offer; null: a draft.
    pub offered_on: Option<NaiveDate>,
    /// Day on which both parties had signed.
    pub signed_on: Option<NaiveDate>,
    /// Day on which a draft or an offer was withdrawn.
    pub withdrawn_on: Option<NaiveDate>,
    /// Day on which notice was given; `ends_on` is then the resulting end.
    pub notice_given_on: Option<NaiveDate>,
    /// First day of the signed agreement that replaces this one.
    pub replaced_from: Option<NaiveDate>,
}

/// Status of an agreement as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::VariantArray)]
pub enum Status {
    /// Being written.
    Draft,
    /// Sent to the counterparty.
    Offered,
    /// Signed, not yet in force.
    Signed,
    /// In force.
    Active,
    /// In force, with a known end because notice was given.
    NoticeGiven,
    /// No longer in force.
    Ended,
    /// Withdrawn before it was signed.
    Withdrawn,
}

impl Status {
    /// Every status, in the order of the lifecycle.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;
}

/// The next day on which an agreement requires a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// Kind of the deadline.
    pub kind: DeadlineKind,
    /// The day.
    pub on: NaiveDate,
}

/// Returns the day `months` after `day`, clamped to the month's last day: 31 January and one month
/// is 28 or 29 February. Negative months go back.
#[must_use]
pub fn add_months(day: NaiveDate, months: i32) -> NaiveDate {
    let step = Months::new(months.unsigned_abs());
    let moved =
        if months < 0 { day.checked_sub_months(step) } else { day.checked_add_months(step) };
    // Beyond the calendar's end (year 262142) there is no meaningful result; input is limited to
    // years 1900 to 2999.
    moved.unwrap_or(day)
}

fn month_index(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0().cast_signed()
}

impl Term {
    /// Returns the status of the agreement on `on`.
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

    /// Returns `true` if the agreement is in force on `on`.
    #[must_use]
    pub fn is_in_force(&self, on: NaiveDate) -> bool {
        matches!(self.status(on), Status::Active | Status::NoticeGiven)
    }

    /// Returns `true` if the term is renewed automatically, and no notice was given.
    #[must_use]
    pub fn renews(&self) -> bool {
        self.renewal_months.is_some() && self.notice_given_on.is_none()
    }

    /// Returns the last day in force, as known on `on`: of the term that runs then if it is renewed
    /// automatically, and never later than the day before a successor starts. `None`: until further
    /// notice.
    #[must_use]
    pub fn last_day(&self, on: NaiveDate) -> Option<NaiveDate> {
        let own = match (self.ends_on, self.renewal_months) {
            (Some(ends_on), Some(renewal)) if self.notice_given_on.is_none() => {
                Some(occurrence(ends_on, 0, renewal, on))
            }
            (ends_on, _) => ends_on,
        };
        let before_successor =
            self.replaced_from.and_then(|day| day.checked_sub_days(Days::new(1)));
        match (own, before_successor) {
            (Some(own), Some(before)) => Some(own.min(before)),
            (own, before) => own.or(before),
        }
    }

    /// Returns the number of renewals before the term whose deadline is next on `on`; 0 for a term
    /// without automatic renewal.
    #[must_use]
    pub fn rounds_before(&self, on: NaiveDate) -> i32 {
        match (self.ends_on, self.renewal_months) {
            (Some(ends_on), Some(renewal)) if self.renews() => {
                (month_index(on) + self.notice_months - month_index(ends_on)).max(0)
                    / renewal.max(1)
            }
            _ => 0,
        }
    }

    /// Returns the last day in force unless notice is given, independent of the day. `None`: there
    /// is none.
    #[must_use]
    pub fn final_day(&self) -> Option<NaiveDate> {
        let own = self.ends_on.filter(|_| !self.renews());
        let before_successor =
            self.replaced_from.and_then(|day| day.checked_sub_days(Days::new(1)));
        own.into_iter().chain(before_successor).min()
    }

    /// Returns `true` if both are in force on some day when signed.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_by_the_end = |later: &Self, earlier: &Self| {
            earlier.final_day().is_none_or(|last| later.starts_on <= last)
        };
        // An agreement that is replaced before it begins is in force on no day.
        [(self, other), (other, self), (self, self), (other, other)]
            .into_iter()
            .all(|(later, earlier)| begins_by_the_end(later, earlier))
    }

    /// Returns the last day in force if notice is given on `given_on`. With automatic renewal: the
    /// end of the first term whose last day of notice has not passed. Otherwise: the end of the
    /// months of notice, but never later than the agreed end.
    #[must_use]
    pub fn ends_by_notice(&self, given_on: NaiveDate) -> NaiveDate {
        match (self.ends_on, self.renewal_months) {
            (Some(ends_on), Some(renewal)) => {
                prolonged(ends_on, renewal, round(ends_on, self.notice_months, renewal, given_on))
            }
            (Some(ends_on), None) => add_months(given_on, self.notice_months).min(ends_on),
            (None, _) => add_months(given_on, self.notice_months),
        }
    }

    /// Returns the next deadline on or after `on`: NOTICE for a term that is renewed automatically,
    /// END for others. `None` if the agreement isn't signed, has ended, has a signed successor or
    /// runs until further notice.
    #[must_use]
    pub fn next_deadline(&self, on: NaiveDate) -> Option<Deadline> {
        if !matches!(self.status(on), Status::Signed | Status::Active | Status::NoticeGiven)
            || self.replaced_from.is_some()
        {
            return None;
        }
        let ends_on = self.ends_on?;
        Some(match self.renewal_months {
            Some(renewal) if self.notice_given_on.is_none() => Deadline {
                kind: DeadlineKind::Notice,
                on: occurrence(ends_on, self.notice_months, renewal, on),
            },
            _ => Deadline { kind: DeadlineKind::End, on: ends_on },
        })
    }
}

/// Returns `true` if `day` is the last of its month.
#[must_use]
pub fn is_month_end(day: NaiveDate) -> bool {
    day.succ_opt().is_some_and(|next| next.day() == 1)
}

/// Moves a last day by `months`, so that the day after it moves by as many: a month's last day
/// remains one, and any other is clamped to the month's last day. Negative months go back.
fn move_last_day(day: NaiveDate, months: i32) -> NaiveDate {
    if !is_month_end(day) {
        return add_months(day, months);
    }
    let next = day.succ_opt().map(|first| add_months(first, months));
    next.and_then(|first| first.pred_opt()).unwrap_or(day)
}

/// Returns the last day of the `k`-th renewal of a term whose agreed last day is `ends_on`; that
/// day itself for 0.
///
/// Each renewed term begins on the day after the previous one: the first begins `k` × `renewal`
/// months after the day after `ends_on`, or on the 1st of the next month if that month lacks the
/// day. Each is computed from `ends_on`, so nothing drifts.
#[must_use]
pub fn prolonged(ends_on: NaiveDate, renewal: i32, k: i32) -> NaiveDate {
    move_last_day(ends_on, k * renewal)
}

/// Returns the last day on which notice still ends a term on `last_day`: the latest day that, moved
/// by `notice` months with [`add_months`], is not after it.
#[must_use]
pub fn notice_deadline(last_day: NaiveDate, notice: i32) -> NaiveDate {
    move_last_day(last_day, -notice)
}

/// Returns the first notice deadline of the terms of an agreement that is not before `on`; the last
/// day of a term if `notice` is 0.
fn occurrence(ends_on: NaiveDate, notice: i32, renewal: i32, on: NaiveDate) -> NaiveDate {
    notice_deadline(prolonged(ends_on, renewal, round(ends_on, notice, renewal, on)), notice)
}

/// Returns the number of renewals before the term of that deadline.
fn round(ends_on: NaiveDate, notice: i32, renewal: i32, on: NaiveDate) -> i32 {
    // The k whose month is the month of `on` or the last one before it; the next one's month is
    // certainly later.
    let k = (month_index(on) + notice - month_index(ends_on)).div_euclid(renewal.max(1)).max(0);
    if notice_deadline(prolonged(ends_on, renewal, k), notice) >= on { k } else { k + 1 }
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
        for (on, status) in [
            ("2025-12-31", Status::Signed),
            ("2026-01-01", Status::Active),
            ("2026-12-31", Status::Active),
            ("2027-01-01", Status::Ended),
        ] {
            assert_eq!(term.status(day(on)), status, "{on}");
        }
    }

    #[test]
    fn prolongation_never_drifts_from_the_months_end() {
        let term = Term { renewal_months: Some(1), ..signed("2026-01-01", "2026-01-31") };
        for (on, last) in [
            ("2026-01-31", "2026-01-31"),
            ("2026-02-01", "2026-02-28"),
            ("2026-03-01", "2026-03-31"),
            ("2028-02-29", "2028-02-29"),
        ] {
            assert_eq!(term.last_day(day(on)), Some(day(last)), "{on}");
            assert_eq!(term.status(day(on)), Status::Active);
        }
    }

    #[test]
    fn the_notice_deadline_moves_on_once_it_has_passed() {
        let term = Term {
            renewal_months: Some(12),
            notice_months: 3,
            ..signed("2026-01-01", "2026-12-31")
        };
        for (on, deadline) in [
            ("2026-09-30", "2026-09-30"),
            ("2026-10-01", "2027-09-30"),
            ("2030-01-01", "2030-09-30"),
        ] {
            assert_eq!(
                term.next_deadline(day(on)),
                Some(Deadline { kind: DeadlineKind::Notice, on: day(deadline) }),
                "{on}"
            );
        }
    }

    #[test]
    fn notice_changes_the_deadline_to_an_end() {
        let term = Term {
            renewal_months: Some(12),
            notice_months: 3,
            notice_given_on: Some(day("2026-05-01")),
            ..signed("2026-01-01", "2026-12-31")
        };
        assert_eq!(term.status(day("2026-05-01")), Status::NoticeGiven);
        assert_eq!(
            term.next_deadline(day("2026-05-01")),
            Some(Deadline { kind: DeadlineKind::End, on: day("2026-12-31") })
        );
        assert_eq!(term.status(day("2027-01-01")), Status::Ended);
    }

    #[test]
    fn a_successor_ends_it_the_day_before_and_silences_its_deadline() {
        let term =
            Term { replaced_from: Some(day("2026-07-01")), ..signed("2026-01-01", "2026-12-31") };
        assert_eq!(
            (term.status(day("2026-06-30")), term.status(day("2026-07-01"))),
            (Status::Active, Status::Ended)
        );
        assert_eq!(term.next_deadline(day("2026-06-01")), None);
    }

    #[test]
    fn notice_ends_the_first_term_that_it_is_in_time_for() {
        let renewing = Term {
            renewal_months: Some(12),
            notice_months: 3,
            ..signed("2026-01-01", "2026-12-31")
        };
        for (given, ends) in [
            ("2026-09-30", "2026-12-31"),
            ("2026-10-01", "2027-12-31"),
            ("2029-09-30", "2029-12-31"),
        ] {
            assert_eq!(renewing.ends_by_notice(day(given)), day(ends), "{given}");
        }
        let monthly = Term {
            renewal_months: Some(1),
            notice_months: 1,
            ..signed("2026-01-01", "2026-01-31")
        };
        for (given, ends) in [
            ("2026-01-31", "2026-02-28"),
            ("2026-01-28", "2026-02-28"),
            ("2028-01-31", "2028-02-29"),
            ("2026-02-01", "2026-03-31"),
        ] {
            assert_eq!(monthly.ends_by_notice(day(given)), day(ends), "{given}");
        }
        let open = Term { notice_months: 3, ends_on: None, ..signed("2026-01-01", "2026-12-31") };
        for (given, ends) in [
            ("2026-11-30", "2027-02-28"),
            ("2027-11-30", "2028-02-29"),
            ("2026-01-31", "2026-04-30"),
            ("2026-03-15", "2026-06-15"),
        ] {
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
            (
                Term {
                    renewal_months: Some(12),
                    notice_given_on: Some(day("2025-06-01")),
                    ..signed("2025-01-01", "2025-12-31")
                },
                false,
            ),
            (Term { ends_on: None, ..signed("2020-01-01", "2020-12-31") }, true),
            (
                Term {
                    ends_on: None,
                    replaced_from: Some(day("2026-01-01")),
                    ..signed("2020-01-01", "2020-12-31")
                },
                false,
            ),
            (
                Term {
                    ends_on: None,
                    replaced_from: Some(day("2026-01-02")),
                    ..signed("2020-01-01", "2020-12-31")
                },
                true,
            ),
            (
                Term {
                    replaced_from: Some(day("2026-03-01")),
                    ..signed("2026-03-01", "2026-12-31")
                },
                false,
            ),
        ] {
            assert_eq!(
                (base.overlaps(&other), other.overlaps(&base)),
                (overlaps, overlaps),
                "{other:?}"
            );
        }
    }

    #[test]
    fn closed_form_equals_counting() {
        for start in 0..60 {
            let ends_on = day("2024-01-31").checked_add_days(Days::new(start * 7)).unwrap();
            for (notice, renewal) in [(0, 1), (1, 1), (3, 12), (13, 12), (6, 7), (1, 24)] {
                for step in 0..80 {
                    let on = day("2023-12-01").checked_add_days(Days::new(step * 11)).unwrap();
                    let counted = (0..)
                        .map(|k| latest_notice(counted_end(ends_on, renewal, k), notice))
                        .find(|day| *day >= on);
                    assert_eq!(
                        Some(occurrence(ends_on, notice, renewal, on)),
                        counted,
                        "{ends_on} {notice} {renewal} {on}"
                    );
                }
            }
        }
    }

    /// States the rule directly: the next term begins so many months after the day after `ends_on`,
    /// or on the 1st of the month after.
    fn counted_end(ends_on: NaiveDate, renewal: i32, k: i32) -> NaiveDate {
        let first = ends_on.succ_opt().unwrap();
        let month = month_index(first) + k * renewal;
        let begins = |month: i32, day: u32| {
            NaiveDate::from_ymd_opt(
                month.div_euclid(12),
                month.rem_euclid(12).cast_unsigned() + 1,
                day,
            )
        };
        begins(month, first.day()).or_else(|| begins(month + 1, 1)).unwrap().pred_opt().unwrap()
    }

    /// States the rule directly: of all days, the last on which notice ends the term in time.
    fn latest_notice(last_day: NaiveDate, notice: i32) -> NaiveDate {
        let after = add_months(last_day, -notice) + Days::new(4);
        (0..10)
            .map(|back| after - Days::new(back))
            .find(|day| add_months(*day, notice) <= last_day)
            .unwrap()
    }

    #[test]
    fn prolonged_terms_begin_the_day_after() {
        for (ends_on, renewal, ends) in [
            ("2026-06-30", 6, ["2026-12-31", "2027-06-30", "2027-12-31"]),
            ("2026-09-30", 3, ["2026-12-31", "2027-03-31", "2027-06-30"]),
            ("2027-02-28", 12, ["2028-02-29", "2029-02-28", "2030-02-28"]),
            ("2024-02-29", 6, ["2024-08-31", "2025-02-28", "2025-08-31"]),
            ("2026-01-31", 1, ["2026-02-28", "2026-03-31", "2026-04-30"]),
            ("2026-01-30", 1, ["2026-02-28", "2026-03-30", "2026-04-30"]),
            ("2026-01-29", 1, ["2026-02-28", "2026-03-29", "2026-04-29"]),
            ("2026-08-30", 6, ["2027-02-28", "2027-08-30", "2028-02-29"]),
            ("2026-07-14", 6, ["2027-01-14", "2027-07-14", "2028-01-14"]),
        ] {
            assert_eq!(
                [1, 2, 3].map(|k| prolonged(day(ends_on), renewal, k)),
                ends.map(day),
                "{ends_on} + {renewal}"
            );
        }
    }

    #[test]
    fn the_last_day_for_notice_is_counted_from_the_notice() {
        for (last_day, notice, deadline) in [
            ("2027-02-28", 3, "2026-11-30"),
            ("2028-02-29", 3, "2027-11-30"),
            ("2026-06-30", 3, "2026-03-31"),
            ("2026-12-31", 3, "2026-09-30"),
            ("2026-12-30", 1, "2026-11-30"),
            ("2026-12-15", 3, "2026-09-15"),
            ("2026-03-30", 1, "2026-02-28"),
            ("2026-06-30", 0, "2026-06-30"),
        ] {
            assert_eq!(
                notice_deadline(day(last_day), notice),
                day(deadline),
                "{last_day} - {notice}"
            );
        }
    }

    /// Returns every day of five years.
    fn every_day() -> impl Iterator<Item = NaiveDate> {
        day("2024-01-01").iter_days().take_while(|day| day.year() < 2029)
    }

    #[test]
    fn consecutive_terms_leave_no_day_out_and_share_none() {
        for ends_on in every_day() {
            for renewal in 1..=36 {
                for k in 0..4 {
                    let (last, next_last) =
                        (prolonged(ends_on, renewal, k), prolonged(ends_on, renewal, k + 1));
                    assert_eq!(
                        next_last,
                        counted_end(ends_on, renewal, k + 1),
                        "{ends_on} + {renewal}"
                    );
                    // Each month belongs to the term that has its 1st: as many as the term is long.
                    let months = month_index(next_last) - month_index(last);
                    assert_eq!(months, renewal, "{ends_on} + {renewal} × {k}");
                    let first = last.succ_opt().unwrap();
                    let first_months = month_index(first) + i32::from(first.day() > 1);
                    let next_first = next_last.succ_opt().unwrap();
                    let next_months = month_index(next_first) + i32::from(next_first.day() > 1);
                    assert_eq!(
                        next_months - first_months,
                        renewal,
                        "first days of months from {first} to {next_last}"
                    );
                }
                let term =
                    Term { renewal_months: Some(renewal), ..signed("2020-01-01", "2024-01-01") };
                let term = Term { ends_on: Some(ends_on), ..term };
                let next = ends_on.succ_opt().unwrap();
                assert_eq!(term.last_day(ends_on), Some(ends_on));
                assert_eq!(
                    term.last_day(next),
                    Some(prolonged(ends_on, renewal, 1)),
                    "{ends_on} + {renewal}"
                );
            }
        }
    }

    #[test]
    fn notice_in_time_ends_this_term_and_the_day_after_the_next() {
        for ends_on in every_day() {
            for (notice, renewal) in
                [(0, 1), (1, 1), (1, 12), (2, 3), (3, 6), (3, 12), (6, 36), (13, 12), (12, 7)]
            {
                let term = Term {
                    notice_months: notice,
                    renewal_months: Some(renewal),
                    ends_on: Some(ends_on),
                    ..signed("2010-01-01", "2010-12-31")
                };
                let deadline = notice_deadline(ends_on, notice);
                assert_eq!(deadline, latest_notice(ends_on, notice), "{ends_on} - {notice}");
                let next = deadline.succ_opt().unwrap();
                assert_eq!(term.ends_by_notice(deadline), ends_on, "{ends_on} - {notice}");
                assert_eq!(
                    term.ends_by_notice(next),
                    prolonged(ends_on, renewal, 1),
                    "{ends_on} - {notice}"
                );
                // The same arithmetic as until further notice.
                let open = Term { ends_on: None, renewal_months: None, ..term };
                assert!(
                    open.ends_by_notice(deadline) <= ends_on && open.ends_by_notice(next) > ends_on,
                    "{ends_on} - {notice}"
                );
                assert_eq!(
                    term.next_deadline(deadline),
                    Some(Deadline { kind: DeadlineKind::Notice, on: deadline })
                );
            }
        }
    }
}
