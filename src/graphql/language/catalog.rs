//! Catalogue of messages: Swedish templates by the English templates of the program, in the format
//! of gettext.
//!
//! A placeholder, as `{name}`, stands for any text. The text that it stands for is translated too
//! if the catalogue has it, so that a message may contain nouns and clauses of the program.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

/// The catalogue as a file.
const SOURCE: &str = include_str!("../../../assets/messages/sv.po");

/// Text that a template has at least, in bytes, to stand for a whole message: `{first} and
/// {second}` is only for what placeholders hold.
const MIN_MESSAGE_BYTES: usize = 7;

/// Maximum number of translated texts within each other.
const MAX_DEPTH: u32 = 4;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::new(entries()));

/// One message of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// English template.
    pub english: String,
    /// Swedish template, with the same placeholders.
    pub swedish: String,
    /// `true` if the program has no such text as a whole: it is composed, or of a library.
    pub is_composed: bool,
}

/// Returns the entries of the catalogue, in the order of the file.
#[must_use]
pub fn entries() -> Vec<Entry> {
    read(SOURCE)
}

/// Returns a message in Swedish, or in English if the catalogue does not have it.
#[must_use]
pub fn in_swedish(message: &str) -> Cow<'_, str> {
    CATALOG.translate(message, MAX_DEPTH).map_or(Cow::Borrowed(message), Cow::Owned)
}

/// Reads entries: `msgid` and `msgstr`, each with a text in quotes. The comment `#. composed` marks
/// the next entry.
fn read(source: &str) -> Vec<Entry> {
    let (mut entries, mut entry) = (Vec::new(), Entry::default());
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("msgid ") {
            entry.english = unquoted(text);
        } else if let Some(text) = line.strip_prefix("msgstr ") {
            entry.swedish = unquoted(text);
            let entry = std::mem::take(&mut entry);
            // The entry with an empty id is the header of the file.
            entries.extend(Some(entry).filter(|entry| !entry.english.is_empty()));
        } else if line == "#. composed" {
            entry.is_composed = true;
        }
    }
    entries
}

/// Returns the text of a string in quotes with the escapes `\"` and `\\`.
fn unquoted(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let mut is_escaped = false;
    let is_shown = |char: &char| {
        is_escaped = !is_escaped && *char == '\\';
        !is_escaped
    };
    text.chars().filter(is_shown).collect()
}

/// A template, as texts with a placeholder between each two of them.
#[derive(Debug)]
struct Template {
    texts: Vec<String>,
    names: Vec<String>,
}

