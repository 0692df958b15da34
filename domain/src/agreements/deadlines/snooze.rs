//! Acknowledges a deadline: hides it from the list of deadlines until a day.

use ::entity::{
    acknowledgement::{Column, Entity, Model},
    id::{AcknowledgementId, AgreementId},
    kind::DeadlineKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::agreements::lifecycle::{self, name};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    term_sql,
};

/// Input for acknowledging a deadline.
#[derive(Clone, Debug, Default)]
pub struct NewAcknowledgement {
    /// The agreement.
    pub agreement: AgreementId,
    /// Last day on which the deadline is hidden.
    pub until: NaiveDate,
    /// Note.
    pub note: Option<String>,
}

/// Deletes the acknowledgements in effect on `today` and returns the latest one.
pub(in crate::agreements) async fn delete_current(
    change: &mut Change,
    agreement: AgreementId,
    today: NaiveDate,
) -> Result<Option<Model>> {
    let current = Entity::find()
        .filter(Column::AgreementId.eq(agreement))
        .filter(Column::Until.gte(today))
        .order_by_desc(Column::AcknowledgedAt)
        .order_by_desc(Column::Id)
        .all(change.tx())
        .await?;
    for row in &current {
        Entity::delete_by_id(row.id).exec(change.tx()).await?;
    }
    // This rule leaves at most one, but an older register may have several.
    for row in current.iter().skip(1) {
        change.record(Some(row), None)?;
    }
    Ok(current.into_iter().next())
}

/// Snoozes an agreement's deadline until a day, and replaces an earlier acknowledgement. The day is
/// at most the deadline, so that the next one is reported. `errors` are those already found in the
/// input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NO_DEADLINE`.
pub async fn acknowledge(
    ctx: Context<'_>,
    new: NewAcknowledgement,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    let today = ctx.clock.today();
    errors.expect(
        new.until >= today,
        "snoozed_until",
        FieldErrorCode::TooEarly.problem("must not be in the past"),
    );
    let note = errors.optional_text("note", new.note.as_deref(), LINE);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::DeadlineSnooze).await?;
    let row = lifecycle::find(change.tx(), new.agreement).await?;
    let Some(deadline) = term_sql::of(&row).next_deadline(today) else {
        let words = "has no deadline to acknowledge: it is not signed, has ended, has a signed successor or runs until further notice";
        return Err(Error::conflict(ConflictReason::NoDeadline, format!("{} {words}", name(&row))));
    };
    if new.until > deadline.on {
        let words = match deadline.kind {
            DeadlineKind::Notice => {
                format!(
                    "must not be after the last day to give notice, {}, or the next deadline could be missed",
                    deadline.on
                )
            }
            DeadlineKind::End => {
                format!("must not be after the agreement's last day, {}", deadline.on)
            }
        };
        let problem = FieldErrorCode::TooLate.problem(words);
        return Err(Error::invalid("snoozed_until", problem.with("max", deadline.on)));
    }
    let before = delete_current(&mut change, row.id, today).await?;
    let after = Model {
        id: AcknowledgementId::new(),
        agreement_id: row.id,
        acknowledged_by: ctx.viewer.subject.clone(),
        acknowledged_at: change.at(),
        until: new.until,
        note,
    };
    audit::insert(&change, after.clone()).await?;
    if let Some(before) = before {
        change.record(Some(&before), None)?;
    }
    change.record(None, Some(&after))?;
    change.commit_with(Outcome::of(row.id).with(after.id)).await
}

/// Withdraws an acknowledgement, so that the agreement's deadline is reported again.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAgreements`, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `NOT_SNOOZED`.
pub async fn withdraw(ctx: Context<'_>, id: AgreementId, errors: ValidationErrors) -> Result<()> {
    ctx.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::DeadlineUnsnooze).await?;
    let row = lifecycle::find(change.tx(), id).await?;
    let before = delete_current(&mut change, id, ctx.clock.today()).await?;
    let before = before.ok_or_else(|| {
        Error::conflict(
            ConflictReason::NotSnoozed,
            format!("the deadline of {} has no acknowledgement until today or later", name(&row)),
        )
    })?;
    change.record(Some(&before), None)?;
    change.commit_with(Outcome::of(id).deleting(before.id)).await
}
