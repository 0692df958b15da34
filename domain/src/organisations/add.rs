//! Adds organisations.

use ::entity::{id::OrganisationId, number::OrgNumber, organisation::Model};

use super::billing::set_billing;
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    collation,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
    members::billing::NewBilling,
};

/// Adds an organisation. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, INVALID for a bad field, CONFLICT
/// `ORG_NUMBER_TAKEN`.
pub async fn add(
    ctx: Context<'_>,
    name: &str,
    org_number: Option<OrgNumber>,
    billing: &NewBilling,
    mut errors: ValidationErrors,
) -> Result<OrganisationId> {
    ctx.require(Permission::ManageRegister)?;
    let name = errors.document_line("name", name);
    let billing = &billing.written("billing.", &mut errors);
    errors.finish()?;
    let mut change = audit::begin(ctx, Action::OrganisationAdd).await?;
    let mut row = Model {
        id: OrganisationId::new(),
        name_key: collation::key(&name),
        name,
        org_number,
        ..Model::default()
    };
    set_billing(&mut row, billing);
    audit::insert(&change, row.clone()).await.map_err(|error| {
        error.on_constraint("organisation__org_number", org_number_taken(row.org_number.as_ref()))
    })?;
    change.record(None, Some(&row))?;
    change.commit_with(row.id).await?;
    Ok(row.id)
}

/// Returns the conflict for an organisation number that another organisation has.
pub(super) fn org_number_taken(number: Option<&OrgNumber>) -> Error {
    let number = number.map(ToString::to_string).unwrap_or_default();
    Error::conflict(
        ConflictReason::OrgNumberTaken,
        format!("another organisation has the organisation number {number}"),
    )
}
