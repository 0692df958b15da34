//! Removes organisations that were added by mistake, while nothing refers to them.

use std::collections::BTreeSet;

use ::entity::{
    agreement, contact, cost, id::OrganisationId, invoice, kind::SubjectKind, organisation::Entity,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use crate::{
    audit::{self, Action, Person},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
    idempotency::{FromOutcome, Outcome},
    removal::{self, Removed},
};

/// Removes an organisation that was added by mistake. The audit log retains it, without the
/// personal data of its billing details.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad id, CONFLICT
/// `IN_USE` with the number of records that refer to it.
pub async fn remove(
    ctx: Context<'_>,
    id: OrganisationId,
    errors: ValidationErrors,
) -> Result<Removed> {
    ctx.require(Permission::ManageRegister)?;
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::OrganisationRemove).await?;
    let before = Entity::find_by_id(id).one(change.tx()).await?;
    let before = before.ok_or_else(|| Error::NotFound("there is no such organisation".into()))?;
    let counts = [
        (
            "agreement",
            agreement::Entity::find()
                .filter(agreement::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
        (
            "invoice",
            invoice::Entity::find()
                .filter(invoice::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
        (
            "cost",
            cost::Entity::find()
                .filter(cost::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
        (
            "contact",
            contact::Entity::find()
                .filter(contact::Column::OrganisationId.eq(id))
                .count(change.tx())
                .await?,
        ),
    ];
    let references = removal::references(&counts);
    if !references.is_empty() {
        return Err(Error::conflict(
            ConflictReason::InUse,
            format!("{} has {} and cannot be removed", before.name, references.join(", ")),
        ));
    }
    Entity::delete_by_id(id).exec(change.tx()).await?;
    change.record(Some(&before), None)?;
    change.erase(&BTreeSet::from([Person::buyer(id)]), (SubjectKind::Organisation, id.0)).await?;
    let outcome = Outcome::default().deleting(id);
    let removed = Removed::from_outcome(&outcome).unwrap_or(Removed { api_id: String::new() });
    change.commit_with(outcome).await?;
    Ok(removed)
}
