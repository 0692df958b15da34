//! Makes any text fit for typesetting: a missing or invisible glyph is an error in a PDF for the
//! archive.

use serde_json::Value;

use super::{
    fonts, joints,
    visibility::{MAX_MARKS, is_mark},
};

/// Replacement for a character that can't be typeset.
pub const MISSING: char = '□';
/// The longest word that fits a line in narrow columns, in characters.
const MAX_UNBROKEN_WORD: usize = 24;
/// Zero width space: an invisible break point.
pub(crate) const MAY_BREAK: char = '\u{200b}';
/// Soft hyphen: a break point with a hyphen.
pub(crate) const SOFT_HYPHEN: char = '\u{ad}';

/// Makes every text of the data legible. Keys of objects belong to the layout and are unchanged,
/// and so are the targets of links (`to`).
pub fn make(data: &mut Value) {
    make_each(data, |text| if is_plain(text) { None } else { Some(breakable(&legible(text))) });
}

/// Does the same for texts that are not typeset: without break points.
pub fn make_unbroken(data: &mut Value) {
    make_each(data, |text| {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            None
        } else {
            Some(legible(text))
        }
    });
}

fn make_each(data: &mut Value, change: fn(&str) -> Option<String>) {
    match data {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            if let Some(changed) = change(text) {
                *text = changed;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| make_each(value, change)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "to" { make_unbroken(value) } else { make_each(value, change) }
            }
        }
    }
}

/// Returns the first character of a text that documents show as [`MISSING`], because the fonts lack
/// it or it is hidden; `None` if all of it is legible.
#[must_use]
pub fn missing(text: &str) -> Option<char> {
    text.chars()
        .zip(legible_chars(text))
        .find_map(|(char, shown)| (shown == Some(MISSING) && char != MISSING).then_some(char))
}

/// Returns the first character of a text that is not typeset unchanged: the fonts lack it, or it
/// shows nothing or changes the direction of writing. Includes soft hyphens: break points follow
/// from the text.
#[must_use]
pub fn unsettable(text: &str) -> Option<char> {
    let is_set = |char: char, shown: Option<char>| {
        char != SOFT_HYPHEN && shown.is_some_and(|shown| shown != MISSING || char == MISSING)
    };
    text.chars()
        .zip(legible_chars(text))
        .find_map(|(char, shown)| (!is_set(char, shown)).then_some(char))
}

/// Returns `true` if the text needs no processing.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.split(' ').all(|word| word.len() < joints::MIN_LENGTH)
}

/// Adds break points: at the joints of compounds, and within words that are longer than any line.
fn breakable(text: &str) -> String {
    let mut result = String::with_capacity(text.len() + text.len() / 8);
    for token in text.split_inclusive(char::is_whitespace) {
        // A hyphen in an address would be taken for part of it.
        let is_address = token.contains(['@', '/']) || token.starts_with("www.");
        break_token(token, if is_address { MAY_BREAK } else { SOFT_HYPHEN }, &mut result);
    }
    result
}

/// Adds break points to a text without blanks; between letters as this character.
fn break_token(token: &str, between_letters: char, result: &mut String) {
    let (mut word, mut length) = (Vec::new(), 0);
    for char in token.chars().map(Some).chain([None]) {
        if let Some(letter) = char.filter(|char| char.is_alphabetic() || is_mark(*char)) {
            word.push(letter);
            continue;
        }
        let joints = if between_letters == SOFT_HYPHEN {
            joints::positions(&word, MAX_UNBROKEN_WORD)
        } else {
            Vec::new()
        };
        for (position, letter) in word.drain(..).enumerate() {
            if (joints.binary_search(&position).is_ok() || length >= MAX_UNBROKEN_WORD)
                && !is_mark(letter)
            {
                result.push(if position > 0 { between_letters } else { MAY_BREAK });
                length = 0;
            }
            result.push(letter);
            length += 1;
        }
        let Some(char) = char else { break };
        if length >= MAX_UNBROKEN_WORD && !char.is_whitespace() {
            result.push(MAY_BREAK);
            length = 0;
        }
        result.push(char);
        length = if matches!(char, '-' | SOFT_HYPHEN) { 0 } else { length + 1 };
    }
}

