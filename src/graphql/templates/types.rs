//! GraphQL types of templates and their versions.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    id::{TemplateId, TemplateVersionId},
    template, template_text, template_version,
};
use async_graphql::{Context, Description, Enum, ID, Object};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::graphql::{
    activities::types::{Activity, activity_of},
    agreements::{documents::AgreementPreview, types::AgreementKind},
    batch::{BatchRow, distinct, grouped, listed},
    caller,
    connection::{self, Column, ConnectionNode, DIRECT, and, every, selected_columns},
    cost::{cost, list_size, unversioned},
    network,
    request::LongText,
    scalars::{DateTime, Json, node_id},
    times,
};

use documents::sha256;
use domain::{
    agreements,
    error::{Error, Result},
    templates::{self, draft_version, preview_loading, versions},
};

/// Status of a template version.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "::entity::kind::TemplateState")]
pub enum TemplateVersionStatus {
    /// May still change; visible only to users who may change templates.
    Draft,
    /// Never changes; new agreements get the newest published version.
    Published,
    /// Never changes, and is not used for new agreements.
    Retired,
}

/// Type of a template parameter.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "templates::ParameterType")]
pub enum ParameterType {
    /// Text.
    Text,
    /// A date in ISO 8601 format.
    Date,
    /// An amount in kronor, as `Money`.
    Money,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
}

/// A template in the library (mallbibliotek).
#[derive(Clone, Description)]
pub struct AgreementTemplate(pub BatchRow<template::Model>);

#[Object(use_type_description)]
impl AgreementTemplate {
    /// Global id of the template, opaque.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Unique short name: `deltagande-bip`.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Title of its agreements.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// Kind of the agreements made from it.
    async fn kind(&self) -> AgreementKind {
        self.0.kind.into()
    }

    /// Activity of the agreements; null: any.
    async fn activity(&self, ctx: &Context<'_>) -> Option<Result<Activity>> {
        activity_of(ctx, &self.0, |row| row.activity_id).await.transpose()
    }

    /// Versions, the oldest first. Drafts only for users who may read unpublished templates.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn versions(&self, ctx: &Context<'_>) -> Result<Vec<AgreementTemplateVersion>> {
        let columns = and(
            selected_columns::<AgreementTemplateVersion>(ctx, DIRECT),
            template_version::Column::TemplateId,
        );
        let found = self
            .0
            .load(ctx, "", || async {
                let rows = templates::versions_of(caller(ctx), &ids(&self.0), &columns).await?;
                Ok(grouped(BatchRow::each(rows), |row| row.template_id))
            })
            .await?;
        listed(ctx, found.get(&self.0.id), AgreementTemplateVersion)
    }

    /// Newest published version, which new agreements get; null when none is published.
    async fn current_version(&self, ctx: &Context<'_>) -> Option<Result<AgreementTemplateVersion>> {
        let columns = and(
            selected_columns::<AgreementTemplateVersion>(ctx, DIRECT),
            template_version::Column::TemplateId,
        );
        let found = self.0.load(ctx, "", || async {
            let rows = templates::current_of(caller(ctx), &ids(&self.0), &columns).await?;
            Ok(grouped(BatchRow::each(rows), |row| row.template_id))
        });
        match found.await {
            Ok(found) => {
                found.get(&self.0.id)?.first().cloned().map(AgreementTemplateVersion).map(Ok)
            }
            Err(error) => Some(Err(error)),
        }
    }

    /// Number of agreements made from each version. The numbers are null when you may not see all
    /// agreements.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn usage(&self, ctx: &Context<'_>) -> Result<Vec<TemplateUsage>> {
        let columns = and(
            selected_columns::<AgreementTemplateVersion>(ctx, &[&["version"]]),
            template_version::Column::TemplateId,
        );
        let found = self
            .0
            .load(ctx, "", || async {
                let rows = templates::versions_of(caller(ctx), &ids(&self.0), &columns).await?;
                let versions: Vec<_> = rows.iter().map(|row| row.id).collect();
                let usage = agreements::usage_of(caller(ctx), &versions).await?;
                Ok((grouped(BatchRow::each(rows), |row| row.template_id), usage))
            })
            .await?;
        let (versions, usage) = &*found;
        let of = |version: BatchRow<template_version::Model>| TemplateUsage {
            usage: usage.as_ref().map(|usage| usage.get(&version.id).copied().unwrap_or_default()),
            version,
        };
        listed(ctx, versions.get(&self.0.id), of)
    }

    /// `true` if you may draft the next version, or change its draft (`templateVersionDraft`).
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_draft_version(&self, ctx: &Context<'_>) -> bool {
        draft_version::can_draft_version(caller(ctx))
    }
}

fn ids(row: &BatchRow<template::Model>) -> Vec<TemplateId> {
    row.batch_rows().iter().map(|row| row.id).collect()
}

