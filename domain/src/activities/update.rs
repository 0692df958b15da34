//! Updates activities.

use ::entity::id::ActivityId;

use super::{
    agreements_in_force,
    fields::{ActivityChanges, check, distinct},
    loading::{snapshot, snapshot_or_errors},
    parts::{expect_contacts, write_funding, write_texts},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    decisions,
    error::{Result, ValidationErrors},
};

/// Updates an activity. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND for the activity or a contact, INVALID
/// naming every bad field, CONFLICT `AGREEMENTS_IN_FORCE` when it would end before its agreements
/// do, or begin after they do.
pub async fn update(
    ctx: Context<'_>,
    id: ActivityId,
    changes: ActivityChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::ActivityUpdate).await?;
    let before = snapshot_or_errors(&change, id, &mut errors).await?;
    let (mut row, mut texts) = changes.apply(&before);
    check(&mut row, &mut texts, Some(&before), &mut errors);
    let decision = changes
        .decision
        .map(|decision| decision.map(|decision| decision.check("decision", &mut errors)));
    errors.finish()?;

    if let Some(ends_on) = row.ends_on.filter(|_| row.ends_on != before.row.ends_on) {
        agreements_in_force::expect_no_agreements_after(&change, &row, ends_on).await?;
    }
    if row.starts_on > before.row.starts_on {
        agreements_in_force::expect_no_agreements_before(&change, &row).await?;
    }
    expect_contacts(&change, &row).await?;
    if let Some(decision) = decision {
        row.decision_id =
            decisions::record::record(&change, before.decision.as_ref(), decision).await?;
    }
    audit::replace(&change, row).await?;
    if texts != before.texts {
        write_texts(&change, texts).await?;
    }
    if let Some(funding) = &changes.funding {
        write_funding(&change, id, &distinct(funding)).await?;
    }
    let after = snapshot(change.tx(), id).await?;
    if after != before {
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}

/// Returns `true` if the viewer may update activities.
#[must_use]
pub fn can_update(ctx: Context<'_>) -> bool {
    ctx.viewer.has(Permission::ManageRegister)
}
