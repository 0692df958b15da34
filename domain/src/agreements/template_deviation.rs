//! Deviation of an agreement from one made from the template library today.

use ::entity::template_version;
use serde_json::{Map, Value};

use crate::templates::{Parameter, parameters::fits};

/// The reason why an agreement differs from one made today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It has no template.
    NoTemplate,
    /// Its template has a newer published version.
    OldVersion,
    /// Its template no longer has a published version.
    NoCurrentVersion,
    /// Its parameters do not fit the current version.
    Parameters,
}

/// The differences between an agreement and one made today.
#[derive(Clone, Debug, Default)]
pub struct Deviation {
    /// The reasons, in the order of their declaration.
    pub reasons: Vec<Reason>,
    /// The version of its template; null: none.
    pub version: Option<template_version::Model>,
    /// The version that would be used today; null: none.
    pub current: Option<template_version::Model>,
    /// Names of parameters that the current version needs and the agreement lacks, in the order of
    /// the declaration.
    pub missing: Vec<String>,
    /// Names of parameters of the agreement that the current version does not declare, in order.
    pub unknown: Vec<String>,
    /// Names of parameters with a different value under the current version, in the order of the
    /// declaration: of another type, out of bounds, or omitted where the default has changed.
    pub differing: Vec<String>,
}

/// Compares the parameters of an agreement, with the declarations of its version, to the current
/// declarations.
pub(super) fn differences(
    then: &[Parameter],
    now: &[Parameter],
    values: &Map<String, Value>,
) -> Deviation {
    let of = |name: &str| values.get(name).filter(|value| !value.is_null());
    let default =
        |parameter: &Parameter| parameter.default.clone().filter(|value| !value.is_null());
    let is_missing = |parameter: &&Parameter| {
        parameter.required && default(parameter).is_none() && of(&parameter.name).is_none()
    };
    let differs = |parameter: &&Parameter| match of(&parameter.name) {
        Some(value) => !fits(parameter, value),
        None => then
            .iter()
            .find(|before| before.name == parameter.name)
            .is_some_and(|before| default(before) != default(parameter)),
    };
    let names = |found: Vec<&Parameter>| {
        found.into_iter().map(|parameter| parameter.name.clone()).collect()
    };
    Deviation {
        missing: names(now.iter().filter(is_missing).collect()),
        unknown: values
            .keys()
            .filter(|name| now.iter().all(|parameter| parameter.name != **name))
            .cloned()
            .collect(),
        differing: names(
            now.iter().filter(|parameter| !is_missing(parameter)).filter(differs).collect(),
        ),
        ..Deviation::default()
    }
}

/// Returns the reasons for a deviation.
pub(super) fn reasons(found: &Deviation) -> Vec<Reason> {
    let parameters = [&found.missing, &found.unknown, &found.differing]
        .into_iter()
        .any(|names| !names.is_empty());
    let of_version = match (&found.version, &found.current) {
        (None, _) => Some(Reason::NoTemplate),
        (Some(_), None) => Some(Reason::NoCurrentVersion),
        (Some(version), Some(current)) => (version.id != current.id).then_some(Reason::OldVersion),
    };
    of_version.into_iter().chain(parameters.then_some(Reason::Parameters)).collect()
}

#[cfg(test)]
mod tests {
    use ::entity::id::TemplateVersionId;
    use serde_json::json;

    use super::*;
    use crate::templates::ParameterType;

    fn days(default: Value) -> Parameter {
        Parameter {
            name: "days".into(),
            label: "Dagar".into(),
            kind: ParameterType::Integer,
            required: true,
            default: Some(default).filter(|value| !value.is_null()),
            minimum: None,
            maximum: Some(json!(30)),
        }
    }

    fn names(then: &Parameter, now: &Parameter, values: &Value) -> [Vec<String>; 3] {
        let values = values.as_object().unwrap();
        let found = differences(std::slice::from_ref(then), std::slice::from_ref(now), values);
        [found.missing, found.unknown, found.differing]
    }

    #[test]
    fn parameters_are_compared_to_the_current_declarations() {
        let (plain, with_default) = (days(Value::Null), days(json!(14)));
        let own = || vec!["days".to_owned()];
        for (then, now, values, expected) in [
            (&plain, &plain, json!({ "days": 14 }), [vec![], vec![], vec![]]),
            (&plain, &plain, json!({}), [own(), vec![], vec![]]),
            (&plain, &plain, json!({ "days": null }), [own(), vec![], vec![]]),
            (&plain, &plain, json!({ "days": 31 }), [vec![], vec![], own()]),
            (&plain, &plain, json!({ "days": "14" }), [vec![], vec![], own()]),
            (&plain, &with_default, json!({}), [vec![], vec![], own()]),
            (&with_default, &with_default, json!({}), [vec![], vec![], vec![]]),
            (&days(json!(7)), &with_default, json!({}), [vec![], vec![], own()]),
            (&days(json!(7)), &with_default, json!({ "days": 7 }), [vec![], vec![], vec![]]),
            (
                &plain,
                &plain,
                json!({ "days": 1, "note": "x" }),
                [vec![], vec!["note".to_owned()], vec![]],
            ),
        ] {
            assert_eq!(names(then, now, &values), expected, "{values}");
        }
    }

    #[test]
    fn the_reasons_follow_from_versions_and_parameters() {
        let version =
            || Some(template_version::Model { id: TemplateVersionId::new(), ..Default::default() });
        let own = version();
        for (version, current, missing, expected) in [
            (None, None, vec![], &[Reason::NoTemplate][..]),
            (own.clone(), None, vec![], &[Reason::NoCurrentVersion]),
            (own.clone(), own.clone(), vec![], &[]),
            (own.clone(), version(), vec![], &[Reason::OldVersion]),
            (own.clone(), own.clone(), vec!["days".to_owned()], &[Reason::Parameters]),
            (
                own.clone(),
                version(),
                vec!["days".to_owned()],
                &[Reason::OldVersion, Reason::Parameters],
            ),
        ] {
            let found = Deviation { version, current, missing, ..Deviation::default() };
            assert_eq!(reasons(&found), expected);
        }
    }
}
