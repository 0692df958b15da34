//! Updates contacts.

use ::entity::{contact::Model, id::ContactId};

use super::{
    changes::ContactChanges,
    details::{check, find},
    token_revocation::{ended_before, revoke_tokens},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
};

/// Returns `true` if the viewer may update the contact.
#[must_use]
pub fn can_update(ctx: Context<'_>, row: &Model) -> bool {
    ctx.viewer.has(Permission::ManageRegister) && require_present(row).is_ok()
}

/// Fails with `ERASED` if the contact is erased.
fn require_present(row: &Model) -> Result<()> {
    if row.erased_at.is_some() {
        return Err(Error::conflict(
            ConflictReason::Erased,
            "the contact is erased; add a new one",
        ));
    }
    Ok(())
}

/// Updates a contact. When its last day is past, its association's tokens for the e-mail address
/// are revoked.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageRegister`, NOT_FOUND, INVALID naming every bad field,
/// CONFLICT `ERASED`.
pub async fn update(
    ctx: Context<'_>,
    id: ContactId,
    changes: ContactChanges,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageRegister)?;
    let mut change = audit::begin(ctx, Action::ContactUpdate).await?;
    let before = match find(&change, id).await {
        // The id is invalid: check the other fields too, so that every error is reported together.
        // The placeholder name adds no error of its own.
        Err(_) if !errors.is_empty() => Model { name: "a valid name".into(), ..Model::default() },
        found => found?,
    };
    require_present(&before)?;
    let mut after = changes.applied(&before, ctx.clock.today());
    check(&mut after, Some(&before), &mut errors);
    errors.finish()?;
    if after != before {
        audit::replace(&change, after.clone()).await?;
        change.record(Some(&before), Some(&after))?;
        let today = ctx.clock.today();
        if let Some((email, member)) = ended_before(today, &before, &after) {
            revoke_tokens(&mut change, today, &email, member).await?;
        }
    }
    change.commit_with(id).await
}
