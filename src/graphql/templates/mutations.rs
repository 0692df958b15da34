//! GraphQL mutations of templates.

use ::entity::id::{TemplateId, TemplateVersionId};
use async_graphql::{Context, ID, InputObject, Object};

use super::{
    payloads::{
        TemplateCreatePayload, TemplateVersionDraftPayload, TemplateVersionPublishPayload,
        TemplateVersionRetirePayload,
    },
    types::{AgreementTemplate, AgreementTemplateVersion, ParameterType, node, version_node},
};
use crate::graphql::{
    agreements::types::AgreementKind,
    mutation::mutation,
    scalars::{Json, row_id},
};
use domain::{
    error::{Error, Result, ValidationErrors},
    templates::{
        self,
        create::{self, NewTemplate},
        draft_version, publish_version, retire_version,
        version_text::NewVersion,
    },
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

/// A parameter of a template.
#[derive(InputObject)]
pub struct TemplateParameterInput {
    /// Name in the text: letters a to z, digits and underscores, beginning with a letter.
    name: String,
    /// Label in forms, in Swedish.
    label: String,
    /// Type of the value.
    #[graphql(name = "type")]
    kind: ParameterType,
    /// `true` if an agreement must have a value. An optional parameter without a value shows
    /// nothing in the text.
    #[graphql(default = true)]
    required: bool,
    /// Default value, of the type and within the bounds.
    default: Option<Json>,
    /// Minimum value, for INTEGER (`1`) and MONEY (`"0.00"`).
    minimum: Option<Json>,
    /// Maximum value, for INTEGER and MONEY; not below `minimum`.
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

/// Input of `templateCreate`.
#[derive(InputObject)]
pub struct TemplateCreateInput {
    /// Unique short name: letters a to z, digits and hyphens. It can't be changed later.
    slug: String,
    /// Title of the template and its agreements.
    title: String,
    /// Kind of the agreements made from it.
    kind: AgreementKind,
    /// Id of the activity of the agreements; omit for any.
    activity_id: Option<ID>,
    /// Text in Markdown with headings from `##`, placeholders as `{{ member.name }}` and `{{ days
    /// }}`, filters as `{{ agreement.starts_on | datum }}`, and `{% if … %}`, `{% elif … %}`, `{%
    /// else %}`, `{% endif %}`. At most 200 kB.
    body: String,
    /// Language, BCP 47. Only `sv`, since the layout and the inserted words are Swedish.
    #[graphql(default = "sv")]
    language: String,
    /// Parameters, in the order of the form. Each must be used in the text.
    parameters: Vec<TemplateParameterInput>,
}

/// Input of `templateVersionDraft`. Omitted fields are those of the last version.
#[derive(InputObject)]
pub struct TemplateVersionDraftInput {
    /// Id of the template.
    template_id: ID,
    /// Text, as in `TemplateCreateInput`.
    body: Option<String>,
    /// Language, BCP 47; only `sv`.
    language: Option<String>,
    /// All parameters; replaces the present ones.
    parameters: Option<Vec<TemplateParameterInput>>,
}

/// Input of `templateVersionPublish`.
#[derive(InputObject)]
pub struct TemplateVersionPublishInput {
    /// Id of a draft version.
    template_version_id: ID,
}

/// Input of `templateVersionRetire`.
#[derive(InputObject)]
pub struct TemplateVersionRetireInput {
    /// Id of a published version.
    template_version_id: ID,
}

/// Mutations of templates.
#[derive(Default)]
pub struct TemplateMutation;

#[Object]
impl TemplateMutation {
    /// Creates a template, with version 1 as a draft. INVALID names all errors of the text, with
    /// line numbers, and every parameter that is not used. CONFLICT with reason SLUG_TAKEN when
    /// another template has the slug.
    ///
    /// Requires the role OFFICE, or the scope `templates:write`.
    async fn template_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The template to create.")] input: Box<TemplateCreateInput>,
    ) -> Option<Result<TemplateCreatePayload>> {
        let mut errors = ValidationErrors::default();
        let new = NewTemplate {
            slug: input.slug,
            title: input.title,
            kind: input.kind.into(),
            activity: input.activity_id.map(|id| row_id(&id, "activity_id", &mut errors)),
            language: input.language,
            body: input.body,
            parameters: declared(input.parameters),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(create::create(mutation.context(), new, errors), async |id| {
                    Ok(TemplateCreatePayload { template: changed(ctx, id).await? })
                })
                .await,
        )
    }

    /// Drafts the next version from the last one. A template has at most one draft, its last
    /// version; if there is one, it is changed. The text is checked as in `templateCreate`.
    ///
    /// Requires the role OFFICE, or the scope `templates:write`.
    async fn template_version_draft(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes from the last version.")] input: Box<
            TemplateVersionDraftInput,
        >,
    ) -> Option<Result<TemplateVersionDraftPayload>> {
        let mut errors = ValidationErrors::default();
        let template = row_id(&input.template_id, "template_id", &mut errors);
        let new = NewVersion {
            language: input.language,
            body: input.body,
            parameters: input.parameters.map(declared),
        };
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    draft_version::draft_version(mutation.context(), template, new, errors),
                    async |id| {
                        Ok(TemplateVersionDraftPayload {
                            template_version: changed_version(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }

    /// Publishes a draft: its text never changes again, and it becomes the template's current
    /// version. Earlier published versions stay in use until they are retired. CONFLICT with reason
    /// ALREADY_PUBLISHED or VERSION_RETIRED when it is no longer a draft. INVALID names all errors
    /// of an imported text.
    ///
    /// Requires the role OFFICE, or the scope `templates:write`.
    async fn template_version_publish(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft to publish.")] input: Box<TemplateVersionPublishInput>,
    ) -> Option<Result<TemplateVersionPublishPayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.template_version_id, "template_version_id", &mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    publish_version::publish_version(mutation.context(), id, errors),
                    async |()| {
                        Ok(TemplateVersionPublishPayload {
                            template_version: changed_version(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }

    /// Retires a published version: no new agreement gets it, and agreements made from it continue.
    /// If it was the current version, the newest of the remaining published ones becomes current.
    /// CONFLICT with reason NOT_PUBLISHED for a draft, or ALREADY_RETIRED.
    ///
    /// Requires the role OFFICE, or the scope `templates:write`.
    async fn template_version_retire(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The version to retire.")] input: Box<TemplateVersionRetireInput>,
    ) -> Option<Result<TemplateVersionRetirePayload>> {
        let mut errors = ValidationErrors::default();
        let id = row_id(&input.template_version_id, "template_version_id", &mut errors);
        let mutation = mutation(ctx);
        Some(
            mutation
                .perform(
                    retire_version::retire_version(mutation.context(), id, errors),
                    async |()| {
                        Ok(TemplateVersionRetirePayload {
                            template_version: changed_version(ctx, id).await?,
                        })
                    },
                )
                .await,
        )
    }
}
