//! Versions of templates: their states, and the version that a mutation makes of the last one.
//!
//! A template has at most one draft, which is its last version; drafting again changes it. A
//! published version never changes and stays in use until it is retired. The newest published
//! version is current, and new agreements use it.

use ::entity::{
    id::{TemplateId, TemplateVersionId},
    kind::{Form, SubjectKind, TemplateState},
    template_text, template_version,
};
use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use uuid::Uuid;

use super::{
    Parameter, parameters,
    version_text::{Text, stored},
};
use crate::{
    audit::{Fields, Recorded},
    auth::viewer::Permission,
    context::Context,
    error::{ConflictReason, Error, Result},
};

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

/// Returns the first version of a template, a draft.
///
/// # Errors
/// INTERNAL when the parameters can't be stored.
pub(super) fn first(template_id: TemplateId, language: String, text: Text) -> Result<Snapshot> {
    let version = template_version::Model {
        id: TemplateVersionId::new(),
        template_id,
        version: 1,
        state: TemplateState::Draft,
        language,
        published_at: None,
    };
    Ok(Snapshot { version, parameters: stored(&text.declared)?, body: text.body })
}

/// Returns the draft with this text after `last`: a new version, or the changed `last` if that is a
/// draft. Its language is that of `last` unless stated.
///
/// # Errors
/// INTERNAL when the parameters can't be parsed or stored.
pub(super) fn draft_after(
    last: &Snapshot,
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
    let version = if last.version.state == TemplateState::Draft {
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
    Ok(Snapshot { version, body, parameters })
}

/// Returns a draft as published.
pub(super) fn published(draft: &Snapshot, at: DateTime<Utc>) -> Snapshot {
    let version = template_version::Model {
        state: TemplateState::Published,
        published_at: Some(at),
        ..draft.version.clone()
    };
    Snapshot { version, ..draft.clone() }
}

/// Returns a published version as retired.
pub(super) fn retired(published: &Snapshot) -> Snapshot {
    let version =
        template_version::Model { state: TemplateState::Retired, ..published.version.clone() };
    Snapshot { version, ..published.clone() }
}

/// Fails with CONFLICT `ALREADY_PUBLISHED` or `VERSION_RETIRED` unless a version is a draft.
pub(super) fn require_draft(row: &template_version::Model) -> Result<()> {
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
pub(super) fn require_published(row: &template_version::Model) -> Result<()> {
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
pub fn can_publish(ctx: Context<'_>, row: &template_version::Model) -> bool {
    ctx.viewer.has(Permission::ManageTemplates) && require_draft(row).is_ok()
}

/// Returns `true` if the viewer may retire the version, which is published.
#[must_use]
pub fn can_retire(ctx: Context<'_>, row: &template_version::Model) -> bool {
    ctx.viewer.has(Permission::ManageTemplates) && require_published(row).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::ParameterType;

    fn days() -> Parameter {
        Parameter {
            name: "days".into(),
            label: "Dagar".into(),
            kind: ParameterType::Integer,
            required: true,
            default: None,
            minimum: None,
            maximum: None,
        }
    }

    fn initial() -> Snapshot {
        let text = Text { body: "Text".into(), declared: vec![days()] };
        first(TemplateId::new(), "sv".to_owned(), text).unwrap()
    }

    #[test]
    fn a_draft_is_changed_and_a_published_version_followed() {
        let draft = initial();
        assert_eq!((draft.version.version, draft.version.state), (1, TemplateState::Draft));
        let changed = draft_after(&draft, None, "Mer".to_owned(), &[]).unwrap();
        assert_eq!(changed.version, draft.version);
        assert_eq!((changed.body.as_str(), changed.parameters.as_str()), ("Mer", "[]"));

        let released = published(&changed, DateTime::<Utc>::default());
        assert_eq!(released.version.published_at, Some(DateTime::<Utc>::default()));
        for last in [released.clone(), retired(&released)] {
            let next = draft_after(&last, None, "Text".to_owned(), &[]).unwrap();
            assert_ne!(next.version.id, last.version.id);
            assert_eq!(
                (next.version.version, next.version.state, next.version.published_at),
                (2, TemplateState::Draft, None)
            );
        }
    }

    #[test]
    fn equal_parameters_retain_their_stored_form() {
        let mut draft = initial();
        draft.parameters =
            r#"[ { "name": "days", "label": "Dagar", "type": "INTEGER", "required": true } ]"#
                .to_owned();
        let same = draft_after(&draft, None, String::new(), &[days()]).unwrap();
        assert_eq!(same.parameters, draft.parameters);
        let optional = Parameter { required: false, ..days() };
        let other = draft_after(&draft, None, String::new(), &[optional]).unwrap();
        assert!(other.parameters.starts_with("[{"), "{}", other.parameters);
    }

    #[test]
    fn each_state_has_its_transition() {
        let draft = initial();
        let released = published(&draft, DateTime::<Utc>::default());
        let reason = |result: Result<()>| match result {
            Ok(()) => None,
            Err(Error::Conflict { reason, .. }) => Some(reason),
            Err(other) => panic!("{other}"),
        };
        for (version, publish, retire) in [
            (&draft, None, Some(ConflictReason::NotPublished)),
            (&released, Some(ConflictReason::AlreadyPublished), None),
            (
                &retired(&released),
                Some(ConflictReason::VersionRetired),
                Some(ConflictReason::AlreadyRetired),
            ),
        ] {
            assert_eq!(reason(require_draft(&version.version)), publish);
            assert_eq!(reason(require_published(&version.version)), retire);
        }
    }
}
