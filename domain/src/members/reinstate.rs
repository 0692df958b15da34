//! Reinstatement: how a departure or merger that lies ahead, or was entered by mistake, is
//! reversed.

use ::entity::{
    id::{AgreementId, MemberId},
    kind::Form,
    member,
};
use sea_orm::EntityTrait;

use super::{
    admit::snapshot,
    ended_agreements,
    leave::{self, predecessors},
};
use crate::{
    audit::{
        self, Change,
        past::{self, PastChange},
    },
    auth::viewer::{Permission, Viewer},
    database::Database,
    error::{Error, Result, ValidationErrors},
    idempotency::{FromOutcome, Outcome},
};

/// A member again, and the agreements that are again what they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reinstated {
    /// The member.
    pub member: MemberId,
    /// The agreements that the departure had changed.
    pub agreements: Vec<AgreementId>,
}

impl FromOutcome for Reinstated {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        Some(Self { member: outcome.ids().next()?, agreements: outcome.ids().collect() })
    }
}

/// Reverses a member's departure or merger: it has no last day, and the agreements that ended with
/// its membership are as they were before.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps the register, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `NOT_LEFT`, `AGREEMENT_CHANGED` when an agreement was changed since, `ACTIVITY_ENDED` when one
/// would outlive its activity, or `OVERLAPS`.
pub async fn reinstate(
    db: &Database,
    viewer: &Viewer,
    id: MemberId,
    errors: ValidationErrors,
) -> Result<Reinstated> {
    viewer.require(Permission::ManageRegister)?;
    errors.finish()?;
    let mut change = audit::begin(db, viewer, "memberReinstate").await?;
    let row = member::Entity::find_by_id(id).one(change.tx()).await?;
    let row = row.ok_or_else(|| Error::NotFound("there is no such member".into()))?;
    if row.left_on.is_none() {
        return Err(Error::conflict(
            "NOT_LEFT",
            format!("{} has no last day of membership", row.name),
        ));
    }
    let successor = row.successor_id;
    let merged = match successor {
        Some(into) => Some(predecessors(&change, into).await?),
        None => None,
    };
    let before = snapshot(change.tx(), id).await?;
    // First, so that agreements continue in a membership that does.
    audit::replace(
        &change,
        member::Model { left_on: None, leaving_reason: None, successor_id: None, ..row },
    )
    .await?;
    let agreements = match last_departure(&change, id).await? {
        Some(departure) => ended_agreements::restore(&mut change, id, &departure).await?,
        // Imported history, whose agreements no departure changed here.
        None => Vec::new(),
    };
    let after = snapshot(change.tx(), id).await?;
    change.record(Some(&before), Some(&after))?;
    if let (Some(into), Some(before)) = (successor, merged) {
        let after = predecessors(&change, into).await?;
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(Outcome::of(id).with_all(agreements.iter().copied())).await?;
    Ok(Reinstated { member: id, agreements })
}

/// The mutation that gave the member its last day; none when an import did.
async fn last_departure(change: &Change, id: MemberId) -> Result<Option<PastChange>> {
    let changes = past::changes_of(change.tx(), Form::Member, id.0).await?;
    let given = changes
        .into_iter()
        .find(|past| past.day_before("left_on").is_none() && past.day_after("left_on").is_some());
    Ok(given.filter(|past| [leave::LEAVE, leave::MERGE].contains(&past.action.as_str())))
}
