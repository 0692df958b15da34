//! The clock against the trail: entries follow each other in time, and a clock that was set back is
//! accepted by an operator alone.

use ::entity::kind::{Form, SubjectKind};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use uuid::Uuid;

use super::{fields, head::last_entry, recorded::Recorded, start};
use crate::{
    auth::viewer::{Permission, Viewer},
    clock::Clock,
    database::Database,
    error::{Error, Result},
};

/// Reason of the conflict when the clock is behind the last entry of the trail.
pub const CLOCK_BEHIND: &str = "CLOCK_BEHIND";

/// The action of the entry by which an operator accepts the clock.
pub const ACCEPT: &str = "clockAccept";

/// Greatest allowed lag of the clock behind the last entry: the clocks of two servers differ a
/// little.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// The clock compared with the last entry of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOrder {
    /// The time by the clock.
    pub now: DateTime<Utc>,
    /// The last revision; 0: there is none.
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

/// `true` if a time is so much earlier than the one before that changes are refused.
pub(super) fn is_behind(at: DateTime<Utc>, last_at: DateTime<Utc>) -> bool {
    last_at - at > TOLERANCE
}

/// The clock set back: the times before and after it was accepted.
#[derive(Debug)]
struct Accepted {
    at: DateTime<Utc>,
}

fields!(Accepted { at });

impl Recorded for Accepted {
    const FORM: Form = Form::ClockAcceptance;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Clock, Uuid::nil())
    }

    fn record_id(&self) -> Uuid {
        Uuid::nil()
    }
}

/// Compares the clock with the last entry of the trail.
///
/// # Errors
/// INTERNAL when the database fails.
pub async fn compare(db: &Database) -> Result<ClockOrder> {
    let (revision, _, last_at) = last_entry(db.read()).await?;
    Ok(ClockOrder { now: db.clock.now(), revision, last_at })
}

/// Accepts a clock that is behind the last entry, by an entry of its own: later changes follow on
/// that. Returns `false` when the clock is not behind; then nothing is changed.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, CONFLICT with the reason BUSY when others write
/// for too long.
pub async fn accept(db: &Database, viewer: &Viewer) -> Result<bool> {
    viewer.require(Permission::ManageRegister)?;
    let order = compare(db).await?;
    if !order.is_behind() {
        return Ok(false);
    }
    let mut change = start(db, viewer, ACCEPT, |_, _, _| Ok(())).await?;
    let (before, after) = (Accepted { at: order.last_at }, Accepted { at: change.at() });
    change.record(Some(&before), Some(&after))?;
    change.commit().await?;
    Ok(true)
}

/// Refuses a change while the clock is behind.
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
    Err(Error::conflict(CLOCK_BEHIND, message))
}
