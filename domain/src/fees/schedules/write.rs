//! Writes a price, for an activity or for the network itself.

use ::entity::{
    fee_schedule::{Column, Entity, Model},
    id::FeeScheduleId,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::price::{NewSchedule, end_overlapped};
use crate::{
    activities::loading,
    audit::{
        self, Action,
        forms::{self, FeeSchedule},
    },
    auth::viewer::Permission,
    context::Context,
    decisions,
    error::{Error, FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
    tax_decisions::in_force::TaxDecisions,
};

/// Writes a price. It replaces one that begins on the same day with the same basis. An open-ended
/// one in which it begins ends the day before. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, NOT_FOUND for the activity, INVALID naming every
/// bad field, CONFLICT `OVERLAPS`.
pub(super) async fn write(
    ctx: Context<'_>,
    new: NewSchedule,
    mut errors: ValidationErrors,
) -> Result<FeeScheduleId> {
    ctx.require(Permission::ManageAccounts)?;
    let (mut row, decision) = new.check(&mut errors);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::FeeScheduleSet).await?;
    let of_same = match new.activity {
        Some(activity) => Column::ActivityId.eq(loading::find(change.tx(), activity).await?.id),
        None => Column::ActivityId.is_null(),
    };
    refuse_contradiction(change.tx(), &row).await?;
    let others =
        Entity::find().filter(of_same).filter(Column::Basis.eq(row.basis)).all(change.tx()).await?;
    let closed = end_overlapped(&others, &row)?;
    let before = match others.iter().find(|other| other.valid_from == row.valid_from) {
        Some(same) => Some(snapshot(change.tx(), same.clone()).await?),
        None => None,
    };
    row.id = before.as_ref().map_or(row.id, |before| before.row.id);
    row.decision_id = decisions::record::record(
        &change,
        before.as_ref().and_then(|before| before.decision.as_ref()),
        decision,
    )
    .await?;

    if let Some(closed) = closed {
        let open = others.into_iter().find(|other| other.id == closed.id);
        audit::replace(&change, closed.clone()).await?;
        let after = snapshot(change.tx(), closed).await?;
        let before = open.map(|row| FeeSchedule { row, ..after.clone() });
        change.record(before.as_ref(), Some(&after))?;
    }
    let id = row.id;
    if before.as_ref().is_none_or(|before| before.row != row) {
        if before.is_some() {
            audit::replace(&change, row.clone()).await?;
        } else {
            audit::insert(&change, row.clone()).await?;
        }
        let after = snapshot(change.tx(), row).await?;
        change.record(before.as_ref(), Some(&after))?;
    }
    change.commit_with(Outcome::of(id).with_all(new.activity)).await?;
    Ok(id)
}

/// Returns the current form of a fee schedule for the audit trail.
async fn snapshot(db: &impl ConnectionTrait, row: Model) -> Result<FeeSchedule> {
    let alone = FeeSchedule { row: row.clone(), decision: None };
    Ok(forms::fee_schedules(db, vec![row]).await?.pop().unwrap_or(alone))
}

/// Rejects a price with another VAT treatment than the network's tax decision on its first day,
/// which would take precedence.
async fn refuse_contradiction(db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let decisions = TaxDecisions::on(db, row.valid_from).await?;
    let Some((stated, decision)) = row.vat_rate.zip(decisions.of_price(row)) else { return Ok(()) };
    if stated == decision.vat_rate {
        return Ok(());
    }
    let (rate, day) = (decision.vat_rate, decision.valid_from);
    let message = format!(
        "must be {rate}, which the network's tax decision says from {day} on, or left out; record another tax decision first"
    );
    Err(Error::invalid("vat_rate", FieldErrorCode::Mismatch.problem(message)))
}
