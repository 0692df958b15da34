//! Closed periods: nothing is booked on a closed day. A late event is booked on the first open day.

pub(crate) mod close;
pub mod exported;
pub mod reopen;

use ::entity::{
    books_closing::{Entity, Model},
    id::BooksClosingId,
};
use chrono::{Days, NaiveDate};
use sea_orm::{ConnectionTrait, EntityTrait};
use uuid::Uuid;

use crate::{
    audit::{self, Change},
    error::{ConflictReason, Error, Result},
};

/// Returns the id of the only row.
#[must_use]
pub fn id() -> BooksClosingId {
    BooksClosingId(Uuid::from_u128(1))
}

/// The closed days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closing {
    /// Last closed day; null: every day is open.
    pub through: Option<NaiveDate>,
}

impl Closing {
    /// Loads the closing. Public: every viewer may read it.
    pub async fn load(db: &impl ConnectionTrait) -> Result<Self> {
        Ok(Self {
            through: Entity::find_by_id(id()).one(db).await?.and_then(|row| row.closed_through),
        })
    }

    /// Returns `true` if nothing is booked on the day any more.
    #[must_use]
    pub fn is_closed(self, day: NaiveDate) -> bool {
        self.through.is_some_and(|through| day <= through)
    }

    /// Returns the day on which an event of `day` is booked: that day, or the first open day.
    #[must_use]
    pub fn open_day(self, day: NaiveDate) -> NaiveDate {
        match self.through {
            Some(through) if day <= through => {
                through.checked_add_days(Days::new(1)).unwrap_or(day)
            }
            _ => day,
        }
    }

    /// Returns the booking day of an event of `day`, if it differs from `day`.
    #[must_use]
    pub fn booked_on(self, day: NaiveDate) -> Option<NaiveDate> {
        Some(self.open_day(day)).filter(|open| *open != day)
    }

    /// Refuses a closed day.
    ///
    /// # Errors
    /// CONFLICT `PERIOD_CLOSED`, naming the day.
    pub fn require_open(self, day: NaiveDate) -> Result<()> {
        match self.through {
            Some(through) if day <= through => Err(Error::conflict(
                ConflictReason::PeriodClosed,
                format!(
                    "the books are closed through {through}, and {day} is not after it; use a later day, or reopen the period"
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Writes the closed days and commits.
async fn write(mut change: Change, before: Option<Model>, after: Model) -> Result<BooksClosingId> {
    if before.is_some() {
        audit::replace(&change, after.clone()).await?;
    } else {
        audit::insert(&change, after.clone()).await?;
    }
    change.record(before.as_ref(), Some(&after))?;
    change.commit_with(after.id).await?;
    Ok(after.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_events_are_booked_on_the_first_open_day() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let closing = Closing { through: Some(day("2026-01-31")) };
        for (of, booked, other) in [
            ("2026-01-31", "2026-02-01", Some("2026-02-01")),
            ("2025-12-24", "2026-02-01", Some("2026-02-01")),
            ("2026-02-01", "2026-02-01", None),
            ("2026-02-02", "2026-02-02", None),
        ] {
            assert_eq!(
                (closing.open_day(day(of)), closing.booked_on(day(of))),
                (day(booked), other.map(day)),
                "{of}"
            );
            assert_eq!(
                (closing.is_closed(day(of)), closing.require_open(day(of)).is_err()),
                (other.is_some(), other.is_some()),
                "{of}"
            );
        }
        assert_eq!(Closing::default().booked_on(day("2026-01-31")), None);
        assert!(Closing::default().require_open(day("2026-01-31")).is_ok());
    }
}
