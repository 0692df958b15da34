//! Reverses costs.

use ::entity::{cost, id::CostId};

use super::{reversal::NewReversal, reverse::reverse};
use crate::{
    context::Context,
    error::{Result, ValidationErrors},
};

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
