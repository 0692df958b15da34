//! Preview: a version's document as an agreement would have it, with example values for facts that
//! an agreement would supply.

use std::collections::HashMap;

use ::entity::{
    activity,
    id::{ActivityId, TemplateId, TemplateVersionId},
    kind::{AgreementKind, Direction},
    partial::PartialRow,
    template, template_text, template_version,
};
use chrono::NaiveDate;
use documents::agreement as document;
use serde_json::Value;

use super::{
    Parameter, analysis, by_ids,
    facts::{Activity, Facts, Party},
    layout::{self, Heading},
    parameters, rendering, texts_of, versions_by_ids,
};
use crate::{
    activities,
    config::Network,
    context::Context,
    error::{Error, FieldErrorCode, Result},
    worker_pool,
};

/// The data for previews of a version.
#[derive(Clone, Debug)]
pub struct Source {
    heading: Heading,
    activity: Option<Activity>,
    body: String,
    declared: Vec<Parameter>,
}

/// Loads the data for previews of those of these versions that the viewer can read.
pub async fn sources(
    ctx: Context<'_>,
    versions: &[TemplateVersionId],
) -> Result<HashMap<TemplateVersionId, Source>> {
    let versions = versions_by_ids(ctx, versions, &template_version::Model::every_column()).await?;
    let ids: Vec<_> = versions.iter().map(|version| version.id).collect();
    let mut texts = texts_of(ctx.db, &ids, &template_text::Model::every_column()).await?;
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
        let direction = match template.kind {
            AgreementKind::Participation => Direction::Income,
            AgreementKind::Assignment => Direction::Cost,
            AgreementKind::Cooperation => Direction::None,
        };
        let activity = template.activity_id.and_then(|id| activities.get(&id).cloned());
        let heading = Heading {
            title: template.title.clone(),
            kind: template.kind,
            direction,
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

impl Source {
    /// Returns the facts for a preview: known values of the network and the activity, and examples
    /// for the rest.
    fn facts(&self, network: &Network) -> Facts {
        let example = Facts::example();
        // If the text shows no fee, the preview has none, as when a grant pays for everything.
        let has_fee = self.heading.direction != Direction::None
            && analysis::read(&self.body, &self.declared).groups.contains("fee");
        Facts {
            network: if network.name.is_none() { example.network } else { Party::network(network) },
            activity: self.activity.clone().or(example.activity),
            fee: example.fee.filter(|_| has_fee),
            ..example
        }
    }

    /// Returns the document with these parameters, marked as a draft. It is made when a worker is
    /// available to the viewer.
    ///
    /// # Errors
    /// INVALID naming every missing, unknown and ill-typed parameter, as `parameters.<name>`;
    /// CONFLICT as in [`rendering::text`], or `TOO_MANY_REQUESTS`.
    pub async fn document(
        &self,
        ctx: Context<'_>,
        network: &Network,
        values: Value,
    ) -> Result<document::Agreement> {
        let (source, today, network) = (self.clone(), ctx.clock.today(), network.clone());
        worker_pool::run(&ctx.viewer.subject, move || source.document_now(today, &network, &values))
            .await
    }

    /// Returns the document with these parameters, in the current thread.
    ///
    /// # Errors
    /// INVALID naming every missing, unknown and ill-typed parameter, as `parameters.<name>`;
    /// CONFLICT as in [`rendering::text`].
    fn document_now(
        &self,
        today: NaiveDate,
        network: &Network,
        values: &Value,
    ) -> Result<document::Agreement> {
        let Value::Object(values) = values else {
            return Err(Error::invalid(
                "parameters",
                FieldErrorCode::WrongType.problem(
                    "must be an object with a value for each parameter, as {\"days\": 14}",
                ),
            ));
        };
        let facts = self.facts(network);
        let body = rendering::text(&self.body, &self.declared, values, &facts, "parameters")?;
        Ok(layout::document(self.heading.clone(), None, &facts, body, today))
    }
}
