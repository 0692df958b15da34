//! Withdrawal of a notice before it takes effect: the agreement continues as agreed.

use ::entity::{agreement::Model, id::AgreementId, kind::Form};
use chrono::NaiveDate;
use sea_orm::ConnectionTrait;

use super::{
    deadlines::snooze::delete_current,
    eligibility,
    lifecycle::{self, name, snapshot},
    overlaps,
};
use crate::{
    audit::{
        self, Action,
        past::{self, PastChange},
    },
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors},
    term_sql,
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
/// CONFLICT `NO_NOTICE`, `ENDED` when the notice has taken effect, `AGREED_END_UNKNOWN`,
/// `NOT_A_MEMBER` or `ACTIVITY_ENDED` when it would outlive its member's membership or its
/// activity, or `OVERLAPS`.
pub async fn withdraw_notice(
    ctx: Context<'_>,
    withdrawal: NoticeWithdrawal,
    errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::AgreementNoticeWithdraw).await?;
    let row = lifecycle::find(change.tx(), withdrawal.agreement_id).await?;
    let today = day_of(change.at());
    let Some(given_on) = row.notice_given_on.filter(|_| row.withdrawn_on.is_none()) else {
        return Err(Error::conflict(
            ConflictReason::NoNotice,
            format!("no notice was given on {}; there is none to withdraw", name(&row)),
        ));
    };
    if let Some(last) = row.ends_on.filter(|last| *last < today) {
        let message = format!(
            "the notice given on {given_on} took effect: {} ended on {last}; draft a new one",
            name(&row)
        );
        return Err(Error::conflict(ConflictReason::Ended, message));
    }
    let ends_on = agreed_end(change.tx(), &row, withdrawal.ends_on).await?;
    let before = snapshot(change.tx(), row.clone()).await?;
    let mut row = Model {
        notice_given_on: None,
        ends_on,
        termination_reason: None,
        notice_end_decided_on: None,
        ..row
    };
    eligibility::require_days_for_extension(change.tx(), &row).await?;
    overlaps::refuse(change.tx(), &row).await?;
    (row.deadline_on, row.deadline_month) = term_sql::deadline_columns(&term_sql::of(&row));
    audit::replace(&change, row.clone()).await.map_err(overlaps::describe)?;
    let id = row.id;
    // The acknowledgement was about the last day from the notice.
    if let Some(acknowledged) = delete_current(&mut change, id, today).await? {
        change.record(Some(&acknowledged), None)?;
    }
    let after = snapshot(change.tx(), row).await?;
    change.record(Some(&before), Some(&after))?;
    change.commit_with(id).await.map_err(overlaps::describe)
}

/// Returns the last day that was agreed before the notice, from the audit trail or, if the trail
/// lacks it, from the input.
async fn agreed_end(
    db: &impl ConnectionTrait,
    row: &Model,
    stated: Option<Option<NaiveDate>>,
) -> Result<Option<NaiveDate>> {
    let known = notice_change(db, row).await?.map(|past| past.day_before("ends_on"));
    let words = |day: Option<NaiveDate>| {
        day.map_or_else(|| "until further notice".to_owned(), |day| day.to_string())
    };
    let ends_on = match (known, stated) {
        (Some(known), Some(stated)) if known != stated => {
            let message = format!("must be left out: {} was agreed {}", name(row), words(known));
            return Err(Error::invalid("ends_on", FieldErrorCode::NotAllowed.problem(message)));
        }
        (Some(known), _) => known,
        (None, Some(stated)) => stated,
        (None, None) => {
            let message = format!(
                "the notice on {} came with imported history, without the agreed last day; state it",
                name(row)
            );
            return Err(Error::conflict(ConflictReason::AgreedEndUnknown, message));
        }
    };
    let mut errors = ValidationErrors::default();
    errors.expect(
        ends_on.is_none_or(|last| last >= row.starts_on),
        "ends_on",
        FieldErrorCode::TooEarly.problem("must not be before the first day in force"),
    );
    errors.expect(
        ends_on.is_some() || row.renewal_months.is_none(),
        "ends_on",
        FieldErrorCode::Required.problem("is needed: the agreement renews automatically"),
    );
    errors.finish()?;
    Ok(ends_on)
}

/// Returns the change by which notice was given; `None` if the notice came with imported history.
pub(super) async fn notice_change(
    db: &impl ConnectionTrait,
    row: &Model,
) -> Result<Option<PastChange>> {
    let changes = past::changes_of(db, Form::Agreement, row.id.0).await?;
    let is_notice = |past: &PastChange| {
        past.before.is_object()
            && past.day_before("notice_given_on").is_none()
            && past.day_after("notice_given_on") == row.notice_given_on
    };
    Ok(changes.into_iter().find(is_notice))
}
