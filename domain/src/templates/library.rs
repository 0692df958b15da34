//! The bundled library: the templates that come with the program, and how they are loaded into a
//! register.

use std::sync::LazyLock;

use ::entity::{
    activity,
    id::{ActivityId, TemplateId},
    kind::{AgreementKind, TemplateState},
    template,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Deserialize;

use super::{
    Parameter, parameters as parse,
    versions::{self, Snapshot},
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result},
    swedish,
};

/// A template that comes with the program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledTemplate {
    /// Unique short name.
    pub slug: String,
    /// Title.
    pub title: String,
    /// The kind of agreement that it makes.
    pub kind: AgreementKind,
    /// The slug of its activity; null: any.
    pub activity: Option<String>,
    /// Declared parameters.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Markdown with placeholders.
    #[serde(skip)]
    pub body: String,
}

/// The bundled files. Each has a TOML header between two lines of `+++`, followed by the text.
const FILES: [&str; 6] = [
    include_str!("../../../assets/templates/deltagande-bip.md"),
    include_str!("../../../assets/templates/deltagande-indikatorer.md"),
    include_str!("../../../assets/templates/deltagande-stoppa-valdet.md"),
    include_str!("../../../assets/templates/uppdrag-projektledning.md"),
    include_str!("../../../assets/templates/uppdrag-konsult.md"),
    include_str!("../../../assets/templates/samarbetsavtal.md"),
];

/// Returns the bundled templates.
///
/// # Errors
/// INTERNAL when a bundled file is invalid; a test checks them.
pub fn bundled_templates() -> Result<&'static [BundledTemplate]> {
    static BUNDLED: LazyLock<Result<Vec<BundledTemplate>, String>> =
        LazyLock::new(|| FILES.iter().map(|file| unpack(file)).collect());
    BUNDLED.as_deref().map_err(|reason| Error::internal(std::io::Error::other(reason.clone())))
}

fn unpack(file: &str) -> Result<BundledTemplate, String> {
    let parts = file.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n"));
    let (heading, body) = parts.ok_or("a bundled template has no heading")?;
    let bundled: BundledTemplate = toml::from_str(heading)
        .map_err(|cause| format!("a bundled template is invalid: {cause}"))?;
    Ok(BundledTemplate { body: body.trim_start().to_owned(), ..bundled })
}

/// The effect of loading on a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadOutcome {
    /// The template is new.
    Added,
    /// It has a new version, or its draft was changed.
    Changed,
    /// Its draft already had the bundled text and was published.
    Published,
    /// Its draft was edited in the register and is retained for a user to finish.
    Retained,
    /// The register already had the bundled text.
    Unchanged,
}

/// A bundled template after loading.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Slug.
    pub slug: &'static str,
    /// The version with the bundled text, or the retained draft.
    pub version: i32,
    /// State of that version.
    pub state: TemplateState,
    /// Effect of loading.
    pub outcome: LoadOutcome,
}

