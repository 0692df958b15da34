//! Checks of texts for documents at input: a character that the fonts lack, or that is hidden, is
//! refused with its field.
//!
//! Stored and imported texts are typeset unchecked: the typesetter shows «□» for a missing
//! character.

use documents::typesetting;
use serde_json::{Map, Value};

use crate::error::{FieldErrorCode, FieldProblem, LINE, ValidationErrors};

/// Returns a description of the first character of a text that a document can't show: the fonts
/// lack it, or it is hidden or changes the direction of writing.
#[must_use]
pub fn problem(text: &str) -> Option<FieldProblem> {
    let char = typesetting::unsettable(text)?;
    let code = format!("U+{:04X}", u32::from(char));
    if char.is_control()
        || typesetting::shows_nothing(&char.to_string())
        || typesetting::is_hidden(char)
    {
        let message = format!("has the invisible character {code}; leave it out");
        return Some(FieldErrorCode::Unprintable.problem(message));
    }
    let message = format!(
        "has the character {char} ({code}), which documents can't show; write it in other words"
    );
    Some(FieldErrorCode::Unprintable.problem(message))
}

impl ValidationErrors {
    /// Adds an error if a document can't show the text.
    pub fn settable(&mut self, path: &str, text: &str) {
        if let Some(problem) = problem(text) {
            self.add(path, problem);
        }
    }

    /// Adds an error if a document can't show the text and it differs from the former one.
    pub fn settable_change(&mut self, path: &str, before: Option<&str>, text: Option<&str>) {
        if let Some(text) = text.filter(|text| before != Some(text)) {
            self.settable(path, text);
        }
    }

    /// Reads a line for documents: like [`ValidationErrors::text`], and documents must be able to
    /// show it.
    pub fn document_line(&mut self, path: &str, text: &str) -> String {
        let text = self.text(path, text, LINE);
        self.settable(path, &text);
        text
    }

    /// Like [`ValidationErrors::document_line`], but returns `None` for an empty text.
    pub fn optional_document_line(&mut self, path: &str, text: Option<&str>) -> Option<String> {
        let text = self.optional_text(path, text, LINE)?;
        self.settable(path, &text);
        Some(text)
    }

    /// Adds an error, as `<path>[<name>]`, for each value with a text that a document can't show;
    /// at most `max` errors.
    pub fn settable_values(&mut self, path: &str, values: &Map<String, Value>, max: usize) {
        let texts = values.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        let found: Vec<(String, FieldProblem)> = texts
            .filter_map(|(name, text)| Some((name.clone(), problem(text)?)))
            .take(max)
            .collect();
        for (name, problem) in found {
            self.add(format!("{path}[{}]", name.chars().take(max).collect::<String>()), problem);
        }
    }

    /// Adds an error for each line of a longer text that a document can't show, with its number.
    pub fn settable_lines(&mut self, path: &str, text: &str) {
        let lines = (1..).zip(text.lines()).filter_map(|(line, text)| {
            let problem = problem(text)?;
            let message = format!("line {line}: {problem}");
            Some(problem.with_message(message).with("line", line))
        });
        self.add_each(path, lines.take(100));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_character_is_named() {
        for text in ["Åäö – «kr» ‰ é ü ł Ж Ω", "rad\nrad\tx", "a\u{30a}", "10\u{a0}%", ""]
        {
            assert_eq!(problem(text), None, "{text:?}");
        }
        for (text, expected) in [
            (
                "Bo 漢字",
                "has the character 漢 (U+6F22), which documents can't show; write it in other words",
            ),
            (
                "😀",
                "has the character 😀 (U+1F600), which documents can't show; write it in other words",
            ),
            ("Bo\u{200b}", "has the invisible character U+200B; leave it out"),
            ("Bo\u{202e}", "has the invisible character U+202E; leave it out"),
            ("avtals\u{ad}tid", "has the invisible character U+00AD; leave it out"),
            ("a\u{feff}b", "has the invisible character U+FEFF; leave it out"),
            (
                "❤\u{fe0f}",
                "has the character ❤ (U+2764), which documents can't show; write it in other words",
            ),
        ] {
            assert_eq!(
                problem(text).map(|found| found.to_string()).as_deref(),
                Some(expected),
                "{text:?}"
            );
        }
    }

    #[test]
    fn unchanged_texts_are_not_refused() {
        let mut errors = ValidationErrors::default();
        errors.settable_change("name", Some("漢"), Some("漢"));
        errors.settable_change("goal", None, None);
        errors.settable_values(
            "parameters",
            &Map::from_iter([("a".into(), json!("漢")), ("b".into(), json!(1))]),
            50,
        );
        errors.settable_lines("body", "ett\ntvå 漢\n\u{200b}");
        let found: Vec<_> = errors
            .into_inner()
            .into_iter()
            .map(|error| format!("{} {:.20}", error.path, error.message))
            .collect();
        assert_eq!(
            found,
            [
                "parameters[a] has the character 漢 ",
                "body line 2: has the char",
                "body line 3: has the invi"
            ]
        );
    }
}
