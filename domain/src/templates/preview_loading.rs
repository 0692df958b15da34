//! Loads the data for previews of versions of templates, and makes their documents in the worker
//! pool.

use std::collections::HashMap;

use ::entity::{
    activity,
    id::{ActivityId, TemplateId, TemplateVersionId},
    partial::PartialRow,
    template, template_text, template_version,
};
use documents::agreement as document;
use serde_json::Value;

use super::{
    by_ids,
    facts::Activity,
    layout::Heading,
    parameters,
    preview::{Source, direction},
    texts_of, versions_by_ids,
};
use crate::{
    activities,
    config::Network,
    context::Context,
    error::{Error, Result},
    worker_pool,
};

/// Loads the data for previews of those of these versions that the viewer can read.
pub async fn sources(
    ctx: Context<'_>,
    versions: &[TemplateVersionId],
) -> Result<HashMap<TemplateVersionId, Source>> {
    let versions = versions_by_ids(ctx, versions, &template_version::Model::every_column()).await?;
    let ids: Vec<_> = versions.iter().map(|version| version.id).collect();
    let mut texts = texts_of(ctx, &ids, &template_text::Model::every_column()).await?;
    let ids: Vec<TemplateId> = versions.iter().map(|version| version.template_id).collect();
    let templates = by_ids(ctx, &ids, &template::Model::every_column()).await?;
    let templates: HashMap<_, _> = templates.into_iter().map(|row| (row.id, row)).collect();
    let ids: Vec<ActivityId> =
        templates.values().filter_map(|template| template.activity_id).collect();
    let activities = facts_of_activities(ctx, &ids).await?;
    let mut sources = HashMap::new();
    for version in versions {
        let (Some(template), Some(text)) =
            (templates.get(&version.template_id), texts.remove(&version.id))
        else {
            continue;
        };
        let activity = template.activity_id.and_then(|id| activities.get(&id).cloned());
        let heading = Heading {
            title: template.title.clone(),
            kind: template.kind,
            direction: direction(template.kind),
            language: version.language,
        };
        sources.insert(
            version.id,
            Source { heading, activity, body: text.body, declared: parameters(&text.parameters)? },
        );
    }
    Ok(sources)
}

async fn facts_of_activities(
    ctx: Context<'_>,
    ids: &[ActivityId],
) -> Result<HashMap<ActivityId, Activity>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found =
        activities::by_ids(ctx, ids, &[activity::Column::Id, activity::Column::Name]).await?;
    let texts = activities::texts_of(ctx.db.read(), ids).await?;
    Ok(found.into_iter().map(|row| (row.id, Activity::of(&row, texts.get(&row.id)))).collect())
}

/// Loads the data for previews of a version.
///
/// # Errors
/// NOT_FOUND when the viewer can read no such version.
pub async fn source(ctx: Context<'_>, version: TemplateVersionId) -> Result<Source> {
    let found = sources(ctx, &[version]).await?.remove(&version);
    found.ok_or_else(|| Error::NotFound("there is no such template version".into()))
}

/// Returns the document of a version with these parameters, marked as a draft. It is made when a
/// worker is available to the viewer.
///
/// # Errors
/// INVALID naming every missing, unknown and ill-typed parameter, as `parameters.<name>`; CONFLICT
/// as in [`rendering::text`](super::rendering::text), or `TOO_MANY_REQUESTS`.
pub async fn document(
    ctx: Context<'_>,
    source: &Source,
    network: &Network,
    values: Value,
) -> Result<document::Agreement> {
    let (source, today, network) = (source.clone(), ctx.clock.today(), network.clone());
    worker_pool::run(&ctx.viewer.subject, move || source.document(today, &network, &values)).await
}
