//! Versions of templates: creating a template, and drafting, publishing and retiring its text.
//!
//! A template has at most one draft, which is its last version; drafting again changes it. A
//! published version never changes and stays in use until it is retired. The newest published
//! version is current, and new agreements use it.

use ::entity::{
    id::{ActivityId, TemplateId, TemplateVersionId},
    kind::{AgreementKind, Form, SubjectKind, TemplateState},
    template, template_text, template_version,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::ser::SerializeMap;
use uuid::Uuid;

use super::{Parameter, parameters, rendering};
use crate::{
    activities::start,
    audit::{self, Action, Change, Fields, Recorded},
    auth::viewer::{Permission, Viewer},
    context::Context,
    database::busy,
    error::{ConflictReason, Error, FieldErrorCode, LINE, Result, ValidationErrors},
    idempotency::Outcome,
    swedish, worker_pool,
};

/// The language of every text, as a BCP 47 tag.
pub const LANGUAGE: &str = "sv";
/// The error message for another language.
pub const NOT_SWEDISH: &str =
    "must be sv: the document layout, placeholders and filters are in Swedish";

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
    /// BCP 47 language tag: [`LANGUAGE`].
    pub language: String,
    /// Markdown with placeholders.
    pub body: String,
    /// Declared parameters.
    pub parameters: Vec<Parameter>,
}

/// Input for drafting the next version; fields that are `None` are copied from the last one.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    /// BCP 47 language tag: [`LANGUAGE`].
    pub language: Option<String>,
    /// Markdown with placeholders.
    pub body: Option<String>,
    /// All declared parameters.
    pub parameters: Option<Vec<Parameter>>,
}

/// A version with its text, in the form of its audit entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Row of the version.
    pub version: template_version::Model,
    /// Markdown with placeholders.
    pub body: String,
    /// The declared parameters, in the stored form.
    pub parameters: String,
}

impl Fields for Snapshot {
    fn write<M: SerializeMap>(&self, map: &mut M) -> std::result::Result<(), M::Error> {
        let Self { version, body, parameters } = self;
        version.write(map)?;
        map.serialize_entry("body", body)?;
        map.serialize_entry("parameters", parameters)
    }
}

impl Recorded for Snapshot {
    const FORM: Form = Form::TemplateVersion;

    fn subject(&self) -> (SubjectKind, Uuid) {
        (SubjectKind::Template, self.version.id.0)
    }

    fn record_id(&self) -> Uuid {
        self.version.id.0
    }
}

impl Snapshot {
    /// Returns the row of the text.
    #[must_use]
    pub fn text(&self) -> template_text::Model {
        template_text::Model {
            version_id: self.version.id,
            body: self.body.clone(),
            parameters: self.parameters.clone(),
        }
    }
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
    let slug = errors.text("slug", &new.slug, start::SLUG);
    errors.expect(
        start::is_slug(&slug),
        "slug",
        FieldErrorCode::NotASlug.problem("must have small letters a to z, digits and hyphens between them only, as deltagande-bip"),
    );
    let title = errors.document_line("title", &new.title);
    let language = check_language(&new.language, &mut errors);
    let text = Text { body: with_plain_breaks(&new.body), declared: new.parameters };
    text.check_characters(None, &mut errors);
    let text = text.checked(ctx.viewer, "", errors).await?;

    let mut change = audit::begin(ctx, Action::TemplateCreate).await?;
    if let Some(activity) = new.activity {
        start::find(change.tx(), activity).await?;
    }
    let row = template::Model {
        id: TemplateId::new(),
        slug,
        title_key: swedish::key(&title),
        title,
        kind: new.kind,
        activity_id: new.activity,
    };
    let id = row.id;
    let first = add(&mut change, row, language, text.body, &text.declared).await?;
    change.commit_with(Outcome::of(id).with(first.version.id)).await?;
    Ok(id)
}

/// Stores a template with a first version as a draft.
///
/// # Errors
/// CONFLICT `SLUG_TAKEN`.
pub(super) async fn add(
    change: &mut Change,
    row: template::Model,
    language: String,
    body: String,
    declared: &[Parameter],
) -> Result<Snapshot> {
    let taken = Error::conflict(
        ConflictReason::SlugTaken,
        format!("another template has the slug {}; choose another", row.slug),
    );
    audit::insert(change, row.clone())
        .await
        .map_err(|error| error.on_constraint("agreement_template__slug", taken))?;
    change.record(None, Some(&row))?;
    let version = template_version::Model {
        id: TemplateVersionId::new(),
        template_id: row.id,
        version: 1,
        state: TemplateState::Draft,
        language,
        published_at: None,
    };
    let first = Snapshot { version, body, parameters: stored(declared)? };
    write(change, None, &first).await?;
    Ok(first)
}

