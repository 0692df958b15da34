//! Agreements that end with their counterparty's membership, and how they continue when that was
//! reversed.

use ::entity::{
    activity,
    agreement::{self, Model},
    id::{AgreementId, MemberId},
    kind::{AgreementKind, Form},
};
use chrono::NaiveDate;
use sea_orm::{EntityTrait, QueryFilter};

use crate::{
    audit::{
        self, Change, forms,
        past::{self, PastChange},
    },
    clock,
    error::{Error, Result},
    term_sql,
};

/// Name of the constraint that a member takes part in an activity by one agreement at a time.
const IN_FORCE: &str = "agreement__in_force";

/// Ends an agreement on the last day of a membership: as by notice, or by withdrawal if it would
/// begin only after that. Returns the agreement that a withdrawn one was to replace.
pub(super) async fn end(
    change: &mut Change,
    before: Model,
    on: NaiveDate,
    reason: Option<&str>,
) -> Result<Option<AgreementId>> {
    let with = forms::agreement(change.tx(), before.clone()).await?;
    let mut after = before.clone();
    let decided_on = clock::day_of(change.at()).min(on);
    if after.starts_on > on {
        after.withdrawn_on = term_sql::of(&after).offered_on.max(Some(decided_on));
        after.replaces_id = None;
    } else {
        after.ends_on = Some(on);
        after.notice_given_on =
            after.notice_given_on.or_else(|| after.signed_on.max(Some(decided_on)));
        // Whoever was to take over later never will.
        after.replaced_from = after.replaced_from.filter(|from| *from <= on);
    }
    after.termination_reason = Some(reason.unwrap_or("membership ended").to_owned());
    (after.deadline_on, after.deadline_month) = term_sql::deadline_columns(&term_sql::of(&after));
    audit::replace(change, after.clone()).await?;
    let replaced = before.replaces_id.filter(|_| after.replaces_id.is_none());
    let [before, after] =
        [forms::Agreement { row: before, ..with.clone() }, forms::Agreement { row: after, ..with }];
    change.record(Some(&before), Some(&after))?;
    Ok(replaced)
}

/// Ends an agreement on the last day of a membership if it would continue after it, as one does
/// whose successor was withdrawn with the membership.
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

/// Lets an agreement continue whose signed successor never comes into force.
///
/// # Errors
/// INTERNAL when the database fails or refuses it.
pub(crate) async fn release(change: &mut Change, replaced: AgreementId) -> Result<()> {
    let row = agreement::Entity::find_by_id(replaced).one(change.tx()).await?;
    let Some(row) = row.filter(|row| row.replaced_from.is_some()) else { return Ok(()) };
    let after = Model { replaced_from: None, ..row.clone() };
    write(change, row, after).await
}

/// Brings the agreements that a departure ended, and those that it let continue, back to what they
/// were before it.
///
/// # Errors
/// CONFLICT `AGREEMENT_CHANGED` when one of them was changed since, `ACTIVITY_ENDED` when one would
/// outlive its activity, or `OVERLAPS` when one would be in force beside another.
pub(super) async fn restore(
    change: &mut Change,
    member: MemberId,
    departure: &PastChange,
) -> Result<Vec<AgreementId>> {
    let ended = past::committed_with(change.tx(), Form::Agreement, departure).await?;
    let mut restored = Vec::new();
    // The last change first, so that one that was changed twice ends as it was before both.
    for past in ended.iter().rev() {
        let row =
            agreement::Entity::find_by_id(AgreementId(past.record_id)).one(change.tx()).await?;
        let Some(row) = row.filter(|row| row.member_id == Some(member)) else { continue };
        expect_unchanged(&row, past)?;
        let mut after = row.clone();
        after.ends_on = past.day_before("ends_on");
        after.notice_given_on = past.day_before("notice_given_on");
        after.withdrawn_on = past.day_before("withdrawn_on");
        after.replaced_from = past.day_before("replaced_from");
        after.replaces_id = past
            .before
            .get("replaces_id")
            .and_then(|id| id.as_str()?.parse().ok())
            .map(AgreementId);
        after.termination_reason = past
            .before
            .get("termination_reason")
            .and_then(|reason| reason.as_str())
            .map(str::to_owned);
        (after.deadline_on, after.deadline_month) =
            term_sql::deadline_columns(&term_sql::of(&after));
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

/// A participation that continues does so while there is the activity, which may have been closed
/// since.
async fn expect_activity(change: &Change, row: &Model) -> Result<()> {
    let Some(id) = row.activity_id.filter(|_| row.kind == AgreementKind::Participation) else {
        return Ok(());
    };
    let activity = activity::Entity::find_by_id(id).one(change.tx()).await?;
    let Some((name, last)) = activity.and_then(|activity| Some((activity.name, activity.ends_on?)))
    else {
        return Ok(());
    };
    if row.withdrawn_on.is_some() || term_sql::of(row).final_day().is_some_and(|end| end <= last) {
        return Ok(());
    }
    let number = row.number.as_deref().unwrap_or_default();
    Err(Error::conflict(
        "ACTIVITY_ENDED",
        format!("agreement {number} would continue after {last}, the last day of {name}"),
    ))
}

/// An agreement that was ended and has since been replaced, or given another end, is not what the
/// departure made of it.
fn expect_unchanged(row: &Model, past: &PastChange) -> Result<()> {
    let is_unchanged = row.ends_on == past.day_after("ends_on")
        && row.notice_given_on == past.day_after("notice_given_on")
        && row.withdrawn_on == past.day_after("withdrawn_on")
        && row.replaced_from == past.day_after("replaced_from");
    if is_unchanged {
        return Ok(());
    }
    let number = row.number.as_deref().unwrap_or_default();
    Err(Error::conflict(
        "AGREEMENT_CHANGED",
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
            format!("agreement {number} would be in force beside another one: a member takes part in an activity by one at a time");
        error.on_constraint(IN_FORCE, Error::conflict("OVERLAPS", message))
    })?;
    let [before, after] =
        [forms::Agreement { row: before, ..with.clone() }, forms::Agreement { row: after, ..with }];
    change.record(Some(&before), Some(&after))
}
