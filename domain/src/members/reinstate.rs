//! Reinstates members: reverses a departure or merger that is in the future or was entered by
//! mistake.

use ::entity::{
    id::{AgreementId, MemberId},
    kind::Form,
    member,
};
use sea_orm::EntityTrait;

use super::{
    agreement_end::departure, departure::predecessors, details::snapshot, ended_agreements,
};
use crate::{
    audit::{self, Action, past},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
    idempotency::{FromOutcome, Outcome},
};

/// The result of a reinstatement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reinstated {
    /// The member.
    pub member: MemberId,
    /// The agreements that were restored.
    pub agreements: Vec<AgreementId>,
}

impl FromOutcome for Reinstated {
    fn from_outcome(outcome: &Outcome) -> Option<Self> {
        Some(Self { member: outcome.ids().next()?, agreements: outcome.ids().collect() })
    }
}

/// Returns `true` if the viewer may reinstate the member, which has a last day of membership. The
/// agreements that ended with it may still prevent it.
#[must_use]
pub fn can_reinstate(ctx: Context<'_>, row: &member::Model) -> bool {
    ctx.viewer.has(Permission::ManageRegister) && row.left_on.is_some()
}

/// Reverses a member's departure or merger. The member has no last day again, and the agreements
/// that ended with its membership are restored.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `NOT_LEFT`, `AGREEMENT_CHANGED` when an agreement was changed since, `ACTIVITY_ENDED` when one
/// would outlive its activity, or `OVERLAPS`.
pub async fn reinstate(
    ctx: Context<'_>,
    id: MemberId,
    errors: ValidationErrors,
) -> Result<Reinstated> {
    ctx.require(Permission::ManageRegister)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::MemberReinstate).await?;
    let row = member::Entity::find_by_id(id).one(change.tx()).await?;
    let row = row.ok_or_else(|| Error::missing("member_id", "there is no such member"))?;
    if row.left_on.is_none() {
        return Err(Error::conflict(
            ConflictReason::NotLeft,
            format!("{} has no last day of membership", row.name),
        ));
    }
    let successor = row.successor_id;
    let merged = match successor {
        Some(into) => Some(predecessors(&change, into).await?),
        None => None,
    };
    let before = snapshot(change.tx(), id).await?;
    // Before the agreements, which need a membership that continues.
    audit::replace(
        &change,
        member::Model { left_on: None, leaving_reason: None, successor_id: None, ..row },
    )
    .await?;
    let changes = past::changes_of(change.tx(), Form::Member, id.0).await?;
    let agreements = match departure(changes) {
        Some(departure) => ended_agreements::restore(&mut change, id, &departure).await?,
        // The departure was imported, so it changed no agreements here.
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
