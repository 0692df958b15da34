//! Creates templates, each with the text of a first version.

use ::entity::{
    id::{ActivityId, TemplateId},
    kind::AgreementKind,
    template,
};

use super::{
    Parameter,
    version_rows::{add, checked},
    version_text::{Text, check_language, with_plain_breaks},
};
use crate::{
    activities::{self, fields},
    audit::{self, Action},
    auth::viewer::Permission,
    collation,
    context::Context,
    error::{FieldErrorCode, Result, ValidationErrors},
    idempotency::Outcome,
};

/// Input for creating a template, with the text of its first version.
#[derive(Clone, Debug, Default)]
pub struct NewTemplate {
    /// Unique short name: lowercase letters a to z, digits and hyphens. It never changes.
    pub slug: String,
    /// Title.
    pub title: String,
    /// The kind of agreement that it makes.
    pub kind: AgreementKind,
    /// Its activity; null: any.
    pub activity: Option<ActivityId>,
    /// BCP 47 language tag: [`LANGUAGE`](super::version_text::LANGUAGE).
    pub language: String,
    /// Markdown with placeholders.
    pub body: String,
    /// Declared parameters.
    pub parameters: Vec<Parameter>,
}

/// Creates a template with a first version as a draft. `errors` are those already found in the
/// input.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`, INVALID naming every bad field and every error
/// of the text, NOT_FOUND for the activity, CONFLICT `SLUG_TAKEN`.
pub async fn create(
    ctx: Context<'_>,
    new: NewTemplate,
    mut errors: ValidationErrors,
) -> Result<TemplateId> {
    ctx.require(Permission::ManageTemplates)?;
    let slug = errors.text("slug", &new.slug, fields::SLUG);
    errors.expect(
        fields::is_slug(&slug),
        "slug",
        FieldErrorCode::NotASlug.problem("must have small letters a to z, digits and hyphens between them only, as deltagande-bip"),
    );
    let title = errors.document_line("title", &new.title);
    let language = check_language(&new.language, &mut errors);
    let text = Text { body: with_plain_breaks(&new.body), declared: new.parameters };
    text.check_characters(None, &mut errors);
    let text = checked(ctx, text, "", errors).await?;

    let mut change = audit::begin(ctx, Action::TemplateCreate).await?;
    if let Some(activity) = new.activity {
        activities::loading::find(change.tx(), activity).await?;
    }
    let row = template::Model {
        id: TemplateId::new(),
        slug,
        title_key: collation::key(&title),
        title,
        kind: new.kind,
        activity_id: new.activity,
    };
    let id = row.id;
    let first = add(&mut change, row, language, text).await?;
    change.commit_with(Outcome::of(id).with(first.version.id)).await?;
    Ok(id)
}
