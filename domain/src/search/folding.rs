//! Words of texts, folded as the search index stores them.

use std::collections::BTreeSet;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Maximum length of a word in the index, in characters; longer words are truncated, in the index
/// and in searches.
const MAX_WORD_LENGTH: usize = 60;

/// Folds a text for search: lower case, å ä ö are letters in their own right, all other accents are
/// removed.
fn fold(text: &str) -> Vec<char> {
    let mut folded = Vec::with_capacity(text.len());
    for char in text.nfkc().flat_map(char::to_lowercase) {
        match char {
            'å' | 'ä' | 'ö' => folded.push(char),
            'æ' => folded.push('ä'),
            'ø' => folded.push('ö'),
            'ß' => folded.extend(['s', 's']),
            other => {
                folded.extend(std::iter::once(other).nfd().filter(|char| !is_combining_mark(*char)))
            }
        }
    }
    folded
}

/// Returns the words of a text. A hyphen separates words, but not digits: `2026-0042` is one word,
/// and its last part, `0042`, another one.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let folded = fold(text);
    let digit = |position: Option<usize>| {
        position.and_then(|position| folded.get(position)).is_some_and(char::is_ascii_digit)
    };
    let joins = |position: usize| {
        folded[position] == '-' && digit(position.checked_sub(1)) && digit(Some(position + 1))
    };
    let mut parted = String::with_capacity(text.len());
    for (position, char) in folded.iter().enumerate() {
        parted.push(if char.is_alphanumeric() || joins(position) { *char } else { ' ' });
    }
    let ends = |word: &'_ str| word.rsplit_once('-').map(|(_, end)| end.to_owned());
    let all = parted
        .split_whitespace()
        .flat_map(|word| std::iter::once(word.to_owned()).chain(ends(word)));
    all.map(|word| word.chars().take(MAX_WORD_LENGTH).collect()).collect()
}

/// Collects the texts within a JSON value: of an object its values, not its keys.
pub(super) fn texts_within(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => found.push(text.clone()),
        serde_json::Value::Number(number) => found.push(number.to_string()),
        serde_json::Value::Array(values) => {
            values.iter().for_each(|value| texts_within(value, found))
        }
        serde_json::Value::Object(values) => {
            values.values().for_each(|value| texts_within(value, found))
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        words(text).into_iter().collect()
    }

    #[test]
    fn swedish_letters_are_letters_and_other_accents_are_not() {
        assert_eq!(of("ÖREBRO Åre ÄRLA"), ["ärla", "åre", "örebro"]);
        // As some keyboards and file systems write them: the letter and its ring or dots as two
        // characters.
        assert_eq!(of("A\u{30a}re O\u{308}rebro"), ["åre", "örebro"]);
        assert_eq!(
            of("Éva André MÜLLER İzmir Straße"),
            ["andre", "eva", "izmir", "muller", "strasse"]
        );
        assert_eq!(of("Ærø Ｆｕｌｌ ﬁn"), ["fin", "full", "ärö"]);
    }

    #[test]
    fn words_are_separated_by_everything_but_letters_and_digits() {
        assert_eq!(
            of("Ö-nätverk (BIP), \"a\" OR b* NEAR:c & 'd' | !e"),
            ["a", "b", "bip", "c", "d", "e", "near", "nätverk", "or", "ö"]
        );
        assert_eq!(
            of("2026-0042 2026- -7 a-1 1-a 222000-1834"),
            ["0042", "1", "1834", "2026", "2026-0042", "222000-1834", "7", "a"]
        );
        assert_eq!(of(" % _ \\ \0 "), Vec::<String>::new());
        assert_eq!(of(&"å".repeat(1000)), ["å".repeat(MAX_WORD_LENGTH)]);
    }

    #[test]
    fn parameters_are_found_by_their_values() {
        let mut texts = Vec::new();
        texts_within(
            &serde_json::json!({ "ort": "Åre", "dagar": 14, "delar": ["a", { "b": "c" }, null, true] }),
            &mut texts,
        );
        texts.sort();
        assert_eq!(texts, ["14", "a", "c", "Åre"]);
    }
}
