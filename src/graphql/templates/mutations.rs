//! Deeds on templates.

use ::entity::id::{TemplateId, TemplateVersionId};
use async_graphql::{Context, ID, InputObject, Object};

use super::{AgreementTemplate, AgreementTemplateVersion, ParameterType, node, version_node};
use crate::graphql::{
    agreements::AgreementKind,
    mutation::mutation,
    scalars::{Json, row_id},
    viewer,
};
use domain::{
    error::{Error, Result, ValidationErrors},
    templates::{self, versions},
};

async fn changed(ctx: &Context<'_>, id: TemplateId) -> Result<AgreementTemplate> {
    node(ctx, id).await?.ok_or_else(|| Error::NotFound("there is no such template".into()))
}

async fn changed_version(
    ctx: &Context<'_>,
    id: TemplateVersionId,
) -> Result<AgreementTemplateVersion> {
    version_node(ctx, id)
        .await?
        .ok_or_else(|| Error::NotFound("there is no such template version".into()))
}

/// What a template asks for when an agreement is made from it.
#[derive(InputObject)]
pub struct TemplateParameterInput {
    /// Its name in the text: letters a to z, digits and underscores, beginning with a letter.
    name: String,
    /// What people are asked.
    label: String,
    /// What is answered.
    #[graphql(name = "type")]
    kind: ParameterType,
    /// Whether an agreement needs it. One that is left out shows nothing in the text.
    #[graphql(default = true)]
    required: bool,
    /// What stands there when nobody answers; a value of the type, within the bounds.
    default: Option<Json>,
    /// The least value, for INTEGER (`1`) and MONEY (`"0.00"`).
    minimum: Option<Json>,
    /// The greatest value, for INTEGER and MONEY; not below `minimum`.
    maximum: Option<Json>,
}

impl From<TemplateParameterInput> for templates::Parameter {
    fn from(input: TemplateParameterInput) -> Self {
        let parsed =
            |value: Option<Json>| value.map(|value| value.0).filter(|value| !value.is_null());
        Self {
            name: input.name,
            label: input.label,
            kind: input.kind.into(),
            required: input.required,
            default: parsed(input.default),
            minimum: parsed(input.minimum),
            maximum: parsed(input.maximum),
        }
    }
}

fn declared(parameters: Vec<TemplateParameterInput>) -> Vec<templates::Parameter> {
    parameters.into_iter().map(Into::into).collect()
}

/// A template for the library.
#[derive(InputObject)]
pub struct TemplateCreateInput {
    /// Its short name, unique: small letters a to z, digits and hyphens. It never changes.
    slug: String,
    /// Its title, which is that of the agreements.
    title: String,
    /// What agreements are made from it.
    kind: AgreementKind,
    /// The activity that it is for; leave out for any.
    activity: Option<ID>,
    /// The text: Markdown with headings from `##`, placeholders as `{{ member.name }}` and `{{ days
    /// }}`, filters as `{{ agreement.starts_on | datum }}`, and `{% if … %}`, `{% elif … %}`, `{%
    /// else %}`, `{% endif %}`. At most 200 kB.
    body: String,
    /// Its language, BCP 47; `sv` alone, since the words that the register sets around a text and
    /// writes into it are Swedish.
    #[graphql(default = "sv")]
    language: String,
    /// What it asks for, in the order of the form. Each must be used in the text.
    parameters: Vec<TemplateParameterInput>,
}

/// What is new about the next version; what is left out is as in the last one.
#[derive(InputObject)]
pub struct TemplateVersionDraftInput {
    /// Of which template.
    template: ID,
    /// The text, as in `TemplateCreateInput`.
    body: Option<String>,
    /// Its language, BCP 47; `sv` alone.
    language: Option<String>,
    /// All that it asks for.
    parameters: Option<Vec<TemplateParameterInput>>,
}

/// Which version to publish.
#[derive(InputObject)]
pub struct TemplateVersionPublishInput {
    /// A draft.
    version: ID,
}

/// Which version to retire.
#[derive(InputObject)]
pub struct TemplateVersionRetireInput {
    /// A published one.
    version: ID,
}

/// Deeds on templates.
#[derive(Default)]
pub struct TemplateMutation;

#[Object]
impl TemplateMutation {
    /// Puts a template into the library, with version 1 as a draft. INVALID names all that is wrong
    /// with the text, with line numbers, and every parameter that is not used. CONFLICT with reason
    /// SLUG_TAKEN when another template has the slug.
    async fn template_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to put there")] input: TemplateCreateInput,
    ) -> Result<AgreementTemplate> {
        let mut errors = ValidationErrors::default();
        let new = versions::NewTemplate {
            slug: input.slug,
            title: input.title,
            kind: input.kind.into(),
            activity: input
                .activity
                .map(|id| row_id(&id, "activity", "input.activity", &mut errors)),
            language: input.language,
            body: input.body,
            parameters: declared(input.parameters),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(versions::create(mutation.db(), viewer(ctx), new, errors), |id| {
                changed(ctx, id)
            })
            .await
    }

    /// Drafts the next version from the last one. A template has at most one draft, which is its
    /// last version: while there is one, it is changed. The text is checked as when a template is
    /// created.
    async fn template_version_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is new")] input: TemplateVersionDraftInput,
    ) -> Result<AgreementTemplateVersion> {
        let mut errors = ValidationErrors::default();
        let template = row_id(&input.template, "template", "input.template", &mut errors);
        let new = versions::NewVersion {
            language: input.language,
            body: input.body,
            parameters: input.parameters.map(declared),
        };
        let mutation = mutation(ctx);
        mutation
            .perform(versions::draft(mutation.db(), viewer(ctx), template, new, errors), |id| {
                changed_version(ctx, id)
            })
            .await
    }

    /// Publishes a draft: its text never changes after that, and it becomes the template's current
    /// version. The ones published before stay in use until they are retired. CONFLICT with reason
    /// ALREADY_PUBLISHED or VERSION_RETIRED when it is no draft any more.
    async fn template_version_publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which")] input: TemplateVersionPublishInput,
    ) -> Result<AgreementTemplateVersion> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.version, "template_version", "input.version", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(versions::publish(mutation.db(), viewer(ctx), id, errors), |()| {
                changed_version(ctx, id)
            })
            .await
    }

    /// Retires a published version: no new agreement gets it, and those made from it go on. When it
    /// was the current one, the newest of those that are still published is current. CONFLICT with
    /// reason NOT_PUBLISHED for a draft, ALREADY_RETIRED.
    async fn template_version_retire(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which")] input: TemplateVersionRetireInput,
    ) -> Result<AgreementTemplateVersion> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.version, "template_version", "input.version", &mut errors);
        let mutation = mutation(ctx);
        mutation
            .perform(versions::retire(mutation.db(), viewer(ctx), id, errors), |()| {
                changed_version(ctx, id)
            })
            .await
    }
}
