//! Decides between two last days by notice: that of a former rule, and that of the present one.

use ::entity::{agreement::Model, id::AgreementId};
use chrono::NaiveDate;

use super::{
    eligibility,
    former_notice_ends::require_choice,
    lifecycle::name,
    loading::{self, snapshot},
    notice, notice_ends, overlap_constraint,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
};

/// Decides the last day of an agreement: the day that the counterparty was notified of, or the day
/// by the present rule.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID unless it is one of the two
/// days, CONFLICT `NOTHING_TO_DECIDE`, `NOT_A_MEMBER`, `ACTIVITY_ENDED` or `OVERLAPS`.
pub async fn decide_notice_end(
    ctx: Context<'_>,
    id: AgreementId,
    ends_on: NaiveDate,
    errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::AgreementNoticeEndDecide).await?;
    let row = loading::find(change.tx(), id).await?;
    let Some(end) = notice_ends::of(change.tx(), &row, day_of(change.at())).await? else {
        let message = format!("{} has no end by notice to decide on", name(&row));
        return Err(Error::conflict(ConflictReason::NothingToDecide, message));
    };
    require_choice(&end, ends_on)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let row = notice::with_deadline(Model {
        ends_on: Some(ends_on),
        notice_end_decided_on: Some(day_of(change.at())),
        ..row
    });
    if row.ends_on != before.row.ends_on {
        let facts = loading::eligibility_facts(change.tx(), &row).await?;
        eligibility::require_days_for_extension(&row, &facts)?;
        loading::refuse_overlap(change.tx(), &row).await?;
    }
    audit::replace(&change, row.clone()).await.map_err(overlap_constraint::describe)?;
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await.map_err(overlap_constraint::describe)
}