impl ConnectionNode for AgreementTemplate {
    type Row = template::Model;
    const NAME: &'static str = "AgreementTemplate";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use template::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "slug" => &[C::Slug],
            "title" => &[C::Title],
            "kind" => &[C::Kind],
            "activity" => &[C::ActivityId],
            "id"
            | "createdAt"
            | "updatedAt"
            | "versions"
            | "currentVersion"
            | "usage"
            | "viewerCanDraftVersion" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[template::Column::Id]
    }
}

/// A version of a template. Published versions never change.
#[derive(Clone, Description)]
pub struct AgreementTemplateVersion(pub BatchRow<template_version::Model>);

#[Object(use_type_description)]
impl AgreementTemplateVersion {
    /// Global id of the version, opaque.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// Time of the first change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn created_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::created_at(ctx, &self.0, |row| row.id).await
    }

    /// Time of the last change in the audit trail that you may learn of; null when there is none.
    #[graphql(directive = cost::apply("3".into()))]
    async fn updated_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        times::updated_at(ctx, &self.0, |row| row.id).await
    }

    /// Template of the version.
    async fn template(&self, ctx: &Context<'_>) -> Result<AgreementTemplate> {
        let found = self
            .0
            .load(ctx, "", || async {
                let ids = distinct(self.0.batch_rows().iter().map(|row| row.template_id));
                let rows = templates::by_ids(
                    caller(ctx),
                    &ids,
                    &selected_columns::<AgreementTemplate>(ctx, DIRECT),
                )
                .await?;
                Ok(grouped(BatchRow::each(rows), |row| row.id))
            })
            .await?;
        let template = found.get(&self.0.template_id).and_then(|rows| rows.first()).cloned();
        template
            .map(AgreementTemplate)
            .ok_or_else(|| Error::NotFound("there is no such template".into()))
    }

    /// Version number: 1, 2, 3 …
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// Status of the version.
    async fn status(&self) -> TemplateVersionStatus {
        self.0.state.into()
    }

    /// Language, BCP 47: `sv`.
    async fn language(&self) -> &str {
        &self.0.language
    }

    /// Text in Markdown with placeholders.
    async fn body(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        let texts = texts(ctx, &self.0, template_text::Column::Body).await?;
        Ok(LongText(texts.get(&self.0.id).map(|text| text.body.clone()).unwrap_or_default()))
    }

    /// Parameters of agreements made from it, in the order of the form.
    #[graphql(directive = list_size::apply(Some(5), None))]
    async fn parameters(&self, ctx: &Context<'_>) -> Result<Vec<TemplateParameter>> {
        let texts = texts(ctx, &self.0, template_text::Column::Parameters).await?;
        let declared = texts
            .get(&self.0.id)
            .map(|text| templates::parameters(&text.parameters))
            .transpose()?;
        listed(ctx, declared.as_ref(), TemplateParameter)
    }

    /// Time of publication; null while a draft.
    async fn published_at(&self) -> Option<DateTime> {
        self.0.published_at.map(DateTime)
    }

    /// Preview of the text with these parameters, laid out as an agreement, with example values for
    /// the other placeholders. INVALID names every parameter that is missing, unknown, of another
    /// type or out of bounds, as `parameters.days`.
    #[graphql(directive = cost::apply("100".into()), directive = unversioned::apply())]
    async fn preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Object with a value for each parameter: `{\"days\": 14, \"from\": \
                    \"2027-01-31\", \"cap\": \"5000.00\"}`. Parameters with a default may be \
                    omitted.")]
        parameters: Json,
    ) -> Result<AgreementPreview> {
        let sources = self.0.load(ctx, "", || async {
            let ids: Vec<_> = self.0.batch_rows().iter().map(|row| row.id).collect();
            preview_loading::sources(caller(ctx), &ids).await
        });
        let sources = sources.await?;
        let source = sources
            .get(&self.0.id)
            .ok_or_else(|| Error::NotFound("there is no such template version".into()))?;
        let parsed = parameters.0.to_string();
        // A digest, since the parameters of each field may be long.
        let name = format!("template {} {}", self.0.id.0, sha256(parsed.as_bytes()));
        let id = node_id(self.0.id);
        let url = || {
            format!("/files/templates/{}.pdf?parameters={}", *id, URL_SAFE_NO_PAD.encode(parsed))
        };
        Box::pin(AgreementPreview::of(ctx, name, url, || {
            preview_loading::document(caller(ctx), source, network(ctx), parameters.0)
        }))
        .await
    }

    /// `true` if you may publish the version (`templateVersionPublish`): it is a draft.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_publish(&self, ctx: &Context<'_>) -> bool {
        versions::can_publish(caller(ctx), &self.0)
    }

    /// `true` if you may retire the version (`templateVersionRetire`): it is published.
    #[graphql(directive = unversioned::apply())]
    async fn viewer_can_retire(&self, ctx: &Context<'_>) -> bool {
        versions::can_retire(caller(ctx), &self.0)
    }
}