/// Loads the bundled templates into the register.
///
/// A template stays unchanged if any of its versions has the bundled text, so that a text developed
/// further in the register remains. Otherwise the bundled text becomes the draft of a next version,
/// or replaces a draft that an earlier load made. A draft that a user wrote or edited since is
/// unfinished work and is retained. With `publish`, the draft with the bundled text is published
/// too.
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`.
pub async fn load(ctx: Context<'_>, publish: bool) -> Result<Vec<Loaded>> {
    ctx.require(Permission::ManageTemplates)?;
    let mut change = audit::begin(ctx, Action::TemplatesLoad).await?;
    let mut loaded = Vec::new();
    for bundled in bundled_templates()? {
        loaded.push(load_one(&mut change, bundled, publish).await?);
    }
    change.commit().await?;
    Ok(loaded)
}

async fn load_one(
    change: &mut Change,
    bundled: &'static BundledTemplate,
    publish: bool,
) -> Result<Loaded> {
    let activity = activity_of(change, bundled).await?;
    let row = template::Entity::find()
        .filter(template::Column::Slug.eq(&bundled.slug))
        .one(change.tx())
        .await?;
    let (version, mut outcome) = match row {
        None => (add(change, bundled, activity).await?, LoadOutcome::Added),
        Some(row) => {
            let known = versions::all_of(change.tx(), row.id).await?;
            let is_same = |version: &Snapshot| {
                version.body == bundled.body
                    && parse(&version.parameters)
                        .is_ok_and(|declared| declared == bundled.parameters)
            };
            let same = known.iter().rev().find(|version| is_same(version)).cloned();
            let outcome = assign_activity(change, row, activity).await?;
            match (same, known.into_iter().next_back()) {
                (Some(same), _) => (same, outcome),
                (None, Some(last)) if is_unfinished(change, &last).await? => {
                    (last, LoadOutcome::Retained)
                }
                (None, Some(last)) => {
                    let draft = versions::put_draft(
                        change,
                        last,
                        None,
                        bundled.body.clone(),
                        &bundled.parameters,
                    )
                    .await?;
                    (draft, LoadOutcome::Changed)
                }
                (None, None) => {
                    return Err(Error::conflict(
                        ConflictReason::NoVersion,
                        format!("the template {} has no version", bundled.slug),
                    ));
                }
            }
        }
    };
    let version = if publish
        && outcome != LoadOutcome::Retained
        && version.version.state == TemplateState::Draft
    {
        if outcome == LoadOutcome::Unchanged {
            outcome = LoadOutcome::Published;
        }
        versions::set_published(change, version).await?
    } else {
        version
    };
    Ok(Loaded {
        slug: &bundled.slug,
        version: version.version.version,
        state: version.version.state,
        outcome,
    })
}

/// Adds a bundled template as a draft.
async fn add(
    change: &mut Change,
    bundled: &'static BundledTemplate,
    activity: Option<ActivityId>,
) -> Result<Snapshot> {
    let row = template::Model {
        id: TemplateId::new(),
        slug: bundled.slug.clone(),
        title_key: swedish::key(&bundled.title),
        title: bundled.title.clone(),
        kind: bundled.kind,
        activity_id: activity,
    };
    let (language, body) = (versions::LANGUAGE.to_owned(), bundled.body.clone());
    versions::add(change, row, language, body, &bundled.parameters).await
}

/// Returns `true` if the version is a draft that was last changed by something other than a load.
async fn is_unfinished(change: &Change, last: &Snapshot) -> Result<bool> {
    if last.version.state != TemplateState::Draft {
        return Ok(false);
    }
    let action = audit::last_action(change.tx(), last.version.id).await?;
    Ok(!action.is_some_and(|word| Action::TemplatesLoad.is_stored_as(&word)))
}

async fn activity_of(change: &Change, bundled: &BundledTemplate) -> Result<Option<ActivityId>> {
    let Some(slug) = &bundled.activity else { return Ok(None) };
    let found =
        activity::Entity::find().filter(activity::Column::Slug.eq(slug)).one(change.tx()).await?;
    Ok(found.map(|row| row.id))
}

/// Assigns the activity to a template that was loaded before its activity existed.
async fn assign_activity(
    change: &mut Change,
    before: template::Model,
    activity: Option<ActivityId>,
) -> Result<LoadOutcome> {
    if before.activity_id.is_some() || activity.is_none() {
        return Ok(LoadOutcome::Unchanged);
    }
    let after = template::Model { activity_id: activity, ..before.clone() };
    audit::replace(change, after.clone()).await?;
    change.record(Some(&before), Some(&after))?;
    Ok(LoadOutcome::Changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::ValidationErrors, templates::rendering};

    #[test]
    fn every_bundled_text_can_be_published() {
        let bundled_templates = bundled_templates().unwrap();
        assert_eq!(bundled_templates.len(), FILES.len());
        for bundled in bundled_templates {
            let mut errors = ValidationErrors::default();
            rendering::check(&bundled.body, &bundled.parameters, &mut errors);
            assert_eq!(errors.into_inner(), [], "{}", bundled.slug);
        }
    }

    #[test]
    fn bundled_texts_state_how_an_agreement_ends() {
        let last = chrono::NaiveDate::from_ymd_opt(2027, 12, 31);
        for bundled in bundled_templates().unwrap() {
            let values = bundled
                .parameters
                .iter()
                .filter(|parameter| parameter.required && parameter.default.is_none());
            let values =
                values.map(|parameter| (parameter.name.clone(), example(parameter.kind))).collect();
            for (ends_on, notice_months, renewal_months, says) in [
                (
                    last,
                    0,
                    None,
                    "kan sägas upp skriftligen av endera parten med omedelbar verkan\\. Utan uppsägning upphör avtalet när avtalstiden är slut",
                ),
                (last, 3, None, "Uppsägningstiden är 3 månader\\. Utan uppsägning upphör avtalet"),
                (
                    last,
                    3,
                    Some(12),
                    "räknat från dagen efter avtalstidens sista dag, om ingen av parterna har sagt upp det skriftligen\\. Uppsägningstiden är 3 månader",
                ),
                (
                    last,
                    0,
                    Some(6),
                    "förlängs med 6 månader i taget, räknat från dagen efter avtalstidens sista dag",
                ),
                (None, 3, None, "Uppsägningstiden är 3 månader"),
                (None, 0, None, "sägas upp skriftligen av endera parten med omedelbar verkan"),
            ] {
                let mut facts = rendering::Facts::example();
                facts.agreement = rendering::Agreement {
                    ends_on,
                    notice_months,
                    renewal_months,
                    ..facts.agreement
                };
                let text = rendering::text(
                    &bundled.body,
                    &bundled.parameters,
                    &values,
                    &facts,
                    "parameters",
                )
                .unwrap();
                let text = text.replace('\u{a0}', " ").replace("\\.", ".");
                let says = says.replace("\\.", ".");
                assert!(
                    text.contains(&says),
                    "{} {ends_on:?} {notice_months} {renewal_months:?}: {text}",
                    bundled.slug
                );
            }
        }
    }

    fn example(kind: crate::templates::ParameterType) -> serde_json::Value {
        use crate::templates::ParameterType::{Boolean, Date, Integer, Money, Text};
        match kind {
            Text => "Exempel".into(),
            Date => "2027-01-01".into(),
            Money => "100.00".into(),
            Integer => 1.into(),
            Boolean => true.into(),
        }
    }
}
