//! The library in the box: the templates that come with the program, and how a register takes them
//! in.

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
    audit::{self, Change},
    auth::viewer::{Permission, Viewer},
    database::Database,
    error::{Error, Result},
    swedish,
};

/// A template that comes with the program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledTemplate {
    /// Short name, unique.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// What it makes.
    pub kind: AgreementKind,
    /// The slug of the activity that it is for; null: any.
    pub activity: Option<String>,
    /// What it asks for.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// Markdown with placeholders.
    #[serde(skip)]
    pub body: String,
}

/// What loading is called in the audit trail.
const LOAD: &str = "templatesLoad";

/// Each file has its heading in TOML between two lines of `+++`, and then the text.
const FILES: [&str; 6] = [
    include_str!("../../../assets/templates/deltagande-bip.md"),
    include_str!("../../../assets/templates/deltagande-indikatorer.md"),
    include_str!("../../../assets/templates/deltagande-stoppa-valdet.md"),
    include_str!("../../../assets/templates/uppdrag-projektledning.md"),
    include_str!("../../../assets/templates/uppdrag-konsult.md"),
    include_str!("../../../assets/templates/samarbetsavtal.md"),
];

/// The templates that come with the program.
///
/// # Errors
/// INTERNAL when one of them is broken, which a test rules out.
pub fn bundled_templates() -> Result<&'static [BundledTemplate]> {
    static BUNDLED: LazyLock<Result<Vec<BundledTemplate>, String>> =
        LazyLock::new(|| FILES.iter().map(|file| unpack(file)).collect());
    BUNDLED.as_deref().map_err(|reason| Error::internal(std::io::Error::other(reason.clone())))
}

fn unpack(file: &str) -> Result<BundledTemplate, String> {
    let parts = file.strip_prefix("+++\n").and_then(|rest| rest.split_once("\n+++\n"));
    let (heading, body) = parts.ok_or("a template of the box has no heading")?;
    let bundled: BundledTemplate = toml::from_str(heading)
        .map_err(|cause| format!("a template of the box is broken: {cause}"))?;
    Ok(BundledTemplate { body: body.trim_start().to_owned(), ..bundled })
}

/// What became of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is new.
    Added,
    /// It has a new version, or its draft is changed.
    Changed,
    /// Its draft, whose text was there already, is published.
    Published,
    /// Its draft was changed in the register, and is left for somebody to finish.
    Kept,
    /// The register had it already.
    Unchanged,
}

/// A template of the box, as the register has it now.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its slug.
    pub slug: &'static str,
    /// The version with the text of the box; of what was kept, the draft.
    pub version: i32,
    /// That version's state.
    pub state: TemplateState,
    /// What became of it.
    pub fate: Fate,
}

/// Takes the templates of the box into the register. Where some version has the text of the box
/// already, the box brings nothing new, so that a text that was developed further here is left
/// alone; else the text becomes the draft of a next version, or takes the place of a draft that an
/// earlier load made. A draft that somebody else wrote or changed since is unfinished work, and is
/// kept. With `publish`, the draft with the text of the box is published as well.
///
/// # Errors
/// FORBIDDEN unless the viewer keeps templates.
pub async fn load(db: &Database, viewer: &Viewer, publish: bool) -> Result<Vec<Loaded>> {
    viewer.require(Permission::ManageTemplates)?;
    let mut change = audit::begin(db, viewer, LOAD).await?;
    let mut loaded = Vec::new();
    for bundled in bundled_templates()? {
        loaded.push(take_in(&mut change, bundled, publish).await?);
    }
    change.commit().await?;
    Ok(loaded)
}

