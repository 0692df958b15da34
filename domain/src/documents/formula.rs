//! Formula injection: texts of others that a spreadsheet would run when it opens a CSV file.
//!
//! A spreadsheet calculates what begins with `=`, `+`, `-` or `@`, and passes over a tab or line
//! break before it. One that is set up for Sweden takes `;` for the separator, also in a file whose
//! separator is the comma: then a cell begins after each `;` of a text.

use std::borrow::Cow;

/// Returns the text with an apostrophe wherever a spreadsheet would begin a formula, which makes it
/// a text there; a number stays as it is.
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

/// The characters that a formula begins with, in full width too, as East Asian spreadsheets read
/// them.
fn begins_formula(char: char) -> bool {
    matches!(char, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠')
}

fn is_break(char: char) -> bool {
    matches!(char, '\t' | '\r' | '\n')
}

fn is_passed_over(char: char) -> bool {
    char.is_whitespace() || char == '"'
}

/// Returns `true` for an optional minus and digits, with decimals after a point or a comma if any.
/// With a plus it is more likely a phone number, which would lose it.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (aggregate, decimals) = digits.split_once(['.', ',']).unwrap_or((digits, "0"));
    [aggregate, decimals]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_is_a_formula() {
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
    fn everything_else_stays_as_it_is() {
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
