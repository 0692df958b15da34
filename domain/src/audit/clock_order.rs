//! The clock compared with the trail: entries follow each other in time, and only an operator can
//! accept a clock that was set back.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::head::last_entry;
use crate::{
    clock::Clock,
    database::Database,
    error::{ConflictReason, Error, Result},
};

/// Greatest allowed lag of the clock behind the last entry: the clocks of two servers differ a
/// little.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// The clock compared with the last entry of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOrder {
    /// The time by the clock.
    pub now: DateTime<Utc>,
    /// The last revision; 0 for an empty trail.
    pub revision: i64,
    /// Its time.
    pub last_at: DateTime<Utc>,
}

impl ClockOrder {
    /// `true` while changes are refused.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        is_behind(self.now, self.last_at)
    }
}

/// `true` if a time is so much earlier than the last one that changes are refused.
pub(super) fn is_behind(at: DateTime<Utc>, last_at: DateTime<Utc>) -> bool {
    last_at - at > TOLERANCE
}

/// Compares the clock with the last entry of the trail.
pub async fn compare(db: &Database, clock: Clock) -> Result<ClockOrder> {
    let (revision, _, last_at) = last_entry(db.read()).await?;
    Ok(ClockOrder { now: clock.now(), revision, last_at })
}

/// Rejects a change while the clock is behind.
///
/// # Errors
/// CONFLICT with the reason CLOCK_BEHIND.
pub(super) fn check(clock: &Clock, revision: i64, last_at: DateTime<Utc>) -> Result<()> {
    let order = ClockOrder { now: clock.now(), revision, last_at };
    if !clock.is_ordered() || !order.is_behind() {
        return Ok(());
    }
    let words = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let message = format!(
        "the clock says {}, but the last entry of the audit trail, revision {revision}, is of {}. Set the clock right; if it is right, an \
         operator accepts it by `samregister clock --accept`",
        words(order.now),
        words(last_at)
    );
    Err(Error::conflict(ConflictReason::ClockBehind, message))
}
