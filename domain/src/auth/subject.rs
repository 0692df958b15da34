//! Subjects of tokens (`sub`): names in the audit trail that a reader can't confuse with another
//! person's or the program's own.
//!
//! Confusable names are detected by UTS 39 (Unicode Security Mechanisms): the characters of
//! identifiers, the scripts that may be mixed, and the characters that look like others.

use std::{collections::HashSet, sync::LazyLock};

use unicode_normalization::is_nfc;
use unicode_security::{
    GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection, skeleton,
};

use super::viewer::{OPERATOR, OPERATORS};
use crate::error::LINE;

/// Checks that a subject has 1 to 300 visible characters of compatible scripts, and does not look
/// like another subject in ASCII or like a name of the program.
///
/// # Errors
/// A description that continues "the token".
pub(super) fn check(subject: &str) -> Result<(), String> {
    let length = subject.chars().count();
    if subject.trim().is_empty() || length > LINE {
        return Err(format!("must have a subject (sub) of 1 to {LINE} characters"));
    }
    if subject.trim() != subject {
        return Err("has a subject (sub) that begins or ends with a blank".to_owned());
    }
    if let Some(char) = subject.chars().find(|char| !is_plain(*char)) {
        return Err(format!(
            "has a subject (sub) with the character U+{:04X}, which is a control character or looks like another",
            char as u32
        ));
    }
    // A letter with a combining mark looks like the composed letter.
    if !is_nfc(subject) {
        return Err(
            "has a subject (sub) that is not in the Unicode normalization form C".to_owned()
        );
    }
    // A Latin letter that looks like two others, as æ, is a letter in its own right.
    let is_foreign = subject.chars().any(|char| !char.is_ascii() && !is_latin(char));
    if is_mixed(subject) || (is_foreign && skeleton(subject).all(|char| char.is_ascii())) {
        return Err(
            "has a subject (sub) with letters of one script that look like those of another"
                .to_owned(),
        );
    }
    if is_of_program(subject) {
        return Err("has a subject (sub) that is like a name of this program itself".to_owned());
    }
    Ok(())
}

/// Returns `true` for printable ASCII, and for other characters that identifiers may have and that
/// look like no single ASCII character.
fn is_plain(char: char) -> bool {
    if char.is_ascii() {
        return char == ' ' || char.is_ascii_graphic();
    }
    let mut buffer = [0; 4];
    let mut alike = skeleton(char.encode_utf8(&mut buffer)).fuse();
    let looks_like_ascii =
        alike.next().is_some_and(|first| first.is_ascii()) && alike.next().is_none();
    // Names written wholly in another script have letters that look like Latin ones; the caller
    // checks those as a whole.
    char.identifier_allowed() && !(looks_like_ascii && is_latin(char))
}

fn is_latin(char: char) -> bool {
    let mut buffer = [0; 4];
    let text: &str = char.encode_utf8(&mut buffer);
    // Next to a Latin letter, a character of another script is mixed script.
    !is_mixed(&format!("a{text}"))
}

/// Returns `true` if the subject mixes scripts that no language mixes, as Latin and Cyrillic.
fn is_mixed(subject: &str) -> bool {
    // Characters that identifiers do not contain, as @ and spaces, belong to every script.
    let letters: String =
        subject.chars().filter(|char| char.is_alphanumeric() || !char.is_ascii()).collect();
    letters.as_str().detect_restriction_level() > RestrictionLevel::HighlyRestrictive
}

/// Returns `true` if the subject looks like the name of the program or of one of its operators,
/// disregarding case, spaces and punctuation.
fn is_of_program(subject: &str) -> bool {
    static PROGRAM: LazyLock<String> = LazyLock::new(|| folded(OPERATOR));
    static NAMES: LazyLock<HashSet<String>> =
        LazyLock::new(|| OPERATORS.iter().map(|operator| folded(operator)).collect());
    let name = folded(subject);
    let rest = name.strip_prefix(PROGRAM.as_str());
    subject.starts_with(OPERATOR)
        || NAMES.contains(&name)
        || rest.is_some_and(|rest| rest.is_empty() || NAMES.contains(rest))
}

/// Returns the skeleton of a name (UTS 39), without case, spaces and punctuation.
fn folded(name: &str) -> String {
    skeleton(&name.to_lowercase()).filter(|char| char.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_and_programs_are_taken() {
        for subject in [
            "anna@example.se",
            "Anna Åström",
            "Åsa.Öberg@förbund.se",
            "bjærke@example.dk",
            "O'Neill, Łukasz",
            "auth0|0190b5a4-1f2e",
            "https://login.example.se/users/4711",
            "CN=Åsa Öberg,O=Umeå kommun",
            "анна@пример.рф",
            "山田太郎",
            "samregister-frontend",
            "importera@example.se",
            "office",
            "demo-office",
            "cron",
        ] {
            assert_eq!(check(subject), Ok(()), "{subject}");
        }
    }

    #[test]
    fn every_operator_is_known() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut folders, mut found) = (vec![here.join("src"), here.join("../src")], 0);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let marker = ["Viewer::operator", "(\""].concat();
                for name in
                    text.split(marker.as_str()).skip(1).filter_map(|rest| rest.split('"').next())
                {
                    assert!(
                        OPERATORS.contains(&name),
                        "{} has the operator {name}, which OPERATORS lacks",
                        path.display()
                    );
                    found += 1;
                }
            }
        }
        assert!(found > 15, "{found}");
    }

    #[test]
    fn names_that_look_like_others_are_refused() {
        for (subject, why) in [
            ("", "1 to 300"),
            ("  ", "1 to 300"),
            (&"a".repeat(301), "1 to 300"),
            (" anna@example.se", "blank"),
            ("anna@example.se\u{a0}", "blank"),
            ("an\nna", "U+000A"),
            ("anna\u{200b}@example.se", "U+200B"),
            ("anna\u{202e}@example.se", "U+202E"),
            ("an\u{ad}na@example.se", "U+00AD"),
            ("anna\u{a0}b", "U+00A0"),
            ("аnna@example.se", "script"),
            ("ann\u{251}@example.se", "U+0251"),
            ("ａnna@example.se", "U+FF41"),
            ("𝐚nna@example.se", "U+1D41A"),
            ("ınga@example.se", "U+0131"),
            ("сосо", "script"),
            ("A\u{30a}sa", "form C"),
            ("samregister import", "program"),
            ("samregister anything", "program"),
            ("Samregister  Import", "program"),
            ("samregister-import", "program"),
            ("samregister", "program"),
            ("sаmregister import", "script"),
            ("Import", "program"),
            ("system", "program"),
            ("S Y S T E M", "program"),
        ] {
            assert!(
                check(subject).is_err_and(|reason| reason.contains(why)),
                "{subject:?} is {:?}",
                check(subject)
            );
        }
    }
}
