//! Publishes drafts of versions of templates.

use ::entity::id::TemplateVersionId;

use super::{
    version_rows::{ATTEMPTS, checked, found, set_published},
    version_text::Text,
    versions::require_draft,
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    database::busy,
    error::{Result, ValidationErrors},
};

/// Publishes a draft. Its text never changes after that, and versions published before stay in use.
/// `errors` are those already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`, NOT_FOUND, CONFLICT `ALREADY_PUBLISHED` or
/// `VERSION_RETIRED`, INVALID naming every error of the text, which an imported one may have.
pub async fn publish_version(
    ctx: Context<'_>,
    version: TemplateVersionId,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageTemplates)?;
    for _ in 0..ATTEMPTS {
        let draft = found(ctx.db.read(), version, &mut errors).await?;
        require_draft(&draft.version)?;
        // Before the transaction, so that it does not block other writers.
        let text = Text::of(&draft.body, &draft.parameters)?;
        checked(ctx, text, "template_version_id.", std::mem::take(&mut errors)).await?;
        let mut change = audit::begin(ctx, Action::TemplateVersionPublish).await?;
        let before = found(change.tx(), version, &mut errors).await?;
        require_draft(&before.version)?;
        if before.text() == draft.text() {
            set_published(&mut change, before).await?;
            return change.commit_with(version).await;
        }
    }
    Err(busy())
}
