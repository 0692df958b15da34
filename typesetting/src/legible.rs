//! Makes any text one that can be set: a glyph that is missing, or one that nobody sees, is an error in a PDF for the archive.

use serde_json::Value;

use crate::{
    fonts,
    visibility::{MAX_MARKS, is_mark},
};

/// What stands for a character that can't be set.
pub const MISSING: char = '□';
/// The longest word that a line is sure to hold where columns are narrow, in characters.
const LONGEST_WORD: usize = 32;
/// Where a line may break with nothing to be seen.
const MAY_BREAK: char = '\u{200b}';

/// Makes every text of the data legible. The keys of objects are the layout's own words and stay.
pub fn make(data: &mut Value) {
    match data {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            if !is_plain(text) {
                *text = legible(text);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make),
        Value::Object(fields) => fields.values_mut().for_each(make),
    }
}

/// Whether nothing needs to be looked at closely.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.split(' ').all(|word| word.len() <= LONGEST_WORD)
}

fn legible(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let (mut length, mut marks, mut before) = (0, 0, ' ');
    for char in text.chars() {
        let follows_letter = before.is_alphanumeric() && !is_mark(before);
        before = char;
        marks = if is_mark(char) { marks + 1 } else { 0 };
        let char = match char {
            // Not stream-safe: stored before such texts were refused. One sign stands for what is left out.
            _ if marks > MAX_MARKS + 1 => continue,
            _ if marks > MAX_MARKS => MISSING,
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            // Nobody sees them, and they carry no meaning in the languages that the fonts have.
            '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => continue,
            // A place to break a word. Where there is no word, lines would be tried at each of them, in time that grows with their square.
            '\u{ad}' if !follows_letter => continue,
            char if can_be_set(char) => char,
            _ => MISSING,
        };
        length = if char.is_whitespace() || char == '-' { 0 } else { length + 1 };
        if length > LONGEST_WORD {
            result.push(MAY_BREAK);
            length = 1;
        }
        result.push(char);
    }
    result
}

/// Whether the character hides, or turns what stands around it, or means nothing to others. Those that end a line, and tabs, don't.
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
        // For private use, and tags that nobody sees.
        '\u{e000}'..='\u{f8ff}' | '\u{e0000}'.. => true,
        char => char.is_control(),
    }
}

fn can_be_set(char: char) -> bool {
    !is_hidden(char) && (char == ' ' || fonts::cover(char))
}
