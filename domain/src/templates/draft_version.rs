//! Drafts the next version of a template, or changes its draft.

use ::entity::id::{TemplateId, TemplateVersionId};

use super::{
    version_rows::{ATTEMPTS, checked, last_of, put_draft},
    version_text::{NewVersion, Text, check_language},
};
use crate::{
    audit::{self, Action},
    auth::viewer::Permission,
    context::Context,
    database::busy,
    error::{Error, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Returns `true` if the viewer may draft versions of templates.
#[must_use]
pub fn can_draft_version(ctx: Context<'_>) -> bool {
    ctx.viewer.has(Permission::ManageTemplates)
}

/// Drafts the next version from the last one, or changes the existing draft. `errors` are those
/// already found in the input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`, NOT_FOUND, INVALID naming every error of the
/// text, CONFLICT `BUSY` when concurrent changes continue.
pub async fn draft_version(
    ctx: Context<'_>,
    template: TemplateId,
    new: NewVersion,
    mut errors: ValidationErrors,
) -> Result<TemplateVersionId> {
    ctx.require(Permission::ManageTemplates)?;
    let language = new.language.as_deref().map(|language| check_language(language, &mut errors));
    let missing = || Error::missing("template_id", "there is no such template");
    for _ in 0..ATTEMPTS {
        let Some(last) = last_of(ctx.db.read(), template).await? else {
            errors.finish()?;
            return Err(missing());
        };
        // Before the transaction, so that it does not block other writers.
        let before = Text::of(&last.body, &last.parameters)?;
        let text = Text::after(&before, &new);
        text.check_characters(Some(&before), &mut errors);
        let text = checked(ctx, text, "", std::mem::take(&mut errors)).await?;
        let mut change = audit::begin(ctx, Action::TemplateVersionDraft).await?;
        let last = last_of(change.tx(), template).await?.ok_or_else(missing)?;
        if Text::after(&Text::of(&last.body, &last.parameters)?, &new) == text {
            let id =
                put_draft(&mut change, last, language, text.body, &text.declared).await?.version.id;
            change.commit_with(Outcome::of(id).with(template)).await?;
            return Ok(id);
        }
    }
    Err(busy())
}
