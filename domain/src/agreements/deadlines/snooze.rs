//! Acknowledgement: somebody has seen an agreement's deadline and wants to hear no more of it until
//! a day.

use ::entity::{
    acknowledgement::{Column, Entity, Model},
    id::{AcknowledgementId, AgreementId},
    kind::DeadlineKind,
};
use chrono::NaiveDate;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::agreements::lifecycle::{self, name};
use crate::{
    audit::{self, Change},
    auth::viewer::{Permission, Viewer},
    database::Database,
    error::{Error, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    term_sql,
};

/// What somebody acknowledges.
#[derive(Clone, Debug, Default)]
pub struct NewAcknowledgement {
    /// The agreement.
    pub agreement: AgreementId,
    /// Last quiet day.
    pub until: NaiveDate,
    /// Why.
    pub note: Option<String>,
}

/// Takes away whatever holds on `today`, and answers the latest of it.
pub(super) async fn take_away(
    change: &mut Change,
    agreement: AgreementId,
    today: NaiveDate,
) -> Result<Option<Model>> {
    let held = Entity::find()
        .filter(Column::AgreementId.eq(agreement))
        .filter(Column::Until.gte(today))
        .order_by_desc(Column::AcknowledgedAt)
        .order_by_desc(Column::Id)
        .all(change.tx())
        .await?;
    for row in &held {
        Entity::delete_by_id(row.id).exec(change.tx()).await?;
    }
    // This rule leaves one at most, but an older register may hold several.
    for row in held.iter().skip(1) {
        change.record(Some(row), None)?;
    }
    Ok(held.into_iter().next())
}

/// Quietens an agreement's deadline until a day, in the place of whoever did so before: until it
/// passes at the latest, so that the next one is heard of. `errors` are those that reading the
/// input has found already.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps agreements, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `NO_DEADLINE`.
pub async fn acknowledge(
    db: &Database,
    viewer: &Viewer,
    new: NewAcknowledgement,
    mut errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageAgreements)?;
    let today = db.clock.today();
    errors.expect(new.until >= today, "input.until", "must not be in the past");
    let note = errors.optional_text("input.note", new.note.as_deref(), LINE);
    errors.finish()?;

    let mut change = audit::begin(db, viewer, "deadlineAcknowledge").await?;
    let row = lifecycle::find(change.tx(), new.agreement).await?;
    let Some(deadline) = term_sql::of(&row).next_deadline(today) else {
        let words = "has no deadline to acknowledge: it is not signed, has ended, has a signed successor or runs until further notice";
        return Err(Error::conflict("NO_DEADLINE", format!("{} {words}", name(&row))));
    };
    if new.until > deadline.on {
        let words = match deadline.kind {
            DeadlineKind::Notice => {
                format!(
                    "must not be after the last day to give notice, {}, or the next one would pass unseen",
                    deadline.on
                )
            }
            DeadlineKind::End => {
                format!(
                    "must not be after the agreement's last day, {}: there is nothing to be quiet about then",
                    deadline.on
                )
            }
        };
        return Err(Error::invalid("input.until", words));
    }
    let before = take_away(&mut change, row.id, today).await?;
    let after = Model {
        id: AcknowledgementId::new(),
        agreement_id: row.id,
        acknowledged_by: viewer.subject.clone(),
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

/// Takes an acknowledgement back, so that the agreement's deadline is heard of again.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps agreements, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `NOT_ACKNOWLEDGED`.
pub async fn withdraw(
    db: &Database,
    viewer: &Viewer,
    id: AgreementId,
    errors: ValidationErrors,
) -> Result<()> {
    viewer.require(Permission::ManageAgreements)?;
    errors.finish()?;
    let mut change = audit::begin(db, viewer, "deadlineAcknowledgementWithdraw").await?;
    let row = lifecycle::find(change.tx(), id).await?;
    let before = take_away(&mut change, id, db.clock.today()).await?;
    let before = before.ok_or_else(|| {
        Error::conflict(
            "NOT_ACKNOWLEDGED",
            format!("nobody has acknowledged the deadline of {} until today or later", name(&row)),
        )
    })?;
    change.record(Some(&before), None)?;
    change.commit_with(Outcome::of(id).deleting(before.id)).await
}