/// Drafts the next version from the last one, or changes the existing draft. `errors` as for
/// [`create`].
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`, NOT_FOUND, INVALID naming every error of the
/// text, CONFLICT `BUSY` when concurrent changes continue.
pub async fn draft(
    ctx: Context<'_>,
    template: TemplateId,
    new: NewVersion,
    mut errors: ValidationErrors,
) -> Result<TemplateVersionId> {
    ctx.require(Permission::ManageTemplates)?;
    let language = new.language.as_deref().map(|language| check_language(language, &mut errors));
    let missing = || Error::NotFound("there is no such template".into());
    for _ in 0..ATTEMPTS {
        let Some(last) = last_of(ctx.db.read(), template).await? else {
            errors.finish()?;
            return Err(missing());
        };
        // Before the transaction, so that it does not block other writers.
        let text = Text::after(&last, &new)?;
        text.check_characters(Some(&Text::of(&last)?), &mut errors);
        let text = text.checked(ctx.viewer, "", std::mem::take(&mut errors)).await?;
        let mut change = audit::begin(ctx, Action::TemplateVersionDraft).await?;
        let last = last_of(change.tx(), template).await?.ok_or_else(missing)?;
        if Text::after(&last, &new)? == text {
            let id =
                put_draft(&mut change, last, language, text.body, &text.declared).await?.version.id;
            change.commit_with(Outcome::of(id).with(template)).await?;
            return Ok(id);
        }
    }
    Err(busy())
}

/// Maximum number of times that a text is checked because a concurrent change altered it.
const ATTEMPTS: usize = 5;

/// The text of a version with its declared parameters.
#[derive(Clone, Debug, PartialEq)]
struct Text {
    body: String,
    declared: Vec<Parameter>,
}

impl Text {
    /// Returns the text of a version.
    fn of(version: &Snapshot) -> Result<Self> {
        Ok(Self { body: version.body.clone(), declared: parameters(&version.parameters)? })
    }

    /// Adds an error for characters that documents can't show, in the parts of the text that differ
    /// from `before`.
    fn check_characters(&self, before: Option<&Self>, errors: &mut ValidationErrors) {
        if before.is_none_or(|before| before.body != self.body) {
            errors.settable_lines("body", &self.body);
        }
        if before.is_none_or(|before| before.declared != self.declared) {
            for (position, parameter) in self.declared.iter().enumerate() {
                errors.settable(&format!("parameters[{position}].label"), &parameter.label);
                let default = parameter.default.as_ref().and_then(serde_json::Value::as_str);
                errors.settable_change(&format!("parameters[{position}].default"), None, default);
            }
        }
    }

    /// Returns the text of the version after `last`.
    fn after(last: &Snapshot, new: &NewVersion) -> Result<Self> {
        let declared = match &new.parameters {
            Some(declared) => declared.clone(),
            None => parameters(&last.parameters)?,
        };
        Ok(Self {
            body: new.body.as_deref().map_or_else(|| last.body.clone(), with_plain_breaks),
            declared,
        })
    }

    /// Returns the text if it has no errors. It is checked when a worker is available to the
    /// viewer. `errors` are those already found in the input; `prefix` precedes the paths of
    /// others.
    async fn checked(
        self,
        viewer: &Viewer,
        prefix: &'static str,
        errors: ValidationErrors,
    ) -> Result<Self> {
        worker_pool::run(&viewer.subject, move || {
            let mut errors = errors;
            rendering::check_at(prefix, &self.body, &self.declared, &mut errors);
            errors.finish().map(|()| self)
        })
        .await
    }
}

/// Stores this text as the draft after `last`, or replaces `last` if that is a draft.
pub(super) async fn put_draft(
    change: &mut Change,
    last: Snapshot,
    language: Option<String>,
    body: String,
    declared: &[Parameter],
) -> Result<Snapshot> {
    // Keep the stored form if only the formatting differs.
    let parameters = if parameters(&last.parameters)? == declared {
        last.parameters.clone()
    } else {
        stored(declared)?
    };
    let language = language.unwrap_or_else(|| last.version.language.clone());
    let is_draft = last.version.state == TemplateState::Draft;
    let version = if is_draft {
        template_version::Model { language, ..last.version.clone() }
    } else {
        template_version::Model {
            id: TemplateVersionId::new(),
            version: last.version.version + 1,
            state: TemplateState::Draft,
            language,
            published_at: None,
            ..last.version.clone()
        }
    };
    let after = Snapshot { version, body, parameters };
    write(change, Some(&last).filter(|_| is_draft), &after).await?;
    Ok(after)
}

/// Publishes a draft. Its text never changes after that, and versions published before stay in use.
/// `errors` as for [`create`].
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`, NOT_FOUND, CONFLICT `ALREADY_PUBLISHED` or
/// `VERSION_RETIRED`, INVALID naming every error of the text, which an imported one may have.
pub async fn publish(
    ctx: Context<'_>,
    version: TemplateVersionId,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageTemplates)?;
    for _ in 0..ATTEMPTS {
        let draft = found(ctx.db.read(), version, &mut errors).await?;
        require_draft(&draft.version)?;
        // Before the transaction, so that it does not block other writers.
        let text = Text { body: draft.body.clone(), declared: parameters(&draft.parameters)? };
        text.checked(ctx.viewer, "template_version_id.", std::mem::take(&mut errors)).await?;
        let mut change = audit::begin(ctx, Action::TemplateVersionPublish).await?;
        let before = found(change.tx(), version, &mut errors).await?;
        require_draft(&before.version)?;
        if before.text() == draft.text() {
            set_published(&mut change, before).await?;
            return change.commit_with(version).await;
        }
    }
    Err(busy())
}

