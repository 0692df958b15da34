//! Records tax decisions.

use ::entity::{
    id::TaxDecisionId,
    tax_decision::{Column, Entity, Model},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::new_decision::NewTaxDecision;
use crate::{
    activities::loading::find,
    audit::{self, Action},
    auth::viewer::Permission,
    clock::day_of,
    context::Context,
    error::{Result, ValidationErrors},
    idempotency::Outcome,
};

/// Records a tax decision. It replaces one about the same fee that is valid from the same day.
/// `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field, NOT_FOUND for
/// the activity.
pub async fn record(
    ctx: Context<'_>,
    new: NewTaxDecision,
    mut errors: ValidationErrors,
) -> Result<TaxDecisionId> {
    ctx.require(Permission::ManageAccounts)?;
    let mut change = audit::begin(ctx, Action::TaxDecisionRecord).await?;
    let after = new.check(day_of(change.at()), &mut errors);
    errors.finish()?;
    let of_same = match after.activity_id {
        Some(activity) => Column::ActivityId.eq(find(change.tx(), activity).await?.id),
        None => Column::ActivityId.is_null(),
    };
    let same = Entity::find()
        .filter(Column::Fee.eq(after.fee))
        .filter(of_same)
        .filter(Column::ValidFrom.eq(after.valid_from));
    let before = same.one(change.tx()).await?;
    let after = Model { id: before.as_ref().map_or(after.id, |before| before.id), ..after };
    if before.as_ref() != Some(&after) {
        if before.is_some() {
            audit::replace(&change, after.clone()).await?;
        } else {
            audit::insert(&change, after.clone()).await?;
        }
        change.record(before.as_ref(), Some(&after))?;
    }
    let id = after.id;
    change.commit_with(Outcome::of(id)).await?;
    Ok(id)
}
