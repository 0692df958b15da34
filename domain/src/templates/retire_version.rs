//! Retires published versions of templates.

use ::entity::id::TemplateVersionId;

use super::{
    version_rows::{found, write},
    versions::{require_published, retired},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    error::{Result, ValidationErrors},
};

/// Retires a published version: new agreements do not use it, and existing ones continue. `errors`
/// are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`, NOT_FOUND, CONFLICT `NOT_PUBLISHED` or
/// `ALREADY_RETIRED`.
pub async fn retire_version(
    ctx: Context<'_>,
    version: TemplateVersionId,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageTemplates)?;
    let mut change = audit::begin(ctx, Action::TemplateVersionRetire).await?;
    let before = found(change.tx(), version, &mut errors).await?;
    require_published(&before.version)?;
    let after = retired(&before);
    write(&mut change, Some(&before), &after).await?;
    change.commit_with(after.version.id).await
}