/// Fails with CONFLICT `ALREADY_PUBLISHED` or `VERSION_RETIRED` unless a version is a draft.
fn require_draft(row: &template_version::Model) -> Result<()> {
    let named = format!("version {}", row.version);
    match row.state {
        TemplateState::Draft => Ok(()),
        TemplateState::Published => Err(Error::conflict(
            ConflictReason::AlreadyPublished,
            format!("{named} is published already; draft a new version to change it"),
        )),
        TemplateState::Retired => Err(Error::conflict(
            ConflictReason::VersionRetired,
            format!("{named} is retired; draft a new version from it"),
        )),
    }
}

/// Fails with CONFLICT `NOT_PUBLISHED` or `ALREADY_RETIRED` unless a version is published.
fn require_published(row: &template_version::Model) -> Result<()> {
    let named = format!("version {}", row.version);
    match row.state {
        TemplateState::Published => Ok(()),
        TemplateState::Draft => Err(Error::conflict(
            ConflictReason::NotPublished,
            format!(
                "{named} is a draft, which no agreement uses; only a published version can be retired"
            ),
        )),
        TemplateState::Retired => Err(Error::conflict(
            ConflictReason::AlreadyRetired,
            format!("{named} is retired already"),
        )),
    }
}

/// Returns `true` if the viewer may publish the version, which is a draft.
#[must_use]
pub fn can_publish(viewer: &Viewer, row: &template_version::Model) -> bool {
    viewer.has(Permission::ManageTemplates) && require_draft(row).is_ok()
}

/// Returns `true` if the viewer may retire the version, which is published.
#[must_use]
pub fn can_retire(viewer: &Viewer, row: &template_version::Model) -> bool {
    viewer.has(Permission::ManageTemplates) && require_published(row).is_ok()
}

/// Stores a draft as published.
pub(super) async fn set_published(change: &mut Change, before: Snapshot) -> Result<Snapshot> {
    let version = template_version::Model {
        state: TemplateState::Published,
        published_at: Some(change.at()),
        ..before.version.clone()
    };
    let after = Snapshot { version, ..before.clone() };
    write(change, Some(&before), &after).await?;
    Ok(after)
}

/// Retires a published version: new agreements do not use it, and existing ones continue. `errors`
/// as for [`create`].
///
/// # Errors
/// FORBIDDEN without `Permission::ManageTemplates`, NOT_FOUND, CONFLICT `NOT_PUBLISHED` or
/// `ALREADY_RETIRED`.
pub async fn retire(
    ctx: Context<'_>,
    version: TemplateVersionId,
    mut errors: ValidationErrors,
) -> Result<()> {
    ctx.require(Permission::ManageTemplates)?;
    let mut change = audit::begin(ctx, Action::TemplateVersionRetire).await?;
    let before = found(change.tx(), version, &mut errors).await?;
    require_published(&before.version)?;
    let version =
        template_version::Model { state: TemplateState::Retired, ..before.version.clone() };
    let after = Snapshot { version, ..before.clone() };
    write(&mut change, Some(&before), &after).await?;
    change.commit_with(after.version.id).await
}

/// Returns the version with its text. If it does not exist, the errors of the input come first,
/// since one of them may be about the id.
async fn found(
    db: &impl ConnectionTrait,
    id: TemplateVersionId,
    errors: &mut ValidationErrors,
) -> Result<Snapshot> {
    let version = template_version::Entity::find_by_id(id).one(db).await?;
    let Some(version) = version else {
        std::mem::take(errors).finish()?;
        return Err(Error::NotFound("there is no such template version".into()));
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
async fn write(change: &mut Change, before: Option<&Snapshot>, after: &Snapshot) -> Result<()> {
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

fn stored(declared: &[Parameter]) -> Result<String> {
    serde_json::to_string(declared).map_err(Error::internal)
}

fn with_plain_breaks(body: &str) -> String {
    body.replace("\r\n", "\n")
}

/// Checks the language of a text. Only Swedish is supported, because the document layout,
/// placeholders and filters are in Swedish.
fn check_language(language: &str, errors: &mut ValidationErrors) -> String {
    let language = errors.text("language", language, LINE);
    errors.expect(
        language == LANGUAGE,
        "language",
        FieldErrorCode::Unsupported.problem(NOT_SWEDISH),
    );
    language
}