impl Template {
    fn parse(template: &str) -> Self {
        let (mut texts, mut names, mut text) = (Vec::new(), Vec::new(), String::new());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            text += before;
            match after.split_once('}') {
                Some((name, after)) if is_name(name) => {
                    texts.push(std::mem::take(&mut text));
                    names.push(name.to_owned());
                    rest = after;
                }
                _ => {
                    text.push('{');
                    rest = after;
                }
            }
        }
        texts.push(text + rest);
        Self { texts, names }
    }

    /// Returns what the placeholders stand for; `None` if the message is not of this template.
    fn captures<'m>(&self, message: &'m str) -> Option<Vec<&'m str>> {
        let (first, others) = self.texts.split_first()?;
        let (last, middle) = others.split_last()?;
        let mut rest = message.strip_prefix(first.as_str())?.strip_suffix(last.as_str())?;
        let mut found = Vec::with_capacity(self.names.len());
        for text in middle {
            let (captured, after) = rest.split_once(text.as_str())?;
            found.push(captured);
            rest = after;
        }
        found.push(rest);
        // A placeholder within a sentence holds no other sentence.
        let is_sentence = last.ends_with('.');
        let fits = |(name, text): (&String, &&str)| {
            !(text.is_empty() || is_sentence && name != "message" && text.contains(". "))
        };
        self.names.iter().zip(&found).all(fits).then_some(found)
    }

    /// Returns the number of bytes outside placeholders.
    fn weight(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_*".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

/// The catalogue, ready for use.
#[derive(Debug)]
struct Catalog {
    exact: HashMap<String, String>,
    /// Templates with placeholders, those with the most text first.
    patterns: Vec<(Template, Template)>,
}

impl Catalog {
    fn new(entries: Vec<Entry>) -> Self {
        let (mut exact, mut patterns) = (HashMap::new(), Vec::new());
        for Entry { english, swedish, .. } in entries {
            let pattern = Template::parse(&english);
            if pattern.names.is_empty() {
                exact.insert(english, swedish);
            } else {
                patterns.push((pattern, Template::parse(&swedish)));
            }
        }
        patterns.sort_by_key(|(english, _)| std::cmp::Reverse(english.weight()));
        Self { exact, patterns }
    }

    /// Returns a text in Swedish; `None` if the catalogue does not have it.
    fn translate(&self, text: &str, depth: u32) -> Option<String> {
        if let Some(swedish) = self.exact.get(text) {
            return Some(swedish.clone());
        }
        let below = depth.checked_sub(1)?;
        let is_whole = depth == MAX_DEPTH;
        let whole = self.patterns.iter().find_map(|(english, swedish)| {
            let captures = english.captures(text)?;
            let fits = !is_whole || english.weight() >= MIN_MESSAGE_BYTES;
            fits.then(|| self.render(swedish, &english.names, &captures, below))
        });
        whole.or_else(|| self.sentences(text, below))
    }

    /// Translates each of several sentences.
    fn sentences(&self, text: &str, depth: u32) -> Option<String> {
        let (first, rest) = text.split_once(". ").filter(|_| text.ends_with('.'))?;
        let first = format!("{first}.");
        let (swedish, others) = (self.translate(&first, depth), self.translate(rest, depth));
        if swedish.is_none() && others.is_none() {
            return None;
        }
        let (first, rest) = (swedish.unwrap_or(first), others.unwrap_or_else(|| rest.to_owned()));
        Some(format!("{first} {rest}"))
    }

    fn render(&self, swedish: &Template, names: &[String], found: &[&str], depth: u32) -> String {
        let mut texts = swedish.texts.iter();
        let mut rendered = texts.next().cloned().unwrap_or_default();
        for (name, text) in swedish.names.iter().zip(texts) {
            let position = names.iter().position(|known| known == name);
            let captured = position.and_then(|position| found.get(position)).copied();
            let captured = captured.unwrap_or_default();
            rendered += &self.translate(captured, depth).unwrap_or_else(|| captured.to_owned());
            rendered += text;
        }
        rendered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(pairs: &[(&str, &str)]) -> Catalog {
        let entry = |(english, swedish): &(&str, &str)| Entry {
            english: (*english).to_owned(),
            swedish: (*swedish).to_owned(),
            is_composed: false,
        };
        Catalog::new(pairs.iter().map(entry).collect())
    }

    #[test]
    fn entries_are_read() {
        let source = "msgid \"\"\nmsgstr \"Language: sv\"\n\n#. composed\nmsgid \"a \\\"b\\\" \\\\ {c}\"\nmsgstr \"{c} d\"\n\nmsgid \"e\"\nmsgstr \"f\"\n";
        let found = read(source);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].english, "a \"b\" \\ {c}");
        assert!(found[0].is_composed && !found[1].is_composed);
    }

    #[test]
    fn the_longest_template_wins_and_its_parts_are_translated() {
        let catalog = catalog(&[
            ("{name} has ended", "{name} har upphört"),
            ("{name} has ended on {day}", "{day} upphörde {name}"),
            ("agreement {number}", "avtal {number}"),
            ("the draft", "utkastet"),
        ]);
        for (english, swedish) in [
            ("agreement 2026-0001 has ended", Some("avtal 2026-0001 har upphört")),
            ("the draft has ended on 2026-01-01", Some("2026-01-01 upphörde utkastet")),
            (" has ended", None),
            ("something else", None),
        ] {
            assert_eq!(catalog.translate(english, MAX_DEPTH).as_deref(), swedish, "{english}");
        }
    }

    #[test]
    fn sentences_are_translated_one_by_one() {
        let catalog = catalog(&[
            ("It has {number} rows; {most} are allowed.", "Det har {number} rader av {most}."),
            ("{message} Request less.", "{message} Begär mindre."),
        ]);
        let english = "It has 3 rows; 2 are allowed. It has 9 rows; 8 are allowed. Request less.";
        let swedish = "Det har 3 rader av 2. Det har 9 rader av 8. Begär mindre.";
        assert_eq!(catalog.translate(english, MAX_DEPTH).as_deref(), Some(swedish));
    }

    #[test]
    fn braces_that_are_no_placeholder_are_text() {
        let catalog = catalog(&[("as {\"days\": {n}} {% if %}", "som {\"days\": {n}} {% if %}")]);
        let text = "as {\"days\": 14} {% if %}";
        assert_eq!(catalog.translate(text, 1).as_deref(), Some("som {\"days\": 14} {% if %}"));
    }
}