/// Returns the texts of a batch of versions, with this column only.
async fn texts(
    ctx: &Context<'_>,
    row: &BatchRow<template_version::Model>,
    column: template_text::Column,
) -> Result<Arc<HashMap<TemplateVersionId, template_text::Model>>> {
    row.load(ctx, "", || async {
        let versions: Vec<_> = row.batch_rows().iter().map(|row| row.id).collect();
        let columns = [template_text::Column::VersionId, column];
        templates::texts_of(caller(ctx), &versions, &columns).await
    })
    .await
}

impl ConnectionNode for AgreementTemplateVersion {
    type Row = template_version::Model;
    const NAME: &'static str = "AgreementTemplateVersion";

    fn of(row: BatchRow<Self::Row>) -> Self {
        Self(row)
    }

    fn columns(field: &str) -> Option<&'static [Column<Self::Row>]> {
        use template_version::Column as C;
        let columns: &'static [Column<Self::Row>] = match field {
            "template" => &[C::TemplateId],
            "version" => &[C::Version],
            "status" => &[C::State],
            "language" => &[C::Language],
            "publishedAt" => &[C::PublishedAt],
            "viewerCanPublish" | "viewerCanRetire" => &[C::State],
            "id" | "createdAt" | "updatedAt" | "body" | "parameters" | "preview" => &[],
            _ => return None,
        };
        Some(columns)
    }

    fn always() -> &'static [Column<Self::Row>] {
        &[template_version::Column::Id]
    }
}

/// Returns the template version that each row of a batch refers to, if the viewer may see it.
pub async fn version_of<M: Send + Sync>(
    ctx: &Context<'_>,
    row: &BatchRow<M>,
    id: fn(&M) -> Option<TemplateVersionId>,
) -> Result<Option<AgreementTemplateVersion>> {
    connection::referenced::<AgreementTemplateVersion, _, _>(
        ctx,
        row,
        id,
        |row| row.id,
        |ctx, ids, columns| Box::pin(templates::versions_by_ids(caller(ctx), ids, columns)),
    )
    .await
}

/// A parameter of a template.
#[derive(Description)]
pub struct TemplateParameter(templates::Parameter);

#[Object(use_type_description)]
impl TemplateParameter {
    /// Name in the text, as `days`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Label in forms, in Swedish.
    async fn label(&self) -> &str {
        &self.0.label
    }

    /// Type of the value.
    #[graphql(name = "type")]
    async fn kind(&self) -> ParameterType {
        self.0.kind.into()
    }

    /// `true` if an agreement must have a value.
    async fn required(&self) -> bool {
        self.0.required
    }

    /// Default value; null: none.
    async fn default(&self) -> Option<Json> {
        self.0.default.clone().map(Json)
    }

    /// Minimum value of INTEGER and MONEY; null: none.
    async fn minimum(&self) -> Option<Json> {
        self.0.minimum.clone().map(Json)
    }

    /// Maximum value of INTEGER and MONEY; null: none.
    async fn maximum(&self) -> Option<Json> {
        self.0.maximum.clone().map(Json)
    }
}

/// Number of agreements made from a version.
#[derive(Description)]
pub struct TemplateUsage {
    version: BatchRow<template_version::Model>,
    usage: Option<agreements::Usage>,
}

#[Object(use_type_description)]
impl TemplateUsage {
    /// The version.
    async fn version(&self) -> AgreementTemplateVersion {
        AgreementTemplateVersion(self.version.clone())
    }

    /// Number of agreements made from it, regardless of their status; null when you may not see
    /// all agreements.
    async fn agreement_count(&self) -> Option<i64> {
        self.usage.map(|usage| usage.agreements)
    }

    /// Number of those in force today; null when you may not see all agreements.
    async fn active_count(&self) -> Option<i64> {
        self.usage.map(|usage| usage.active)
    }
}

/// Returns the template with this id, if the viewer may see it.
pub async fn node(ctx: &Context<'_>, id: TemplateId) -> Result<Option<AgreementTemplate>> {
    let found = templates::by_ids(caller(ctx), &[id], &every::<AgreementTemplate>()).await?;
    Ok(found.into_iter().next().map(|row| AgreementTemplate(BatchRow::single(row))))
}

/// Returns the template version with this id, if the viewer may see it.
pub async fn version_node(
    ctx: &Context<'_>,
    id: TemplateVersionId,
) -> Result<Option<AgreementTemplateVersion>> {
    let found =
        templates::versions_by_ids(caller(ctx), &[id], &every::<AgreementTemplateVersion>())
            .await?;
    Ok(found.into_iter().next().map(|row| AgreementTemplateVersion(BatchRow::single(row))))
}

/// Measures the futures of the types of this file whose fields are private.
#[cfg(test)]
pub(in crate::graphql) fn measure(sizes: &mut crate::graphql::future_sizes::Sizes<'_, '_>) {
    sizes.add(&TemplateUsage { version: crate::graphql::future_sizes::row(), usage: None });
}