fn legible(text: &str) -> String {
    legible_chars(text).flatten().collect()
}

/// Returns the replacement for each character of a text; `None`: nothing.
fn legible_chars(text: &str) -> impl Iterator<Item = Option<char>> {
    let (mut marks, mut before) = (0, ' ');
    text.chars().map(move |char| {
        let follows_letter = before.is_alphanumeric() && !is_mark(before);
        before = char;
        marks = if is_mark(char) { marks + 1 } else { 0 };
        match char {
            // Not stream-safe: stored before such texts were refused. One replacement stands for
            // all omitted marks.
            _ if marks > MAX_MARKS + 1 => None,
            _ if marks > MAX_MARKS => Some(MISSING),
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            // Invisible, and without meaning in the languages of the fonts.
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => None,
            // A break point in a word. Outside of words, line breaking would try each of them, in
            // time that grows with the square of their number.
            SOFT_HYPHEN if !follows_letter => None,
            char if can_be_set(char) => Some(char),
            _ => Some(MISSING),
        }
    })
}

/// Returns `true` if the character is hidden, changes the direction of others, or has no common
/// meaning. Line breaks and tabs do not count.
#[must_use]
pub fn is_hidden(char: char) -> bool {
    match char {
        '\n' | '\r' | '\t' => false,
        '\u{61c}'
        | '\u{180e}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2061}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fffe}'..='\u{ffff}' => true,
        // For private use, and invisible tags.
        '\u{e000}'..='\u{f8ff}' | '\u{e0000}'.. => true,
        char => char.is_control(),
    }
}

fn can_be_set(char: char) -> bool {
    !is_hidden(char) && (char == ' ' || fonts::cover(char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> String {
        breakable(&legible(text)).replace(SOFT_HYPHEN, "~").replace(MAY_BREAK, "|")
    }

    #[test]
    fn words_break_at_joints_and_overlong_words_with_a_hyphen() {
        assert_eq!(
            set("Samordningsförbundets kursintäkter"),
            "Samordnings~förbundets kursintäkter"
        );
        assert_eq!(
            set("kursintäkterna, personuppgiftsbehandling."),
            "kurs~intäkterna, personuppgifts~behandling."
        );
        // The known part of a word that is too long for a line, and then before a syllable.
        assert_eq!(set("Samordningsförbundskansliets"), "Samordnings~förbunds~kansliets");
        assert_eq!(
            set("verifikationsnummerseriebeskrivningarnas"),
            "verifikationsnummerserie~beskrivningarnas"
        );
        assert_eq!(set(&"å".repeat(60)), format!("{0}~{0}~{1}", "å".repeat(24), "å".repeat(12)));
        assert_eq!(set(&"1".repeat(30)), format!("{}|{}", "1".repeat(24), "1".repeat(6)));
        assert_eq!(set("verksamhetsledare@example.se"), "verksamhetsledare@exampl|e.se");
        for text in ["ett kort ord", "Avtal 2026-0042", "https://example.se/a"] {
            assert_eq!(set(text), text);
        }
    }

    #[test]
    fn characters_that_no_font_has_are_named() {
        for (text, expected) in [
            ("Åäö – «kr» ‰ é ü ł Ж Ω", None),
            ("rad\nrad", None),
            ("Kurs 漢字", Some('漢')),
            ("😀", Some('😀')),
            ("a\u{202e}b", Some('\u{202e}')),
            ("□", None),
        ] {
            assert_eq!(missing(text), expected, "{text:?}");
        }
    }

    #[test]
    fn hidden_characters_are_replaced() {
        for (text, expected) in [
            ("Åäö – «kr» ‰ a\u{30a}\u{a0}x\n", None),
            ("ko\u{ad}nto", Some('\u{ad}')),
            ("a\u{200b}", Some('\u{200b}')),
            ("a\u{202e}漢", Some('\u{202e}')),
            ("□", None),
        ] {
            assert_eq!(unsettable(text), expected, "{text:?}");
        }
    }

    #[test]
    fn metadata_has_no_break_points() {
        let mut about = serde_json::json!({ "title": "Avtal om samordningsförbundsavgifter 漢" });
        make_unbroken(&mut about);
        assert_eq!(about["title"], "Avtal om samordningsförbundsavgifter □");
    }
}
