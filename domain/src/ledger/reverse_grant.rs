//! Reverses grants.

use std::collections::HashSet;

use ::entity::{grant, id::GrantId};
use uuid::Uuid;

use super::{
    reversal::NewReversal,
    reverse::{self, reverse},
};
use crate::{
    context::Context,
    error::{Result, ValidationErrors},
};

/// Returns those of these grants that the viewer may reverse: neither reversals nor reversed. The
/// rows must include the id and the grant that they reverse.
pub async fn reversible(ctx: Context<'_>, rows: &[grant::Model]) -> Result<HashSet<Uuid>> {
    reverse::reversible(ctx, rows).await
}

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
