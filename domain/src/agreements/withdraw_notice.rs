//! Withdrawal of a notice before it takes effect: the agreement continues as agreed.

use ::entity::id::AgreementId;
use chrono::NaiveDate;

use super::{
    deadlines::acknowledgements::delete_current,
    eligibility,
    loading::{self, snapshot},
    notice, overlap_constraint,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{Result, ValidationErrors},
};

/// Input for withdrawing a notice.
#[derive(Clone, Debug, Default)]
pub struct NoticeWithdrawal {
    /// The agreement.
    pub agreement_id: AgreementId,
    /// The agreed last day, if the notice came with imported history and the register does not know
    /// that day; `Some(None)`: until further notice. `None` for any other notice.
    pub ends_on: Option<Option<NaiveDate>>,
}

/// Withdraws a notice. The agreement has its agreed last day again, and renews again if it did
/// before.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NO_NOTICE`, `ENDED` when the agreement has ended, by the notice or by a successor,
/// `AGREED_END_UNKNOWN`, `NOT_A_MEMBER` or `ACTIVITY_ENDED` when it would outlive its member's
/// membership or its activity, or `OVERLAPS`.
pub async fn withdraw_notice(
    ctx: Context<'_>,
    withdrawal: NoticeWithdrawal,
    errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::AgreementNoticeWithdraw).await?;
    let row = loading::find(change.tx(), withdrawal.agreement_id).await?;
    let today = day_of(change.at());
    notice::require_pending(&row, today)?;
    let known = loading::notice_change(change.tx(), &row).await?;
    let known = known.map(|past| past.day_before("ends_on"));
    let ends_on = notice::agreed_end(&row, known, withdrawal.ends_on)?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let row = notice::without_notice(row, ends_on);
    let facts = loading::eligibility_facts(change.tx(), &row).await?;
    eligibility::require_days_for_extension(&row, &facts)?;
    loading::refuse_overlap(change.tx(), &row).await?;
    audit::replace(&change, row.clone()).await.map_err(overlap_constraint::describe)?;
    let id = row.id;
    // The acknowledgement was about the last day from the notice.
    if let Some(acknowledged) = delete_current(&mut change, id, today).await? {
        change.record(Some(&acknowledged), None)?;
    }
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await.map_err(overlap_constraint::describe)
}
