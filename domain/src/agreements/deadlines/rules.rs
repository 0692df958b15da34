//! Rules of deadlines: the window of days, the reason of a deadline, and the last day of a snooze.

use ::entity::{agreement::Model, kind::DeadlineKind, term::Term};
use chrono::{Days, NaiveDate};
use documents::swedish;

use crate::{
    agreements::lifecycle::name,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    term_sql,
};

/// Maximum length of a window in days: ten years.
pub const MAX_DAYS: i64 = 3660;
/// Default length of a window in days.
pub const DEFAULT_DAYS: i64 = 90;

/// A window of days, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

impl Window {
    /// Returns the window from `from`, by default today, to `within_days` days later. Adds an error
    /// unless they are 0 to [`MAX_DAYS`].
    #[must_use]
    pub fn check(
        ctx: Context<'_>,
        within_days: i64,
        from: Option<NaiveDate>,
        path: &str,
        errors: &mut ValidationErrors,
    ) -> Self {
        Self::from_day(from.unwrap_or_else(|| ctx.clock.today()), within_days, path, errors)
    }

    /// Returns the window from a day to `within_days` days later. Adds an error unless they are 0
    /// to [`MAX_DAYS`].
    #[must_use]
    pub fn from_day(
        from: NaiveDate,
        within_days: i64,
        path: &str,
        errors: &mut ValidationErrors,
    ) -> Self {
        let days = u64::try_from(within_days).ok().filter(|_| within_days <= MAX_DAYS);
        errors.expect(
            days.is_some(),
            path,
            FieldErrorCode::OutOfRange
                .problem(format!("must be 0 to {MAX_DAYS}"))
                .with("min", 0)
                .with("max", MAX_DAYS),
        );
        let to = days.and_then(|days| from.checked_add_days(Days::new(days)));
        Self { from, to: to.unwrap_or(from) }
    }
}

/// The reason why an agreement has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// It is renewed by this number of months unless notice is given by the deadline.
    Renews {
        /// Months.
        months: i32,
    },
    /// It ends, because it is not renewed.
    Ends,
    /// It ends, because notice was given.
    NoticeGiven {
        /// The day of the notice.
        on: NaiveDate,
    },
}

impl Reason {
    /// Returns the reason for the next deadline of a term on or after `on`; `None` if it has none.
    #[must_use]
    pub fn of(term: &Term, on: NaiveDate) -> Option<Self> {
        Some(match (term.next_deadline(on)?.kind, term.renewal_months, term.notice_given_on) {
            (DeadlineKind::Notice, Some(months), _) => Self::Renews { months },
            (_, _, Some(on)) => Self::NoticeGiven { on },
            (_, _, None) => Self::Ends,
        })
    }

    /// Returns the reason in Swedish, for workbooks.
    #[must_use]
    pub fn in_swedish(self) -> String {
        match self {
            Self::Renews { months } => {
                format!("Förlängs med {} om det inte sägs upp", swedish::months(i64::from(months)))
            }
            Self::Ends => "Upphör, förlängs inte automatiskt".to_owned(),
            Self::NoticeGiven { on } => format!("Upphör, sades upp {on}"),
        }
    }

    /// Returns the stable code of the reason, for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.into()
    }
}

/// Fails unless the deadline of an agreement can be snoozed until a day: the deadline, at the
/// latest.
///
/// # Errors
/// CONFLICT `NO_DEADLINE`; INVALID for a day after the deadline.
pub(super) fn check_snooze(row: &Model, until: NaiveDate, today: NaiveDate) -> Result<()> {
    let Some(deadline) = term_sql::of(row).next_deadline(today) else {
        let words = "has no deadline to snooze: it is not signed, has ended, has a signed successor or runs until further notice";
        return Err(Error::conflict(ConflictReason::NoDeadline, format!("{} {words}", name(row))));
    };
    if until > deadline.on {
        let words = match deadline.kind {
            DeadlineKind::Notice => {
                format!(
                    "must not be after the last day to give notice, {}, or the next deadline could be missed",
                    deadline.on
                )
            }
            DeadlineKind::End => {
                format!("must not be after the agreement's last day, {}", deadline.on)
            }
        };
        let problem = FieldErrorCode::TooLate.problem(words);
        return Err(Error::invalid("snoozed_until", problem.with("max", deadline.on)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Returns a signed agreement that ends with the year.
    fn signed(renewal_months: Option<i32>) -> Model {
        Model {
            starts_on: day("2026-01-01"),
            ends_on: Some(day("2026-12-31")),
            notice_months: 3,
            renewal_months,
            signed_on: Some(day("2025-12-01")),
            ..Model::default()
        }
    }

    #[test]
    fn a_window_has_both_ends() {
        let from = day("2026-01-01");
        for (days, to) in [(0, Some("2026-01-01")), (90, Some("2026-04-01")), (-1, None)] {
            let mut errors = ValidationErrors::default();
            let window = Window::from_day(from, days, "within", &mut errors);
            assert_eq!(window, Window { from, to: to.map_or(from, day) }, "{days}");
            assert_eq!(errors.is_empty(), to.is_some(), "{days}");
        }
        let mut errors = ValidationErrors::default();
        let _ = Window::from_day(from, MAX_DAYS, "within", &mut errors);
        assert!(errors.is_empty());
        let _ = Window::from_day(from, MAX_DAYS + 1, "within", &mut errors);
        assert!(!errors.is_empty());
    }

    #[test]
    fn the_reason_of_a_deadline_follows_from_the_term() {
        let today = day("2026-06-01");
        let reason = |row: &Model| Reason::of(&term_sql::of(row), today);
        assert_eq!(reason(&signed(Some(12))), Some(Reason::Renews { months: 12 }));
        assert_eq!(reason(&signed(None)), Some(Reason::Ends));
        let on = day("2026-05-01");
        let noticed = Model { notice_given_on: Some(on), ..signed(Some(12)) };
        assert_eq!(reason(&noticed), Some(Reason::NoticeGiven { on }));
        assert_eq!(reason(&Model { signed_on: None, ..signed(None) }), None);
        assert_eq!(reason(&Model { ends_on: None, ..signed(None) }), None);
    }

    #[test]
    fn a_snooze_lasts_until_the_deadline_at_most() {
        let today = day("2026-06-01");
        for (row, until, is_allowed) in [
            (signed(Some(12)), "2026-09-30", true),
            (signed(Some(12)), "2026-10-01", false),
            (signed(None), "2026-12-31", true),
            (signed(None), "2027-01-01", false),
            (Model { ends_on: None, ..signed(None) }, "2026-06-01", false),
        ] {
            let result = check_snooze(&row, day(until), today);
            assert_eq!(result.is_ok(), is_allowed, "{until}");
        }
    }
}
