//! Formula injection: texts from outside that a spreadsheet would run when it opens a CSV file.
//!
//! A spreadsheet calculates a cell that begins with `=`, `+`, `-` or `@`, and skips a tab or line
//! break before it. A spreadsheet with Swedish settings uses `;` as the separator, also in a file
//! that is separated by commas: then a cell begins after each `;` of a text.

use std::borrow::Cow;

/// Returns the text with an apostrophe wherever a spreadsheet would begin a formula, which makes
/// the cell text; a number is returned unchanged.
pub(super) fn neutralized(text: &str) -> Cow<'_, str> {
    if (!text.contains(begins_formula) && !text.starts_with(is_break)) || is_number(text) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 4);
    // Characters that a spreadsheet skips before a formula. The apostrophe goes before them, so
    // that the whole cell is text.
    let begins = text.trim_start_matches(is_passed_over).starts_with(begins_formula);
    if begins || text.starts_with(is_break) {
        safe.push('\'');
    }
    let mut is_start = false;
    for char in text.chars() {
        if is_start && begins_formula(char) {
            safe.push('\'');
        }
        safe.push(char);
        is_start = char == ';' || is_break(char) || (is_start && is_passed_over(char));
    }
    Cow::Owned(safe)
}

/// Returns `true` for the characters that begin a formula, including full-width forms, which East
/// Asian spreadsheets accept.
fn begins_formula(char: char) -> bool {
    matches!(char, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

fn is_break(char: char) -> bool {
    matches!(char, '\t' | '\r' | '\n')
}

fn is_passed_over(char: char) -> bool {
    char.is_whitespace() || char == '"'
}

/// Returns `true` for an optional minus and digits, with optional decimals after a point or a
/// comma. A text with a plus is more likely a phone number, and a spreadsheet would drop the plus.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    [whole, decimals]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_are_never_formulas() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("+46 70 174 06 05", "'+46 70 174 06 05"),
            ("+46701740605", "'+46701740605"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1:A9)", "'@SUM(A1:A9)"),
            ("\t=1+1", "'\t'=1+1"),
            ("\r=1+1", "'\r'=1+1"),
            ("\tx", "'\tx"),
            ("\nx", "'\nx"),
            (" =1+1", "' =1+1"),
            ("\"=1+1", "'\"=1+1"),
            ("＝1＋1", "'＝1＋1"),
            (
                "=HYPERLINK(\"https://example.com\",\"se\")",
                "'=HYPERLINK(\"https://example.com\",\"se\")",
            ),
            ("x;=1+1", "x;'=1+1"),
            ("x; \"=1+1", "x; \"'=1+1"),
            ("x\n-1+1", "x\n'-1+1"),
            ("-5;-6", "'-5;'-6"),
            ("-", "'-"),
            ("--1", "'--1"),
            ("-1e5", "'-1e5"),
            ("-1.", "'-1."),
        ] {
            assert_eq!(neutralized(text), safe, "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_unchanged() {
        for text in [
            "",
            "Umeå",
            "a-b",
            "a = b",
            "2026-0001",
            "1+1",
            "kansli@example.se",
            "-5",
            "-5.50",
            "-0,05",
            "a;b",
            "'=1",
        ] {
            assert_eq!(neutralized(text), text);
        }
    }
}
