//! The template version of a draft: the one in the input, or the current one.

use ::entity::{id::TemplateVersionId, kind::TemplateState, template, template_version};

use super::document_source::require_published;
use crate::error::{ConflictReason, Error, FieldErrorCode, Result, ValidationErrors};

/// Returns the version of a template that a draft uses, of all its versions, the latest first. A
/// draft version exists only for viewers who can read templates: `reads_drafts`.
///
/// # Errors
/// NOT_FOUND if the viewer can read no version; CONFLICT `NO_PUBLISHED_VERSION`,
/// `TEMPLATE_NOT_PUBLISHED` or `TEMPLATE_RETIRED`. Adds an error for a version of another template.
pub(super) fn choose_version(
    template: &template::Model,
    versions: Vec<template_version::Model>,
    wanted: Option<TemplateVersionId>,
    reads_drafts: bool,
    errors: &mut ValidationErrors,
) -> Result<template_version::Model> {
    let is_seen =
        |version: &template_version::Model| version.state != TemplateState::Draft || reads_drafts;
    let mut seen = versions.into_iter().filter(is_seen).peekable();
    seen.peek().ok_or_else(no_template)?;
    let Some(wanted) = wanted else {
        let current = seen.find(|version| version.state == TemplateState::Published);
        let message = format!("{} has no published version; publish one first", template.slug);
        return current.ok_or_else(|| Error::conflict(ConflictReason::NoPublishedVersion, message));
    };
    let Some(version) = seen.find(|version| version.id == wanted) else {
        errors.add(
            "template_version_id",
            FieldErrorCode::Unknown.problem("is not a version of the template"),
        );
        return Err(no_template());
    };
    require_published(template, &version)?;
    Ok(version)
}

/// Returns the error for a template that does not exist, or not for the viewer.
pub(super) fn no_template() -> Error {
    Error::missing("template_id", "there is no such template")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: i32, state: TemplateState) -> template_version::Model {
        template_version::Model {
            id: TemplateVersionId::new(),
            version,
            state,
            ..template_version::Model::default()
        }
    }

    fn choose(
        versions: &[template_version::Model],
        wanted: Option<TemplateVersionId>,
        reads_drafts: bool,
    ) -> Result<i32, String> {
        let mut errors = ValidationErrors::default();
        let template = template::Model::default();
        let found = choose_version(&template, versions.to_vec(), wanted, reads_drafts, &mut errors);
        found.map(|version| version.version).map_err(|error| match error {
            Error::Conflict { reason, .. } => reason.to_string(),
            _ if errors.is_empty() => "nothing".to_owned(),
            _ => "of another template".to_owned(),
        })
    }

    #[test]
    fn the_newest_published_version_is_current() {
        use TemplateState::{Draft, Published, Retired};
        let versions =
            [version(4, Draft), version(3, Retired), version(2, Published), version(1, Published)];
        assert_eq!(choose(&versions, None, true), Ok(2));
        assert_eq!(choose(&versions, None, false), Ok(2));
        let none = Err("NO_PUBLISHED_VERSION".to_owned());
        assert_eq!(choose(&versions[..2], None, false), none);
        let of_draft = |reads_drafts| choose(&versions[..1], None, reads_drafts);
        assert_eq!(of_draft(true), none);
        assert_eq!(of_draft(false), Err("nothing".to_owned()));
    }

    #[test]
    fn a_stated_version_is_published() {
        use TemplateState::{Draft, Published, Retired};
        let versions = [version(3, Draft), version(2, Retired), version(1, Published)];
        let [draft, retired, published] = [0, 1, 2].map(|index| Some(versions[index].id));
        assert_eq!(choose(&versions, published, false), Ok(1));
        assert_eq!(choose(&versions, retired, false), Err("TEMPLATE_RETIRED".to_owned()));
        assert_eq!(choose(&versions, draft, true), Err("TEMPLATE_NOT_PUBLISHED".to_owned()));
        let unknown = Err("of another template".to_owned());
        assert_eq!(choose(&versions, draft, false), unknown);
        assert_eq!(choose(&versions, Some(TemplateVersionId::new()), true), unknown);
    }
}
