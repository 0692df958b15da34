//! Languages of messages and labels: English, and Swedish by the files in `assets/messages`.
//!
//! Rules and resolvers write their messages in English. The interface translates the errors of an
//! answer when it writes them; logs, metrics and conditions use the English ones.

pub mod catalog;
pub mod enum_labels;

use std::borrow::Cow;

use async_graphql::{Enum, Name, ServerError, Value};

/// Language of messages and labels.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Swedish.
    Sv,
}

impl Language {
    /// Returns the language tag (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Sv => "sv",
        }
    }
}

/// Returns errors with the messages in a language. Codes, reasons, paths and values are the same in
/// all languages.
#[must_use]
pub fn localized(errors: &[ServerError], language: Language) -> Cow<'_, [ServerError]> {
    match language {
        Language::En => Cow::Borrowed(errors),
        Language::Sv => {
            let mut errors = errors.to_vec();
            errors.iter_mut().for_each(translate);
            Cow::Owned(errors)
        }
    }
}

/// Translates the message of an error and those of its fields.
fn translate(error: &mut ServerError) {
    let fields = error.extensions.as_ref().and_then(|extensions| extensions.get("fields"));
    let Some(Value::List(mut fields)) = fields.cloned() else {
        error.message = catalog::in_swedish(&error.message).into_owned();
        return;
    };
    // The message of invalid input joins those of its fields.
    let is_joined = error.message == join(&fields);
    fields.iter_mut().for_each(translate_field);
    error.message = match is_joined {
        true => join(&fields),
        false => catalog::in_swedish(&error.message).into_owned(),
    };
    error.extensions.get_or_insert_default().set("fields", Value::List(fields));
}

fn translate_field(field: &mut Value) {
    let message = catalog::in_swedish(text(field, "message")).into_owned();
    if let Value::Object(parts) = field {
        parts.insert(Name::new("message"), Value::String(message));
    }
}

fn join(fields: &[Value]) -> String {
    let sentence = |field| format!("{} {}", text(field, "path"), text(field, "message"));
    fields.iter().map(sentence).collect::<Vec<_>>().join("; ")
}

/// Returns a text of an object; empty if it has none of this name.
fn text<'v>(object: &'v Value, name: &str) -> &'v str {
    let Value::Object(parts) = object else { return "" };
    match parts.get(name) {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::errors;
    use domain::error::{ConflictReason, Error, FieldError};

    fn swedish(error: Error) -> ServerError {
        let english = errors::refused(error, "1").errors;
        localized(&english, Language::Sv)[0].clone()
    }

    #[test]
    fn the_message_of_invalid_input_is_that_of_its_fields() {
        let error = swedish(Error::Invalid(vec![
            FieldError::of_input("lines[1].unit_price", "must be above zero"),
            FieldError::of_input("name", "must not be empty"),
        ]));
        assert_eq!(
            error.message,
            "lines.1.unitPrice måste vara större än noll; name får inte vara tom"
        );
        let fields = error.extensions.as_ref().and_then(|extensions| extensions.get("fields"));
        let Some(Value::List(fields)) = fields else { unreachable!("it has fields") };
        assert_eq!(text(&fields[1], "message"), "får inte vara tom");
        assert_eq!(text(&fields[1], "path"), "name");
    }

    #[test]
    fn a_message_without_a_translation_stays_english() {
        let unknown = Error::conflict(ConflictReason::Busy, "frobnicates the quux");
        assert_eq!(swedish(unknown).message, "frobnicates the quux");
    }
}
