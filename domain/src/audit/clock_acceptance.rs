//! The acceptance of a clock that was set back, by an operator.

use ::entity::kind::{Form, SubjectKind};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    action::Action,
    change::start,
    clock_order::compare,
    recorded::{Recorded, fields},
};
use crate::{auth::viewer::Permission, context::Context, error::Result};

/// The acceptance of a clock: the time of the last entry before it, and the time by the clock.
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

/// Accepts a clock that is behind the last entry, with an entry of its own, after which later
/// changes follow in time. Returns `false`, and changes nothing, if the clock is not behind.
///
/// # Errors
/// FORBIDDEN unless the viewer may manage the register; CONFLICT with the reason BUSY if other
/// changes hold the database for too long.
pub async fn accept(ctx: Context<'_>) -> Result<bool> {
    ctx.require(Permission::ManageRegister)?;
    let order = compare(ctx.db, ctx.clock).await?;
    if !order.is_behind() {
        return Ok(false);
    }
    let mut change = start(ctx, Action::ClockAccept, |_, _, _| Ok(())).await?;
    let (before, after) = (Accepted { at: order.last_at }, Accepted { at: change.at() });
    change.record(Some(&before), Some(&after))?;
    change.commit().await?;
    Ok(true)
}
