//! Updates organisations.

use ::entity::{id::OrganisationId, number::OrgNumber, organisation::Entity};
use sea_orm::EntityTrait;

use super::{add::org_number_taken, billing::set_billing};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    collation,
    context::Context,
    error::{Error, Result, ValidationErrors},
    members::billing::NewBilling,
};

/// Returns `true` if the viewer may update organisations.
#[must_use]
pub fn can_update(ctx: Context<'_>) -> bool {
    ctx.viewer.has(Permission::ManageRegister)
}

/// Updates an organisation; fields that are `None` stay unchanged.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID for a bad field, CONFLICT
/// `ORG_NUMBER_TAKEN`.
pub async fn update(
    ctx: Context<'_>,
    id: OrganisationId,
    name: Option<&str>,
    org_number: Option<Option<OrgNumber>>,
    billing: Option<&NewBilling>,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let name = name.map(|name| errors.document_line("name", name));
    let billing = billing.map(|billing| billing.written("billing.", &mut errors));
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::OrganisationUpdate).await?;
    let before = Entity::find_by_id(id).one(change.tx()).await?;
    let before =
        before.ok_or_else(|| Error::missing("organisation_id", "there is no such organisation"))?;
    let mut after = before.clone();
    if let Some(name) = name {
        after.name_key = collation::key(&name);
        after.name = name;
    }
    after.org_number = org_number.unwrap_or(after.org_number);
    if let Some(billing) = &billing {
        set_billing(&mut after, billing);
    }
    if after != before {
        audit::replace(&change, after.clone()).await.map_err(|error| {
            error.on_constraint(
                "organisation__org_number",
                org_number_taken(after.org_number.as_ref()),
            )
        })?;
        change.record(Some(&before), Some(&after))?;
    }
    change.commit_with(id).await
}
