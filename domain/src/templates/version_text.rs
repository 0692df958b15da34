//! The text of a template's version: its input, its language, and its errors.

use super::{Parameter, rendering};
use crate::error::{Error, FieldErrorCode, LINE, Result, ValidationErrors};

/// The language of every text, as a BCP 47 tag.
pub const LANGUAGE: &str = "sv";
/// The error message for another language.
pub const NOT_SWEDISH: &str =
    "must be sv: the document layout, placeholders and filters are in Swedish";

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

/// The text of a version with its declared parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    /// Markdown with placeholders.
    pub body: String,
    /// Declared parameters.
    pub declared: Vec<Parameter>,
}

impl Text {
    /// Returns a text with a stored body and stored parameters.
    ///
    /// # Errors
    /// INTERNAL when the parameters can't be parsed.
    pub fn of(body: &str, parameters: &str) -> Result<Self> {
        Ok(Self { body: body.to_owned(), declared: super::parameters(parameters)? })
    }

    /// Adds an error for characters that documents can't show, in the parts of the text that differ
    /// from `before`.
    pub fn check_characters(&self, before: Option<&Self>, errors: &mut ValidationErrors) {
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

    /// Returns the text of the version after the one with the text `last`.
    pub fn after(last: &Self, new: &NewVersion) -> Self {
        Self {
            body: new.body.as_deref().map_or_else(|| last.body.clone(), with_plain_breaks),
            declared: new.parameters.as_ref().unwrap_or(&last.declared).clone(),
        }
    }

    /// Returns the text if it has no errors. `errors` are those already found in the input;
    /// `prefix` precedes the paths of others.
    ///
    /// # Errors
    /// INVALID naming every error.
    pub fn checked(self, prefix: &str, mut errors: ValidationErrors) -> Result<Self> {
        rendering::check_at(prefix, &self.body, &self.declared, &mut errors);
        errors.finish().map(|()| self)
    }
}

/// Returns declared parameters in the stored form.
///
/// # Errors
/// INTERNAL when they can't be serialized.
pub(super) fn stored(declared: &[Parameter]) -> Result<String> {
    serde_json::to_string(declared).map_err(Error::internal)
}

/// Returns a text with the line breaks of Unix.
pub(super) fn with_plain_breaks(body: &str) -> String {
    body.replace("\r\n", "\n")
}

/// Checks the language of a text. Only Swedish is supported, because the document layout,
/// placeholders and filters are in Swedish.
pub(super) fn check_language(language: &str, errors: &mut ValidationErrors) -> String {
    let language = errors.text("language", language, LINE);
    errors.expect(
        language == LANGUAGE,
        "language",
        FieldErrorCode::Unsupported.problem(NOT_SWEDISH),
    );
    language
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::ParameterType;

    fn parameter(label: &str) -> Parameter {
        Parameter {
            name: "days".into(),
            label: label.into(),
            kind: ParameterType::Integer,
            required: true,
            default: None,
            minimum: None,
            maximum: None,
        }
    }

    fn fields(errors: ValidationErrors) -> Vec<String> {
        errors.into_inner().into_iter().map(|error| error.path).collect()
    }

    #[test]
    fn omitted_parts_are_those_of_the_last_version() {
        let last = Text { body: "Text".into(), declared: vec![parameter("Dagar")] };
        assert_eq!(Text::after(&last, &NewVersion::default()), last);
        let new = NewVersion { body: Some("a\r\nb".into()), ..NewVersion::default() };
        assert_eq!(Text::after(&last, &new), Text { body: "a\nb".into(), ..last.clone() });
        let new = NewVersion { parameters: Some(Vec::new()), ..NewVersion::default() };
        assert_eq!(Text::after(&last, &new), Text { declared: Vec::new(), ..last });
    }

    #[test]
    fn stored_parameters_read_as_they_were_declared() {
        let text = Text { body: "Text".into(), declared: vec![parameter("Dagar")] };
        let stored = stored(&text.declared).unwrap();
        assert_eq!(Text::of(&text.body, &stored).unwrap(), text);
        assert!(Text::of("Text", "{}").is_err());
    }

    #[test]
    fn unsupported_characters_are_reported_in_changed_parts() {
        let bad = Text { body: "a中".into(), declared: vec![parameter("b中")] };
        let mut errors = ValidationErrors::default();
        bad.check_characters(Some(&bad), &mut errors);
        assert!(errors.is_empty());
        bad.check_characters(None, &mut errors);
        assert_eq!(fields(errors), ["body", "parameters[0].label"]);
    }

    #[test]
    fn a_text_is_returned_unless_it_has_errors() {
        let text = Text { body: "{{ days }}".into(), declared: vec![parameter("Dagar")] };
        assert_eq!(text.clone().checked("", ValidationErrors::default()).unwrap(), text);
        let unknown = Text { body: "{{ month }}".into(), ..text.clone() };
        assert!(unknown.checked("", ValidationErrors::default()).is_err());
        let mut errors = ValidationErrors::default();
        errors.add("slug", FieldErrorCode::Required.problem("is needed"));
        assert!(text.checked("", errors).is_err());
    }

    #[test]
    fn only_swedish_is_supported() {
        for (language, is_supported) in [("sv", true), (" sv ", true), ("en", false), ("", false)] {
            let mut errors = ValidationErrors::default();
            let _ = check_language(language, &mut errors);
            assert_eq!(errors.is_empty(), is_supported, "{language}");
        }
    }
}