async fn take_in(
    change: &mut Change,
    bundled: &'static BundledTemplate,
    publish: bool,
) -> Result<Loaded> {
    let activity = activity_of(change, bundled).await?;
    let row = template::Entity::find()
        .filter(template::Column::Slug.eq(&bundled.slug))
        .one(change.tx())
        .await?;
    let (version, mut fate) = match row {
        None => {
            let row = template::Model {
                id: TemplateId::new(),
                slug: bundled.slug.clone(),
                title_key: swedish::key(&bundled.title),
                title: bundled.title.clone(),
                kind: bundled.kind,
                activity_id: activity,
            };
            (
                versions::add(
                    change,
                    row,
                    versions::LANGUAGE.to_owned(),
                    bundled.body.clone(),
                    &bundled.parameters,
                )
                .await?,
                Fate::Added,
            )
        }
        Some(row) => {
            let known = versions::all_of(change.tx(), row.id).await?;
            let is_same = |version: &Snapshot| {
                version.body == bundled.body
                    && parse(&version.parameters)
                        .is_ok_and(|declared| declared == bundled.parameters)
            };
            let same = known.iter().rev().find(|version| is_same(version)).cloned();
            let fate = assign_activity(change, row, activity).await?;
            match (same, known.into_iter().next_back()) {
                (Some(same), _) => (same, fate),
                (None, Some(last)) if is_unfinished(change, &last).await? => (last, Fate::Kept),
                (None, Some(last)) => {
                    let draft = versions::put_draft(
                        change,
                        last,
                        None,
                        bundled.body.clone(),
                        &bundled.parameters,
                    )
                    .await?;
                    (draft, Fate::Changed)
                }
                (None, None) => {
                    return Err(Error::conflict(
                        "NO_VERSION",
                        format!("the template {} has no version", bundled.slug),
                    ));
                }
            }
        }
    };
    let version = if publish && fate != Fate::Kept && version.version.state == TemplateState::Draft
    {
        if fate == Fate::Unchanged {
            fate = Fate::Published;
        }
        versions::set_published(change, version).await?
    } else {
        version
    };
    Ok(Loaded {
        slug: &bundled.slug,
        version: version.version.version,
        state: version.version.state,
        fate,
    })
}

/// Whether it is a draft that others than a load had their hands on last.
async fn is_unfinished(change: &Change, last: &Snapshot) -> Result<bool> {
    if last.version.state != TemplateState::Draft {
        return Ok(false);
    }
    Ok(audit::last_action(change.tx(), last.version.id).await?.as_deref() != Some(LOAD))
}

async fn activity_of(change: &Change, bundled: &BundledTemplate) -> Result<Option<ActivityId>> {
    let Some(slug) = &bundled.activity else { return Ok(None) };
    let found =
        activity::Entity::find().filter(activity::Column::Slug.eq(slug)).one(change.tx()).await?;
    Ok(found.map(|row| row.id))
}

/// A template that was taken in before there was its activity gets it now.
async fn assign_activity(
    change: &mut Change,
    before: template::Model,
    activity: Option<ActivityId>,
) -> Result<Fate> {
    if before.activity_id.is_some() || activity.is_none() {
        return Ok(Fate::Unchanged);
    }
    let after = template::Model { activity_id: activity, ..before.clone() };
    audit::replace(change, after.clone()).await?;
    change.record(Some(&before), Some(&after))?;
    Ok(Fate::Changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::ValidationErrors, templates::rendering};

    #[test]
    fn every_text_of_the_box_is_fit_to_be_published() {
        let bundled_templates = bundled_templates().unwrap();
        assert_eq!(bundled_templates.len(), FILES.len());
        for bundled in bundled_templates {
            let mut errors = ValidationErrors::default();
            rendering::check(&bundled.body, &bundled.parameters, &mut errors);
            assert_eq!(errors.into_inner(), [], "{}", bundled.slug);
        }
    }

    #[test]
    fn texts_of_the_box_say_how_an_agreement_ends() {
        let last = chrono::NaiveDate::from_ymd_opt(2027, 12, 31);
        for bundled in bundled_templates().unwrap() {
            let given = bundled
                .parameters
                .iter()
                .filter(|parameter| parameter.required && parameter.default.is_none());
            let given =
                given.map(|parameter| (parameter.name.clone(), example(parameter.kind))).collect();
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
                    &given,
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
