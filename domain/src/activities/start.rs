//! Starts activities.

use ::entity::id::ActivityId;

use super::{
    fields::NewActivity,
    loading::snapshot,
    parts::{expect_contacts, write_funding, write_texts},
};
use crate::{
    audit::{self, Action, forms::Activity},
    auth::viewer::Permission,
    context::Context,
    decisions,
    error::{ConflictReason, Error, Result, ValidationErrors},
};

/// Starts an activity. `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, INVALID naming every bad field, NOT_FOUND for a
/// contact, CONFLICT `SLUG_TAKEN`.
pub async fn start(
    ctx: Context<'_>,
    new: NewActivity,
    mut errors: ValidationErrors,
) -> Result<ActivityId> {
    ctx.require(Permission::ManageRegister)?;
    let Activity { mut row, texts, funding, decision } = new.check(&mut errors);
    errors.finish()?;

    let mut change = audit::begin(ctx, Action::ActivityStart).await?;
    expect_contacts(&change, &row).await?;
    row.decision_id = decisions::record::record(&change, None, decision).await?;
    let (id, slug) = (row.id, row.slug.clone());
    audit::insert(&change, row).await.map_err(|error| {
        error.on_constraint(
            "activity__slug",
            Error::conflict(
                ConflictReason::SlugTaken,
                format!("another activity has the slug {slug}; choose another"),
            ),
        )
    })?;
    write_texts(&change, texts).await?;
    write_funding(&change, id, &funding).await?;
    let after = snapshot(change.tx(), id).await?;
    change.record(None, Some(&after))?;
    change.commit_with(id).await?;
    Ok(id)
}
