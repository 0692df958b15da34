//! Loads the bundled library into a register.

use ::entity::{
    activity,
    id::{ActivityId, TemplateId},
    kind::TemplateState,
    template,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    library::{BundledTemplate, bundled_templates},
    parameters as parse, version_rows,
    version_text::{LANGUAGE, Text},
    versions::Snapshot,
};
use crate::{
    audit::{self, Action, Change},
    auth::viewer::Permission,
    collation,
    context::Context,
    error::{ConflictReason, Error, Result},
};

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
            let known = version_rows::all_of(change.tx(), row.id).await?;
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
                    let draft = version_rows::put_draft(
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
        version_rows::set_published(change, version).await?
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
        title_key: collation::key(&bundled.title),
        title: bundled.title.clone(),
        kind: bundled.kind,
        activity_id: activity,
    };
    let text = Text { body: bundled.body.clone(), declared: bundled.parameters.clone() };
    version_rows::add(change, row, LANGUAGE.to_owned(), text).await
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
