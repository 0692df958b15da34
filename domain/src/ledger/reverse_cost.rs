//! Reverses costs.

use std::collections::HashSet;

use ::entity::{cost, id::CostId};
use uuid::Uuid;

use super::{
    reversal::NewReversal,
    reverse::{self, reverse},
};
use crate::{
    context::Context,
    error::{Result, ValidationErrors},
};

/// Returns those of these costs that the viewer may reverse: neither reversals nor reversed. The
/// rows must include the id and the cost that they reverse.
pub async fn reversible(ctx: Context<'_>, rows: &[cost::Model]) -> Result<HashSet<Uuid>> {
    reverse::reversible(ctx, rows).await
}

/// Reverses the full amount of a cost and returns the reversal. A cost can be reversed only one
/// time. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageAccounts`, INVALID naming every bad field, NOT_FOUND,
/// CONFLICT `IS_REVERSAL`, `ALREADY_REVERSED` or `PERIOD_CLOSED`.
pub async fn reverse_cost(
    ctx: Context<'_>,
    new: NewReversal<CostId>,
    errors: ValidationErrors,
) -> Result<CostId> {
    reverse::<cost::Model>(ctx, CostId::new(), new, errors).await
}
