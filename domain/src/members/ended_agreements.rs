//! Ends agreements with their counterparty's membership, and restores them when the departure is
//! reversed.

use ::entity::{
    activity,
    agreement::{self, Model},
    id::{AgreementId, MemberId},
    kind::{AgreementKind, Form},
};
use chrono::NaiveDate;
use sea_orm::{EntityTrait, QueryFilter};

use super::agreement_end;
use crate::{
    audit::{
        self, Change, forms,
        past::{self, PastChange},
    },
    clock,
    error::{ConflictReason, Error, Result},
    term_sql,
};

/// Name of the constraint that a member participates in an activity by only one agreement at a
/// time.
const IN_FORCE: &str = "agreement__in_force";

/// Ends an agreement on the last day of a membership: by notice, or by withdrawal if it would begin
/// after that day. Returns the agreement that a withdrawn one was to replace.
pub(super) async fn end(
    change: &mut Change,
    before: Model,
    on: NaiveDate,
    reason: Option<&str>,
) -> Result<Option<AgreementId>> {
    let with = forms::agreement(change.tx(), before.clone()).await?;
    let after = agreement_end::ended(&before, on, clock::day_of(change.at()), reason);
    audit::replace(change, after.clone()).await?;
    let replaced = before.replaces_id.filter(|_| after.replaces_id.is_none());
    let [before, after] =
        [forms::Agreement { row: before, ..with.clone() }, forms::Agreement { row: after, ..with }];
    change.record(Some(&before), Some(&after))?;
    Ok(replaced)
}

/// Ends an agreement on the last day of a membership if it would continue after that day. This
/// happens when its successor was withdrawn because of the departure.
pub(super) async fn end_if_longer(
    change: &mut Change,
    id: AgreementId,
    on: NaiveDate,
    reason: Option<&str>,
) -> Result<()> {
    let longer =
        agreement::Entity::find_by_id(id).filter(term_sql::outlives(on)).one(change.tx()).await?;
    if let Some(row) = longer {
        end(change, row, on, reason).await?;
    }
    Ok(())
}

/// Lets an agreement continue when its signed successor will never come into force.
pub(crate) async fn release(change: &mut Change, replaced: AgreementId) -> Result<()> {
    let row = agreement::Entity::find_by_id(replaced).one(change.tx()).await?;
    let Some(row) = row.filter(|row| row.replaced_from.is_some()) else { return Ok(()) };
    let after = Model { replaced_from: None, ..row.clone() };
    write(change, row, after).await
}

/// Restores the agreements that a departure ended or continued to their state before it.
///
/// # Errors
/// CONFLICT `AGREEMENT_CHANGED` when one of them was changed since, `ACTIVITY_ENDED` when one would
/// outlive its activity, or `OVERLAPS` when one would be in force at the same time as another.
pub(super) async fn restore(
    change: &mut Change,
    member: MemberId,
    departure: &PastChange,
) -> Result<Vec<AgreementId>> {
    let ended = past::committed_with(change.tx(), Form::Agreement, departure).await?;
    let mut restored = Vec::new();
    // In reverse order, so that an agreement changed twice returns to its state before both
    // changes.
    for past in ended.iter().rev() {
        let row =
            agreement::Entity::find_by_id(AgreementId(past.record_id)).one(change.tx()).await?;
        let Some(row) = row.filter(|row| row.member_id == Some(member)) else { continue };
        expect_unchanged(&row, past)?;
        let after = agreement_end::restored(&row, past);
        if after != row {
            expect_activity(change, &after).await?;
            if !restored.contains(&row.id) {
                restored.push(row.id);
            }
            write(change, row, after).await?;
        }
    }
    Ok(restored)
}

/// Fails if a restored participation would continue after the last day of its activity, which may
/// have been closed since the departure.
async fn expect_activity(change: &Change, row: &Model) -> Result<()> {
    let Some(id) = row.activity_id.filter(|_| row.kind == AgreementKind::Participation) else {
        return Ok(());
    };
    let activity = activity::Entity::find_by_id(id).one(change.tx()).await?;
    let Some((name, last)) = activity.and_then(|activity| Some((activity.name, activity.ends_on?)))
    else {
        return Ok(());
    };
    if !agreement_end::continues_after(row, last) {
        return Ok(());
    }
    let number = row.number.as_deref().unwrap_or_default();
    Err(Error::conflict(
        ConflictReason::ActivityEnded,
        format!("agreement {number} would continue after {last}, the last day of {name}"),
    ))
}

/// Fails if an agreement is no longer as the departure left it, because it was replaced or its end
/// was changed since.
fn expect_unchanged(row: &Model, past: &PastChange) -> Result<()> {
    if agreement_end::is_unchanged(row, past) {
        return Ok(());
    }
    let number = row.number.as_deref().unwrap_or_default();
    Err(Error::conflict(
        ConflictReason::AgreementChanged,
        format!(
            "agreement {number} has been changed since the member left; draft a new one instead"
        ),
    ))
}

async fn write(change: &mut Change, before: Model, after: Model) -> Result<()> {
    let with = forms::agreement(change.tx(), before.clone()).await?;
    let number = after.number.clone().unwrap_or_default();
    audit::replace(change, after.clone()).await.map_err(|error| {
        let message =
            format!("agreement {number} would be in force at the same time as another: a member can have only one participation agreement per activity at a time");
        error.on_constraint(IN_FORCE, Error::conflict(ConflictReason::Overlaps, message))
    })?;
    let [before, after] =
        [forms::Agreement { row: before, ..with.clone() }, forms::Agreement { row: after, ..with }];
    change.record(Some(&before), Some(&after))
}
