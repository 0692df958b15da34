//! Reverses grants.

use ::entity::{grant, id::GrantId};

use super::{reversal::NewReversal, reverse::reverse};
use crate::{
    context::Context,
    error::{Result, ValidationErrors},
};

/// Reverses the full amount of a grant and returns the reversal. A grant can be reversed only one
/// time. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `IS_REVERSAL`, `ALREADY_REVERSED` or `PERIOD_CLOSED`.
pub async fn reverse_grant(
    ctx: Context<'_>,
    new: NewReversal<GrantId>,
    errors: ValidationErrors,
) -> Result<GrantId> {
    reverse::<grant::Model>(ctx, GrantId::new(), new, errors).await
}
