//! Loads and stores versions of templates with their texts, and checks a text in the worker pool.

use ::entity::{
    id::{TemplateId, TemplateVersionId},
    kind::TemplateState,
    template, template_text, template_version,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{
    Parameter,
    version_text::Text,
    versions::{self, Snapshot},
};
use crate::{
    audit::{self, Change},
    context::Context,
    error::{ConflictReason, Error, Result, ValidationErrors},
    worker_pool,
};

/// Maximum number of times that a text is checked because a concurrent change altered it.
pub(super) const ATTEMPTS: usize = 5;

/// Returns a text if it has no errors. It is checked when a worker is available to the viewer.
/// `errors` are those already found in the input; `prefix` precedes the paths of others.
///
/// # Errors
/// INVALID naming every error; CONFLICT `TOO_MANY_REQUESTS`.
pub(super) async fn checked(
    ctx: Context<'_>,
    text: Text,
    prefix: &'static str,
    errors: ValidationErrors,
) -> Result<Text> {
    worker_pool::run(&ctx.viewer.subject, move || text.checked(prefix, errors)).await
}

/// Stores a template with a first version as a draft.
///
/// # Errors
/// CONFLICT `SLUG_TAKEN`.
pub(super) async fn add(
    change: &mut Change,
    row: template::Model,
    language: String,
    text: Text,
) -> Result<Snapshot> {
    let taken = Error::conflict(
        ConflictReason::SlugTaken,
        format!("another template has the slug {}; choose another", row.slug),
    );
    audit::insert(change, row.clone())
        .await
        .map_err(|error| error.on_constraint("agreement_template__slug", taken))?;
    change.record(None, Some(&row))?;
    let first = versions::first(row.id, language, text)?;
    write(change, None, &first).await?;
    Ok(first)
}

/// Stores this text as the draft after `last`, or replaces `last` if that is a draft.
pub(super) async fn put_draft(
    change: &mut Change,
    last: Snapshot,
    language: Option<String>,
    body: String,
    declared: &[Parameter],
) -> Result<Snapshot> {
    let after = versions::draft_after(&last, language, body, declared)?;
    let is_draft = last.version.state == TemplateState::Draft;
    write(change, Some(&last).filter(|_| is_draft), &after).await?;
    Ok(after)
}

/// Stores a draft as published.
pub(super) async fn set_published(change: &mut Change, before: Snapshot) -> Result<Snapshot> {
    let after = versions::published(&before, change.at());
    write(change, Some(&before), &after).await?;
    Ok(after)
}

/// Returns the version with its text. If it does not exist, the errors of the input come first,
/// since one of them may be about the id.
pub(super) async fn found(
    db: &impl ConnectionTrait,
    id: TemplateVersionId,
    errors: &mut ValidationErrors,
) -> Result<Snapshot> {
    let version = template_version::Entity::find_by_id(id).one(db).await?;
    let Some(version) = version else {
        std::mem::take(errors).finish()?;
        return Err(Error::missing("template_version_id", "there is no such template version"));
    };
    with_text(db, version).await
}

/// Returns the last version of a template; `None` if the template does not exist.
pub(super) async fn last_of(
    db: &impl ConnectionTrait,
    template: TemplateId,
) -> Result<Option<Snapshot>> {
    Ok(all_of(db, template).await?.pop())
}

/// Returns every version of a template, in ascending order.
pub(super) async fn all_of(
    db: &impl ConnectionTrait,
    template: TemplateId,
) -> Result<Vec<Snapshot>> {
    let versions = template_version::Entity::find()
        .filter(template_version::Column::TemplateId.eq(template))
        .order_by_asc(template_version::Column::Version)
        .all(db)
        .await?;
    let mut found = Vec::new();
    for version in versions {
        found.push(with_text(db, version).await?);
    }
    Ok(found)
}

async fn with_text(
    db: &impl ConnectionTrait,
    version: template_version::Model,
) -> Result<Snapshot> {
    let text = template_text::Entity::find_by_id(version.id).one(db).await?.unwrap_or_default();
    let parameters = if text.parameters.is_empty() { "[]".to_owned() } else { text.parameters };
    Ok(Snapshot { version, body: text.body, parameters })
}

/// Stores a version with its text and its audit entry. Without a change, it stores nothing.
pub(super) async fn write(
    change: &mut Change,
    before: Option<&Snapshot>,
    after: &Snapshot,
) -> Result<()> {
    match before {
        Some(before) if before == after => return Ok(()),
        Some(before) => {
            audit::replace(change, after.version.clone()).await?;
            if before.text() != after.text() {
                audit::replace(change, after.text()).await?;
            }
        }
        None => {
            audit::insert(change, after.version.clone()).await?;
            audit::insert(change, after.text()).await?;
        }
    }
    change.record(before, Some(after))
}
