//! Names of uploaded files: the ending follows the recognized type, so that a program that opens a
//! file by its ending takes it for nothing else.

use crate::error::{FieldErrorCode, FieldProblem};

/// The endings of each media type that is taken; the first one is added to a name without one.
const ENDINGS: [(&str, &[&str]); 8] = [
    ("application/pdf", &["pdf"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
    ("application/xml", &["xml"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("text/csv", &["csv", "txt"]),
    ("text/plain", &["txt", "csv"]),
];

/// Returns the endings of a media type.
fn endings(media_type: &str) -> &'static [&'static str] {
    ENDINGS.iter().find(|(known, _)| *known == media_type).map_or(&[], |(_, endings)| *endings)
}

/// `true` if the name has an ending, and it is one of the type's.
fn has_ending_of(name: &str, media_type: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| {
        endings(media_type).iter().any(|known| known.eq_ignore_ascii_case(ending))
    })
}

/// Returns the problem of the name of a file of this type; `None` if it is good. A name without an
/// ending is good.
pub(crate) fn problem(name: &str, media_type: &str) -> Option<FieldProblem> {
    if name.chars().any(is_invisible) {
        return Some(FieldErrorCode::ControlCharacters.problem(
            "must not have invisible characters, such as those that change the direction of text",
        ));
    }
    if !name.contains('.') || has_ending_of(name, media_type) {
        return None;
    }
    let listed: Vec<String> =
        endings(media_type).iter().map(|ending| format!(".{ending}")).collect();
    let listed = listed.join(" / ");
    Some(
        FieldErrorCode::Mismatch
            .problem(format!("must end with {listed}, as its content is {media_type}")),
    )
}

/// Returns the name to save a file of this type under: it ends with an ending of the type, and has
/// no invisible characters.
#[must_use]
pub fn to_save(name: &str, media_type: &str) -> String {
    let name: String = name
        .chars()
        .map(|char| if char.is_control() || is_invisible(char) { '_' } else { char })
        .collect();
    let ending = endings(media_type).first().unwrap_or(&"bin");
    if has_ending_of(&name, media_type) { name } else { format!("{name}.{ending}") }
}

/// Returns a name for a terminal: control characters and invisible ones are escaped, as `\u{202e}`.
#[must_use]
pub fn to_show(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for char in name.chars() {
        if char.is_control() || is_invisible(char) {
            shown.extend(char.escape_unicode());
        } else {
            shown.push(char);
        }
    }
    shown
}

/// `true` for a character that changes how others are shown, or shows nothing (the category Cf of
/// Unicode, and the separators of lines and paragraphs).
fn is_invisible(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0001}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PDF: &str = "application/pdf";

    #[test]
    fn the_ending_is_that_of_the_type() {
        for (name, media_type, is_good) in [
            ("faktura.pdf", PDF, true),
            ("Faktura.2026.PDF", PDF, true),
            ("faktura", PDF, true),
            ("faktura.html", PDF, false),
            ("faktura.pdf.html", PDF, false),
            ("faktura.html.", PDF, false),
            ("faktura.", PDF, false),
            (".pdf", PDF, true),
            ("bild.JPG", "image/jpeg", true),
            ("bild.jpeg", "image/jpeg", true),
            ("bild.png", "image/jpeg", false),
            ("rader.csv", "text/plain", true),
            ("rader.txt", "text/csv", true),
            ("rader.bat", "text/plain", false),
            ("sida.svg", "application/xml", false),
            ("a\u{202e}fdp.pdf", PDF, false),
            ("a\u{200b}.pdf", PDF, false),
            ("Avtal å ä ö 2026–2027.pdf", PDF, true),
        ] {
            assert_eq!(problem(name, media_type).is_none(), is_good, "{name:?} {media_type}");
        }
        let named = problem("bild.exe", "image/jpeg").map(|problem| problem.message.into_owned());
        let expected = "must end with .jpg / .jpeg, as its content is image/jpeg";
        assert_eq!(named.as_deref(), Some(expected));
    }

    #[test]
    fn what_is_invisible_is_shown_escaped() {
        for (name, expected) in [
            ("Avtal å–ö.pdf", "Avtal å–ö.pdf"),
            ("a\u{202e}fdp.exe", "a\\u{202e}fdp.exe"),
            ("a\nb\u{1b}[31m", "a\\u{a}b\\u{1b}[31m"),
        ] {
            assert_eq!(to_show(name), expected);
        }
    }

    #[test]
    fn a_file_is_saved_under_the_ending_of_its_type() {
        for (name, media_type, expected) in [
            ("faktura.pdf", PDF, "faktura.pdf"),
            ("faktura", PDF, "faktura.pdf"),
            ("faktura.html", PDF, "faktura.html.pdf"),
            ("a\u{202e}fdp.exe", PDF, "a_fdp.exe.pdf"),
            ("x", "application/unheard-of", "x.bin"),
        ] {
            assert_eq!(to_save(name, media_type), expected, "{name:?}");
        }
    }
}
